"""`/ngsi-ld/ex/v1/transactions`: all or nothing (an extension of ours)."""

from typing import Any

import pytest

from broker.settings import Settings
from broker.store.memory import MemoryStore
from tests.broker.api.data import (
    ENTITIES,
    ERRORS,
    INLINE,
    LD,
    OWN,
    TRANSACTIONS,
    gauge,
    link,
    urn,
)
from tests.support.asgi import Answer, Client, running

NULL = "urn:ngsi-ld:null"


def create(number: int = 1, level: Any = 1.5, **members: Any) -> dict[str, Any]:
    """Return a create operation."""
    return {"op": "create", "entity": gauge(number, level, **members)}


async def transact(client: Client, *operations: Any, **headers: str) -> Answer:
    """Run a transaction; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(TRANSACTIONS, {"operations": list(operations)}, named)


async def simple(client: Client, number: int = 1) -> Any:
    """Return an entity's simplified form, None where there is none."""
    answer = await client.get(f"{ENTITIES}/{urn(number)}?format=simplified")
    return answer.json() if answer.status == 200 else None


async def test_operations_run_in_order_and_see_each_other(client: Client) -> None:
    answer = await transact(
        client,
        create(1, 1),
        {"op": "append", "id": urn(1), "attrs": {"name": "x"}},
        {"op": "merge", "id": urn(1), "attrs": {"level": {"value": 2}, "name": NULL}},
        {"op": "add", "id": urn(1), "attribute": "level", "value": 3},
        {"op": "check", "id": urn(1), "q": "level==5;!name"},
        create(2),
        {"op": "replace", "entity": {"id": urn(2), "type": "Bridge", "name": "y"}},
        create(3),
        {"op": "delete", "id": urn(3)},
    )
    assert answer.status == 200
    assert answer.header("content-type") == "application/json"
    assert [(one["op"], one["version"]) for one in answer.json()["results"]] == [
        ("create", 1), ("append", 2), ("merge", 3), ("add", 4), ("check", 4),
        ("create", 1), ("replace", 2), ("create", 1), ("delete", 2),
    ]  # fmt: skip
    assert await simple(client, 1) == gauge(1, 5)
    assert await simple(client, 2) == {"id": urn(2), "type": "Bridge", "name": "y"}
    assert await simple(client, 3) is None


FAILING = [
    (create(1), 409, ERRORS + "AlreadyExists", "/entity/id"),
    ({**create(1), "ifNoneMatch": "*"}, 412, OWN + "PreconditionFailed", "/ifNoneMatch"),
    ({"op": "delete", "id": urn(8)}, 404, ERRORS + "ResourceNotFound", ""),
    ({"op": "merge", "id": urn(8), "attrs": {"a": 1}}, 404, ERRORS + "ResourceNotFound", ""),
    ({"op": "replace", "entity": gauge(8)}, 404, ERRORS + "ResourceNotFound", ""),
    ({"op": "delete", "id": urn(1), "ifMatch": "v9"}, 412, OWN + "PreconditionFailed", "/ifMatch"),
    ({"op": "delete", "id": urn(8), "ifMatch": "*"}, 412, OWN + "PreconditionFailed", "/ifMatch"),
    ({"op": "check", "id": urn(1), "q": "level>5"}, 412, OWN + "PreconditionFailed", "/q"),
    ({"op": "check", "id": urn(8), "q": "level>5"}, 412, OWN + "PreconditionFailed", "/q"),
    ({"op": "check", "id": urn(1), "ifNoneMatch": "*"}, 412, OWN + "PreconditionFailed", None),
    (
        {"op": "append", "id": urn(1), "attrs": {"level": 1}, "noOverwrite": True},
        409, ERRORS + "AlreadyExists", "/attrs",
    ),
    (
        {"op": "add", "id": urn(1), "attribute": "level", "value": -2, "min": 0},
        412, OWN + "PreconditionFailed", "/min",
    ),
    (
        {"op": "add", "id": urn(1), "attribute": "level", "value": 2, "max": 3},
        412, OWN + "PreconditionFailed", "/max",
    ),
    (
        {"op": "add", "id": urn(1), "attribute": "absent", "value": 2},
        404, ERRORS + "ResourceNotFound", "/attribute",
    ),
    (
        {"op": "add", "id": urn(1), "attribute": "name", "value": 2},
        400, ERRORS + "BadRequestData", "/attribute",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "status", "kind", "pointer"), FAILING)
async def test_one_failure_undoes_all_and_is_named(
    client: Client, operation: dict[str, Any], status: int, kind: str, pointer: str | None
) -> None:
    await client.post(ENTITIES, gauge(1, name="x"))
    seq = client.broker.store.span()[1]
    answer = await transact(client, create(2), operation, create(3))
    assert answer.status == status
    problem = answer.problem
    assert (problem["type"], problem["operation"]) == (kind, 1)
    assert problem["place"].startswith("body:/operations/1")
    if pointer is not None:
        assert problem["place"] == f"body:/operations/1{pointer}"
    assert await simple(client, 1) == gauge(1, name="x")
    assert await simple(client, 2) is None
    assert await simple(client, 3) is None
    assert client.broker.store.span()[1] == seq


MALFORMED = [
    ([], ""),
    ({}, "/op"),
    ({"op": "create"}, "/entity"),
    ({"op": "create", "entity": {"id": urn(2)}}, "/entity"),
    ({"op": "create", "entity": gauge(2), "id": urn(2)}, "/id"),
    ({"op": "burn", "id": urn(1)}, "/op"),
    ({"op": ["create"]}, "/op"),
    ({"op": "delete"}, "/id"),
    ({"op": "delete", "id": "no uri"}, "/id"),
    ({"op": "delete", "id": urn(1), "ifMatch": 3}, "/ifMatch"),
    ({"op": "delete", "id": urn(1), "ifMatch": "x"}, "/ifMatch"),
    ({"op": "delete", "id": urn(1), "ifNoneMatch": "v1"}, "/ifNoneMatch"),
    ({"op": "check", "id": urn(1)}, ""),
    ({"op": "check", "id": urn(1), "q": "level>"}, "/q"),
    ({"op": "check", "id": urn(1), "q": 5}, "/q"),
    ({"op": "append", "id": urn(1), "attrs": {}}, "/attrs"),
    ({"op": "append", "id": urn(1), "attrs": {"a": NULL}}, "/attrs/a"),
    ({"op": "append", "id": urn(1), "attrs": {"a": 1}, "noOverwrite": "yes"}, "/noOverwrite"),
    ({"op": "merge", "id": urn(1)}, "/attrs"),
    ({"op": "add", "id": urn(1), "value": 1}, "/attribute"),
    ({"op": "add", "id": urn(1), "attribute": "type", "value": 1}, "/attribute"),
    ({"op": "add", "id": urn(1), "attribute": "level"}, "/value"),
    ({"op": "add", "id": urn(1), "attribute": "level", "value": True}, "/value"),
    ({"op": "add", "id": urn(1), "attribute": "level", "value": 1, "min": "0"}, "/min"),
    ({"op": "add", "id": urn(1), "attribute": "level", "value": 1, "observedAt": 5}, "/observedAt"),
]


@pytest.mark.parametrize(("operation", "pointer"), MALFORMED)
async def test_a_malformed_operation_is_refused_before_any_runs(
    quick: Client, operation: Any, pointer: str
) -> None:
    await quick.post(ENTITIES, gauge(1))
    answer = await transact(quick, create(2), operation)
    assert answer.status == 400
    problem = answer.problem
    assert (problem["type"], problem["operation"]) == (ERRORS + "BadRequestData", 1)
    assert problem["place"] == f"body:/operations/1{pointer}"
    assert await simple(quick, 2) is None


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], "body:/operations"),
        (5, "body:/operations"),
        ({}, "body:/operations"),
        ({"operations": []}, "body:/operations"),
        ({"operations": {}}, "body:/operations"),
        ({"operations": [create()], "extra": 1}, "body:/extra"),
    ],
)
async def test_a_body_that_is_no_transaction_is_refused(
    quick: Client, body: Any, place: str
) -> None:
    answer = await quick.post(TRANSACTIONS, body)
    assert answer.status == 400
    assert answer.problem["place"] == place


async def test_more_operations_than_the_broker_takes_are_refused() -> None:
    async with running(MemoryStore(), Settings(max_operations=2)) as client:
        assert (await transact(client, *map(create, range(3)))).status == 400
        assert (await transact(client, *map(create, range(2)))).status == 200


async def test_if_match_takes_the_etag_of_any_representation(client: Client) -> None:
    await client.post(ENTITIES, gauge(1))
    tag = (await client.get(f"{ENTITIES}/{urn(1)}?format=concise")).header("etag")
    operation = {"op": "merge", "id": urn(1), "attrs": {"level": 2}, "ifMatch": tag}
    assert (await transact(client, operation)).status == 200
    assert (await transact(client, operation)).status == 412


async def test_a_check_writes_nothing(client: Client) -> None:
    await client.post(ENTITIES, gauge(1))
    seq = client.broker.store.span()[1]
    answer = await transact(
        client,
        {"op": "check", "id": urn(1), "q": "level==1.5", "ifMatch": "v1"},
        {"op": "check", "id": urn(2), "ifNoneMatch": "*"},
    )
    assert [one["version"] for one in answer.json()["results"]] == [1, 0]
    assert client.broker.store.span()[1] == seq


async def test_add_keeps_whole_numbers_whole_and_can_tell_the_time(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, {"value": 5, "observedAt": "2020-07-03T00:00:00Z"}))
    moment = "2020-07-04T00:00:00Z"
    operation = {"op": "add", "id": urn(1), "attribute": "level", "value": -2}
    await transact(client, {**operation, "observedAt": moment})
    level = (await client.get(f"{ENTITIES}/{urn(1)}")).json()["level"]
    assert level == {"type": "Property", "value": 3, "observedAt": moment}
    assert isinstance(level["value"], int)


async def test_names_are_expanded_by_the_context_of_the_request(quick: Client) -> None:
    body = {"@context": INLINE, "operations": [create(1)]}
    assert (await quick.request("POST", TRANSACTIONS, LD, json=body)).status == 200
    body["operations"] = [
        {"op": "add", "id": urn(1), "attribute": "level", "value": 1},
        {"op": "check", "id": urn(1), "q": "level==2.5"},
    ]
    assert (await quick.request("POST", TRANSACTIONS, LD, json=body)).status == 200
    assert (await quick.post(TRANSACTIONS, {"operations": body["operations"]})).status == 404


async def test_the_same_key_and_body_have_one_effect_and_one_answer(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, 0))
    add = {"op": "add", "id": urn(1), "attribute": "level", "value": 1}
    first = await transact(client, add, idempotency_key="k1")
    for _ in range(5):
        again = await transact(client, add, idempotency_key="k1")
        assert (again.status, again.body) == (first.status, first.body)
    assert (await simple(client))["level"] == 1
    await transact(client, add, idempotency_key="k2")
    assert (await simple(client))["level"] == 2


async def test_the_same_key_with_another_body_or_context_is_refused(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, 0))
    add = {"op": "add", "id": urn(1), "attribute": "level", "value": 1}
    await transact(client, add, idempotency_key="k1")
    core = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
    for answer in (
        await transact(client, {**add, "value": 2}, idempotency_key="k1"),
        await transact(client, add, idempotency_key="k1", **link(core)),
    ):
        assert answer.status == 422
        assert answer.problem["type"] == OWN + "IdempotencyMismatch"
    assert (await simple(client))["level"] == 1


async def test_a_key_belongs_to_its_client_and_tenant(client: Client) -> None:
    add = {"op": "create", "entity": gauge(1)}
    assert (await transact(client, add, idempotency_key="k1")).status == 200
    other = await transact(client, {**add, "entity": gauge(2)}, idempotency_key="k1",
                           machi_client="other")  # fmt: skip
    assert other.status == 200
    drill = await transact(client, add, idempotency_key="k1", ngsild_tenant="drill")
    assert drill.status == 200


async def test_a_failed_transaction_is_not_remembered(client: Client) -> None:
    add = {"op": "add", "id": urn(1), "attribute": "level", "value": 1}
    assert (await transact(client, add, idempotency_key="k1")).status == 404
    await client.post(ENTITIES, gauge(1, 0))
    assert (await transact(client, add, idempotency_key="k1")).status == 200
    assert (await simple(client))["level"] == 1


@pytest.mark.parametrize("key", [" ", "x" * 256, "ké", "a\tb"])
async def test_an_unusable_key_is_refused(quick: Client, key: str) -> None:
    answer = await transact(quick, create(), idempotency_key=key)
    assert answer.status == 400
    assert answer.problem["place"] == "header:Idempotency-Key"


async def test_of_two_creations_of_a_claim_one_wins(client: Client) -> None:
    claim = {**create(1), "ifNoneMatch": "*"}
    assert (await transact(client, claim, create(2))).status == 200
    assert (await transact(client, claim, create(3))).status == 412
    assert await simple(client, 3) is None
