"""Transactions below HTTP: parsing, order, idempotency, guard."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from broker.entities.operations import OPERATIONS, parse_operations
from broker.entities.service import Entities
from broker.entities.transaction import digest, run_transaction
from broker.errors import Forbidden, IdempotencyMismatch, MachiError, PreconditionFailed
from broker.guard import Action, Caller, OpenGuard
from broker.jsonld.core import CORE_CONTEXT
from broker.store.memory import MemoryStore
from tests.support.asgi import Ticking

CALLER = Caller(client="app")


class Reader(OpenGuard):
    """Lets everybody read and nobody write."""

    def allow(self, caller: Caller, tenant: str, action: Action, entity_id: str | None) -> None:
        if action is not Action.READ:
            raise Forbidden("No.", place="caller", remedy="None.")


@pytest.fixture
async def entities() -> AsyncIterator[Entities]:
    """Give a service on an engine with one counter."""
    store = MemoryStore(clock=Ticking())
    await store.open()
    found = Entities(store, OpenGuard(), Ticking())
    await run(found, {"op": "create", "entity": {"id": "urn:x:1", "type": "T", "a": 100}})
    yield found
    await store.close()


async def run(entities: Entities, *operations: Any, key: str = "", body: bytes = b"") -> Any:
    """Run a transaction; return its results."""
    parsed = parse_operations({"operations": list(operations)}, CORE_CONTEXT, 500)
    idempotency = (key, digest(body)) if key else None
    status, answer = await run_transaction(entities, CALLER, "", parsed, idempotency)
    assert status == 200
    return orjson.loads(answer)["results"]


ADD = {"op": "add", "id": "urn:x:1", "attribute": "a", "value": -1, "min": 0}


def test_every_operation_of_the_design_exists() -> None:
    assert set(OPERATIONS) == {"create", "append", "merge", "replace", "delete", "check", "add"}


async def test_a_key_replayed_a_thousand_times_has_one_effect(entities: Entities) -> None:
    answers = [await run(entities, ADD, key="k", body=b"1") for _ in range(1000)]
    assert all(answer == answers[0] for answer in answers)
    assert (await run(entities, {"op": "check", "id": "urn:x:1", "q": "a==99"}))[0]["version"] == 2


async def test_of_racing_decrements_as_many_succeed_as_there_is_stock(entities: Entities) -> None:
    async def decrement() -> bool:
        try:
            await run(entities, ADD)
        except PreconditionFailed:
            return False
        return True

    assert sum(await asyncio.gather(*(decrement() for _ in range(200)))) == 100
    await run(entities, {"op": "check", "id": "urn:x:1", "q": "a==0"})


async def test_another_body_under_a_key_is_refused_and_changes_nothing(entities: Entities) -> None:
    await run(entities, ADD, key="k", body=b"1")
    with pytest.raises(IdempotencyMismatch):
        await run(entities, ADD, key="k", body=b"2")
    await run(entities, {"op": "check", "id": "urn:x:1", "q": "a==99"})


def test_a_digest_tells_where_parts_end() -> None:
    assert digest(b"ab", b"c") != digest(b"a", b"bc")
    assert digest(b"ab", b"") != digest(b"ab")


async def test_the_guard_is_asked_for_each_operation_before_any_runs(entities: Entities) -> None:
    guarded = Entities(entities.store, Reader(), Ticking())
    check = {"op": "check", "id": "urn:x:1", "q": "a>0"}
    await run(guarded, check)
    with pytest.raises(MachiError) as refused:
        await run(guarded, check, {**check, "q": "a<0"}, ADD)
    assert isinstance(refused.value, Forbidden)
    assert refused.value.members["operation"] == 2


async def test_later_operations_see_earlier_ones(entities: Entities) -> None:
    results = await run(
        entities,
        {"op": "delete", "id": "urn:x:1"},
        {"op": "create", "entity": {"id": "urn:x:1", "type": "T", "a": 5}, "ifNoneMatch": "*"},
        {"op": "check", "id": "urn:x:1", "q": "a==5"},
    )
    assert [one["op"] for one in results] == ["delete", "create", "check"]
