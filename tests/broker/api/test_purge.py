"""`DELETE /entities`: purge (§5.6.21)."""

from typing import Any
from urllib.parse import quote

import pytest

from broker.entities import purge
from tests.broker.api.data import ENTITIES, ERRORS, EX, OPERATIONS, gauge, urn
from tests.support.asgi import Answer, Client


async def fill(client: Client, count: int = 5, **members: Any) -> None:
    """Create `count` gauges with levels 0, 1, …"""
    entities = [gauge(n, n, **members) for n in range(count)]
    assert (await client.post(f"{OPERATIONS}/create", entities)).status == 201


async def purged(client: Client, query: str, **headers: str) -> Answer:
    return await client.delete(f"{ENTITIES}?{quote(query, safe='&=')}", headers)


async def left(client: Client) -> list[int]:
    answer = await client.get(f"{ENTITIES}?local=true&limit=1000")
    return [int(one["id"].rpartition(":")[2]) for one in answer.json()]


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("type=Gauge", []),
        ("local=true", []),
        ("type=*", []),
        ("type=Bridge", [0, 1, 2, 3, 4]),
        ("q=level>1", [0, 1]),
        ("attrs=level", []),
        ("attrs=absent", [0, 1, 2, 3, 4]),
        (f"type=Gauge&id={urn(1)},{urn(9)}", [0, 2, 3, 4]),
        ("type=Gauge&idPattern=[0-2]$", [3, 4]),
    ],
)
async def test_what_a_query_selects_is_deleted(client: Client, query: str, rest: list[int]) -> None:
    await fill(client)
    answer = await purged(client, query)
    assert (answer.status, answer.body) == (204, b"")
    assert await left(client) == rest


async def test_any_number_of_entities_is_purged(client: Client) -> None:
    await fill(client, 2 * purge.SLICE + 1)
    assert (await purged(client, "q=level>=10")).status == 204
    assert await left(client) == list(range(10))


@pytest.mark.parametrize(
    ("members", "rest"),
    [
        ("drop=level", {"name", "scope"}),
        ("drop=scope,name", {"level"}),
        ("keep=level", {"level", "scope"}),
        ("keep=absent", {"scope"}),
        ("drop=absent", {"level", "name", "scope"}),
    ],
)
async def test_attributes_are_deleted_instead_where_they_are_named(
    client: Client, members: str, rest: set[str]
) -> None:
    await fill(client, 1, name="a", scope="/a")
    assert (await purged(client, f"type=Gauge&{members}")).status == 204
    assert (await client.get(f"{ENTITIES}/{urn(0)}")).json().keys() == {"id", "type", *rest}


@pytest.mark.parametrize(
    "query",
    [
        "",
        f"id={urn(1)}",
        "idPattern=.*",
        "q=modifiedAt>2020-01-01T00:00:00Z",
        "keep=level",
        "drop=level",
        "attrs=createdAt",
        "type=*&local=false",
        "type=Gauge&drop=level&keep=name",
        "type=Gauge&drop=a-b",
        "type=Gauge&drop=",
        "type=Gauge&keep=id",
        "type=Gauge&attrs=owner{name}",
        'type=Gauge&q=owner{name}=="x"',
    ],
)
async def test_a_purge_that_is_too_wide_or_wrong_deletes_nothing(
    client: Client, query: str
) -> None:
    await fill(client)
    answer = await purged(client, query)
    assert (answer.status, answer.problem["type"]) == (400, f"{ERRORS}BadRequestData")
    assert await left(client) == [0, 1, 2, 3, 4]


async def test_parameters_of_a_query_that_make_no_sense_are_refused(quick: Client) -> None:
    answer = await purged(quick, "type=Gauge&limit=2")
    assert (answer.status, answer.problem["type"]) == (400, f"{ERRORS}InvalidRequest")


async def test_entities_that_a_rule_protects_stay_and_are_reported(client: Client) -> None:
    await fill(client, 2)
    await client.put(f"{EX}/typeRules/Ledger", {"appendOnly": True})
    await client.post(ENTITIES, {**gauge(7), "type": ["Gauge", "Ledger"]})
    answer = await purged(client, "type=Gauge")
    assert answer.status == 207
    assert answer.header("content-type") == "application/json"
    told = answer.json()
    assert told["success"] == [urn(0), urn(1)]
    assert [one["entityId"] for one in told["errors"]] == [urn(7)]
    assert told["errors"][0]["error"]["type"] == f"{ERRORS}Conflict"
    assert await left(client) == [7]


async def test_only_the_tenant_named_is_purged(client: Client) -> None:
    await fill(client)
    await client.post(ENTITIES, gauge(1), {"ngsild-tenant": "drill"})
    assert (await purged(client, "type=Gauge", **{"ngsild-tenant": "drill"})).status == 204
    assert await left(client) == [0, 1, 2, 3, 4]
    unknown = await purged(client, "type=Gauge", **{"ngsild-tenant": "nowhere"})
    assert unknown.problem["type"] == f"{ERRORS}NonexistentTenant"


async def test_a_change_while_the_purge_runs_counts(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(client, 2)
    query = client.broker.entities.query

    async def changed_after(*arguments: Any) -> Any:
        page = await query(*arguments)
        await client.patch(f"{ENTITIES}/{urn(0)}/attrs", {"level": 50})
        return page

    monkeypatch.setattr(client.broker.entities, "query", changed_after)
    assert (await purged(client, "q=level<10")).status == 204
    assert await left(client) == [0]
