"""Several brokers' stores on one database: what one commits, the others know and go by."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from broker.errors import NonexistentTenant
from broker.store.contract import Committed, Resource, Tx
from broker.store.mongodb import dropping
from broker.store.mongodb.replicas import SILENCE
from broker.store.mongodb.store import MongoStore
from broker.store.outbox import Outcome, Settlement
from tests.broker.store.helpers import HandClock, create, entity, prop
from tests.broker.store.matching import ByEntity
from tests.support.mongodb import database_name, kept_apart
from tests.support.until import until

GENEROUS = 240.0
AT = "2026-01-01T00:00:00.000000Z"


class Seconds:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a server that keeps transactions apart."""
    with kept_apart(tmp_path_factory.mktemp("apart")) as url:
        yield url


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
async def opened(server: str, seconds: Seconds) -> AsyncIterator[Callable[[], MongoStore]]:
    """Return what makes stores on one database, which are closed in the end."""
    url, made = server + database_name(), list[MongoStore]()

    def make() -> MongoStore:
        made.append(MongoStore(url, clock=HandClock(), monotonic=seconds))
        return made[-1]

    yield make
    for store in made:
        await store.close()


@pytest.fixture
async def pair(opened: Callable[[], MongoStore]) -> tuple[MongoStore, MongoStore]:
    """Return two stores on one database, open."""
    first, second = opened(), opened()
    await first.open()
    await second.open()
    return first, second


async def comes_true(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""

    async def look() -> bool:
        return holds()

    await until(look, GENEROUS)


async def falls_silent(store: MongoStore) -> None:
    """Let a store give no sign of life any more, and notice nothing."""
    await store._replicas.signs.end()
    await store._looking.end()


async def subscribe(store: MongoStore, name: str, *wants: str) -> int:
    return (await store.outbox.create("", name, {"wants": list(wants)})).sid


@pytest.fixture
async def put_out(
    opened: Callable[[], MongoStore], seconds: Seconds
) -> tuple[MongoStore, MongoStore, int]:
    """Return a store that was put out, the one that did it, and a queue where change 1 waits."""
    first, second = opened(), opened()
    await first.open()
    first.outbox.match_with(ByEntity())
    sid = await subscribe(first, "urn:s", "urn:a")
    await create(first, entity("urn:a"))
    assert first.outbox.mine(sid)
    await falls_silent(first)
    await second.open()
    await comes_true(lambda: first._sharing.name in second._replicas._seen)
    seconds.now += SILENCE + 1
    await comes_true(lambda: first._sharing.name not in second._sharing.slots.members)
    return first, second, sid


async def test_each_hears_all_changes_in_their_order(pair: tuple[MongoStore, MongoStore]) -> None:
    heard: dict[int, list[int]] = {0: [], 1: []}
    for number, store in enumerate(pair):

        def hear(changes: list[Committed], to: list[int] = heard[number]) -> None:
            to.extend(each.change.seq for each in changes)

        store.listen(hear)

    async def write(store: MongoStore, name: str) -> None:
        for number in range(4):
            await create(store, entity(f"urn:{name}:{number}", level=prop(number)))

    first, second = pair
    await asyncio.gather(*(write(first, name) for name in "abc"), write(second, "d"))
    await write(second, "e")
    await comes_true(lambda: all(len(told) >= 20 for told in heard.values()))
    assert heard == {0: list(range(1, 21)), 1: list(range(1, 21))}


async def test_writes_of_both_at_once_are_all_done_once(
    pair: tuple[MongoStore, MongoStore],
) -> None:
    await create(pair[0], entity("urn:sum", level=prop(0)))

    async def add(tx: Tx) -> None:
        before = await tx.get("urn:sum")
        assert before is not None
        level = before.entity["attrs"]["https://example.org/level"]["@none"]["value"]
        await tx.put(entity("urn:sum", level=prop(level + 1)), before)

    await asyncio.gather(*(store.write("", add) for store in pair for _ in range(10)))
    record = await pair[1].get("", "urn:sum")
    assert record is not None
    assert record.entity["attrs"]["https://example.org/level"]["@none"]["value"] == 20
    assert record.version == 21


async def test_an_answered_write_is_known_to_the_other_at_once(
    pair: tuple[MongoStore, MongoStore],
) -> None:
    first, second = pair
    await create(first, entity("urn:a"), tenant="new")
    assert await second.get("new", "urn:a") is not None
    await first.outbox.create("new", "urn:s", {})
    assert await second.outbox.get("new", "urn:s") is not None
    await second.outbox.remove("new", "urn:s")
    assert await first.outbox.get("new", "urn:s") is None


async def test_what_one_subscribes_to_is_matched_by_the_other(
    pair: tuple[MongoStore, MongoStore],
) -> None:
    first, second = pair
    for store in pair:
        store.outbox.match_with(ByEntity())
    sid = await subscribe(first, "urn:s", "urn:a")
    await create(second, entity("urn:a"))
    for store in pair:
        books = await store.outbox.books(sid)
        assert (books.queued, books.waiting, books.balanced) == (1, 1, True)


async def test_resources_that_one_writes_are_told_to_the_other(
    pair: tuple[MongoStore, MongoStore],
) -> None:
    first, second = pair
    heard: list[tuple[str, str, str]] = []
    second.hear(lambda *told: heard.append(told))

    async def work(tx: Tx) -> None:
        await tx.put_resource(Resource("kind", "urn:r", AT, b"{}"))

    await first.write("", work)
    await comes_true(lambda: bool(heard))
    assert heard == [("", "kind", "urn:r")]


async def test_each_queue_has_one_owner_and_both_have_some(
    pair: tuple[MongoStore, MongoStore],
) -> None:
    first, second = pair
    sids = [await subscribe(first, f"urn:s:{number}") for number in range(4)]
    await comes_true(lambda: any(map(second.outbox.mine, sids)))
    await comes_true(
        lambda: sum(map(first.outbox.mine, sids)) + sum(map(second.outbox.mine, sids)) == 4
    )
    assert [sid for sid in sids if first.outbox.mine(sid) == second.outbox.mine(sid)] == []
    assert first.leads() is not second.leads()


async def test_rows_that_one_queues_are_told_to_the_owner(
    pair: tuple[MongoStore, MongoStore],
) -> None:
    first, second = pair
    told: list[tuple[str, int]] = []
    for name, store in (("first", first), ("second", second)):

        def hear(rows: object, name: str = name) -> None:
            told.extend((name, row.seq) for row in rows)  # type: ignore[attr-defined]

        store.outbox.match_with(ByEntity())
        store.outbox.listen(hear)
    sids = [await subscribe(first, f"urn:s:{number}", f"urn:{number}") for number in range(4)]
    await comes_true(lambda: any(map(second.outbox.mine, sids)))
    number = next(number for number, sid in enumerate(sids) if second.outbox.mine(sid))
    await create(first, entity(f"urn:{number}"))
    await comes_true(lambda: bool(told))
    assert told == [("second", 1)]


async def test_what_a_silent_one_had_goes_to_the_other_and_counts_a_try_more(
    put_out: tuple[MongoStore, MongoStore, int],
) -> None:
    first, second, sid = put_out
    await comes_true(lambda: second.outbox.mine(sid))
    assert not first.outbox.mine(sid)
    (row,) = await second.outbox.waiting(sid)
    assert (row.seq, row.attempts) == (1, 1)


async def test_a_late_owner_settles_nothing(put_out: tuple[MongoStore, MongoStore, int]) -> None:
    first, second, sid = put_out
    delivered = Settlement(sid, 1, Outcome.DELIVERED, AT, 1)
    await first.outbox.settle([delivered])
    assert (await second.outbox.books(sid)).waiting == 1
    await second.outbox.settle([delivered])
    books = await first.outbox.books(sid)
    assert (books.delivered, books.waiting, books.balanced) == (1, 0, True)


async def test_one_that_ends_hands_all_over_at_once(
    opened: Callable[[], MongoStore],
) -> None:
    first, second = opened(), opened()
    await first.open()
    sid = await subscribe(first, "urn:s")
    await second.open()
    await first.close()
    await comes_true(lambda: second.outbox.mine(sid) and second.leads())
    assert set(second._sharing.slots.owners) == {second._sharing.name}


async def test_one_that_was_put_out_and_is_back_joins_anew(
    put_out: tuple[MongoStore, MongoStore, int],
) -> None:
    first, second, _ = put_out
    assert set(second._sharing.slots.owners) == {second._sharing.name}
    await first._following.fresh()
    await first._replicas._look()
    both = {first._sharing.name, second._sharing.name}
    await comes_true(lambda: set(second._sharing.slots.members) == both)
    await comes_true(lambda: set(second._sharing.slots.owners) == both)
    assert first._sharing.slots.members == second._sharing.slots.members


async def test_a_period_is_told_by_the_owner_only(pair: tuple[MongoStore, MongoStore]) -> None:
    first, second = pair
    sids = [await subscribe(first, f"urn:s:{number}") for number in range(4)]
    await comes_true(lambda: any(map(second.outbox.mine, sids)))
    number = next(number for number, sid in enumerate(sids) if second.outbox.mine(sid))
    stored = await first.outbox.get("", f"urn:s:{number}")
    assert stored is not None
    assert not await first.outbox.queue_period(stored, AT, [entity("urn:a")])
    assert await second.outbox.queue_period(stored, AT, [entity("urn:a")])
    books = await first.outbox.books(stored.sid)
    assert (books.queued, books.waiting) == (1, 1)


DYING = """
import os, sys
from pymongo import MongoClient
client = MongoClient(sys.argv[1])
session = client.start_session()
session.start_transaction()
rows = client[sys.argv[2]]["rows"]
rows.insert_one({"_id": 1}, session=session)
rows.insert_one({"_id": 2}, session=session)
os._exit(0)
"""


async def test_what_a_client_that_died_had_begun_is_undone(server: str) -> None:
    name = database_name()
    dying = await asyncio.create_subprocess_exec(sys.executable, "-c", DYING, server, name)
    assert await dying.wait() == 0
    async with AsyncMongoClient[dict[str, Any]](server) as client:
        rows = client[name]["rows"]
        async with client.start_session() as session, await session.start_transaction():
            await rows.insert_one({"_id": 3}, session=session)
        assert [row["_id"] async for row in rows.find()] == [3]
        await client.drop_database(name)


async def test_both_delete_a_tenant_at_once_and_a_new_one_of_the_name_is_whole(
    pair: tuple[MongoStore, MongoStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "SLICE", 2)
    first, second = pair
    await create(first, *(entity(f"urn:old:{number}") for number in range(5)), tenant="town")
    await create(first, entity("urn:of:another"), tenant="village")
    answers = await asyncio.gather(
        *(store.drop_tenant("town") for store in pair), return_exceptions=True
    )
    assert None in answers
    assert {type(each) for each in answers} <= {type(None), NonexistentTenant}
    await create(second, entity("urn:new"), tenant="town")
    for store in pair:
        assert [change.entity_id for change in await store.changes(0, tenant="town")] == ["urn:new"]
        assert await store.get("town", "urn:old:4") is None
        assert await store.get("village", "urn:of:another") is not None
