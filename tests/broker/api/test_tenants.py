"""Tenants: told by a header, created by the first entity, echoed always (§5.5.10, §6.3.14)."""

from typing import Any

import pytest

from tests.broker.api.data import ENTITIES, ERRORS, EX, OPERATIONS, TRANSACTIONS, gauge, urn
from tests.support.asgi import ABSENT, Client

ONE = f"{ENTITIES}/{urn(1)}"
DRILL = {"ngsild-tenant": "drill"}


async def test_tenants_do_not_see_each_other(client: Client) -> None:
    await client.post(ENTITIES, gauge(level=1))
    await client.post(ENTITIES, gauge(level=2), DRILL)
    plain = await client.get(f"{ONE}?format=simplified")
    drill = await client.get(f"{ONE}?format=simplified", DRILL)
    assert (plain.json()["level"], drill.json()["level"]) == (1, 2)
    await client.delete(ONE, DRILL)
    assert (await client.get(ONE)).status == 200
    assert (await client.get(f"{ENTITIES}?type=Gauge&count=true", DRILL)).json() == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (ENTITIES, gauge()),
        (f"{OPERATIONS}/create", [gauge()]),
        (f"{OPERATIONS}/upsert", [gauge()]),
        (TRANSACTIONS, {"operations": [{"op": "create", "entity": gauge()}]}),
    ],
)
async def test_creating_an_entity_creates_its_tenant(client: Client, path: str, body: Any) -> None:
    assert (await client.get(ONE, DRILL)).problem["type"] == ERRORS + "NonexistentTenant"
    assert (await client.post(path, body, DRILL)).status in (200, 201)
    assert (await client.get(ONE, DRILL)).status == 200


OTHERS = [
    ("GET", ONE, None),
    ("GET", f"{ENTITIES}?type=Gauge", None),
    ("PUT", ONE, gauge()),
    ("PATCH", ONE, {"level": 1}),
    ("DELETE", ONE, None),
    ("POST", f"{ONE}/attrs", {"level": 1}),
    ("PATCH", f"{ONE}/attrs", {"level": 1}),
    ("PATCH", f"{ONE}/attrs/level", {"value": 1}),
    ("PUT", f"{ONE}/attrs/level", {"value": 1}),
    ("DELETE", f"{ONE}/attrs/level", None),
    ("POST", f"{OPERATIONS}/update", [gauge()]),
    ("POST", f"{OPERATIONS}/merge", [gauge()]),
    ("POST", f"{OPERATIONS}/delete", [urn(1)]),
    ("POST", TRANSACTIONS, {"operations": [{"op": "delete", "id": urn(1)}]}),
    ("GET", f"{EX}/stream", None),
    ("GET", f"{EX}/typeRules", None),
    ("DELETE", f"{EX}/typeRules/Gauge", None),
]


@pytest.mark.parametrize(("method", "path", "body"), OTHERS)
async def test_other_operations_need_the_tenant_to_exist(
    client: Client, method: str, path: str, body: Any
) -> None:
    answer = await client.request(method, path, DRILL, json=ABSENT if body is None else body)
    assert answer.status == 404
    assert answer.problem["type"] == ERRORS + "NonexistentTenant"
    assert await client.broker.store.tenants() == [""]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (ENTITIES, {"id": urn(1), "type": "Gauge", "a": None}),
        (f"{OPERATIONS}/create", [{"id": urn(1)}]),
        (
            TRANSACTIONS,
            {"operations": [{"op": "create", "entity": gauge()}, {"op": "delete", "id": urn(2)}]},
        ),
    ],
)
async def test_a_creation_that_fails_creates_no_tenant(
    client: Client, path: str, body: Any
) -> None:
    assert (await client.post(path, body, DRILL)).status in (207, 400, 404)
    assert await client.broker.store.tenants() == [""]


async def test_the_tenant_is_echoed_by_successes_and_errors(quick: Client) -> None:
    await quick.post(ENTITIES, gauge(), DRILL)
    for method, path in (("GET", ONE), ("GET", ENTITIES), ("TRACE", ONE), ("GET", f"{ONE}x")):
        answer = await quick.request(method, path, DRILL)
        assert answer.all("ngsild-tenant") == ["drill"]
    assert (await quick.get(ONE)).all("ngsild-tenant") == []


@pytest.mark.parametrize(
    "tenant", ["a b", "a/b", "..", ".a", "-", "x" * 65, "人吉".encode().decode("latin-1")]
)
async def test_a_tenant_name_that_is_not_usable_is_refused(quick: Client, tenant: str) -> None:
    answer = await quick.post(ENTITIES, gauge(), {"ngsild-tenant": tenant})
    assert answer.status == 400
    assert answer.problem["place"] == "header:NGSILD-Tenant"
