"""The feed that live streams follow: recent changes from a ring, older ones from the store."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.guard import ANYONE, OpenGuard
from broker.jsonld.core import CORE_CONTEXT
from broker.model.entity import Entity
from broker.model.render import Form
from broker.query.ast import And, Compare, HasType, IdIn, Node, Op, Path
from broker.store.contract import Change, Committed, Store, Tx
from broker.store.memory import MemoryStore
from broker.subscriptions.live import Feed, Follower, Forgotten, Lens, Told, past
from broker.subscriptions.live.events import FAULT, STOPS
from broker.subscriptions.live.snapshot import Snapshot
from broker.subscriptions.live.stream import tell
from tests.support.asgi import Ticking
from tests.support.mqtt import background
from tests.support.patience import PATIENCE


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    """Give an open engine."""
    opened = MemoryStore(clock=Ticking())
    await opened.open()
    yield opened
    await opened.close()


def entity(number: int, value: int) -> Entity:
    """Return an expanded entity."""
    time = "2026-01-01T00:00:00.000000Z"
    return {
        "id": f"urn:x:{number}",
        "type": ["urn:t"],
        "createdAt": time,
        "modifiedAt": time,
        "attrs": {"urn:a": {"@none": {"type": "Property", "value": value}}},
    }


async def put(store: Store, number: int, value: int | None, tenant: str = "") -> None:
    """Write an entity, or with None delete it; nothing happens where it does not exist."""

    async def work(tx: Tx) -> None:
        before = await tx.get(f"urn:x:{number}")
        if value is not None:
            await tx.put(entity(number, value), before)
        elif before is not None:
            await tx.delete(before)

    await store.write(tenant, work, create_tenant=True)


EVERYTHING = And(())


def follower(feed: Feed, after: int, tenant: str = "", where: Node = EVERYTHING) -> Follower:
    """Return a follower that may see everything."""
    return Follower(feed, OpenGuard(), ANYONE, tenant, Lens(where, Form(), CORE_CONTEXT), after)


async def settled(feed: Feed) -> None:
    """Let the feed tell of everything that is committed."""
    while feed.told < feed.head:
        await asyncio.sleep(0)


async def follow(feed: Feed, after: int, tenant: str = "") -> list[Committed]:
    """Return all changes past `after`."""
    found: list[Committed] = []
    reader = follower(feed, after, tenant)
    while reader.after < feed.head:
        found += await reader.changes()
    reader.close()
    return found


def plain(found: list[Committed]) -> list[Any]:
    """Return changes with their states in a form that can be compared."""
    return [(one.change.seq, one.change.kind, one.before, one.after) for one in found]


steps = st.lists(
    st.tuples(st.integers(0, 2), st.none() | st.integers(0, 4), st.sampled_from(["", "other"])),
    max_size=25,
)


@given(steps=steps, after=st.integers(0, 25), size=st.integers(1, 30), page=st.integers(1, 5))
def test_the_store_tells_the_same_story_as_the_ring(
    steps: list[tuple[int, int | None, str]], after: int, size: int, page: int
) -> None:
    async def story() -> None:
        store = MemoryStore(clock=Ticking())
        await store.open()
        awake, small = Feed(store, recent=1000), Feed(store, recent=size, page=page)
        for number, value, tenant in steps:
            await put(store, number, value, tenant)
        late = Feed(store, page=page)
        start = min(after, awake.head)
        expected = plain(await follow(awake, start))
        assert plain(await follow(small, start)) == expected
        assert plain(await follow(late, start)) == expected

    asyncio.run(story())


async def test_a_place_that_is_not_of_this_feed_is_forgotten(store: MemoryStore) -> None:
    feed = Feed(store)
    await put(store, 1, 1)
    for after in (-1, 2, 10**18):
        with pytest.raises(Forgotten):
            await follower(feed, after).changes()


async def test_a_place_older_than_the_retention_is_forgotten(store: MemoryStore) -> None:
    for value in range(5):
        await put(store, 1, value)
    await store.prune("2030-01-01T00:00:00.000000Z")
    feed = Feed(store)
    with pytest.raises(Forgotten):
        await follower(feed, 4).changes()
    assert await follower(feed, 5).changes() == []


async def test_a_reader_sleeps_until_something_concerns_it(store: MemoryStore) -> None:
    feed = Feed(store)
    reader = follower(feed, 0, where=IdIn(("urn:x:2",)))
    waiting = asyncio.ensure_future(reader.wait(60))
    await asyncio.sleep(0)
    await put(store, 1, 1)
    await put(store, 2, 1, "other")
    await settled(feed)
    assert not waiting.done()
    await put(store, 2, 1)
    assert await waiting
    assert [told.name for told in await reader.read()] == ["enter"]
    assert reader.after == 3


async def test_waiting_ends_at_once_where_there_may_be_news_already(store: MemoryStore) -> None:
    feed = Feed(store)
    await put(store, 1, 1)
    assert await follower(feed, 0).wait(60)


async def test_waiting_ends_without_news_after_its_time(store: MemoryStore) -> None:
    assert not await follower(Feed(store), 0).wait(0.01)


async def test_closing_ends_every_wait(store: MemoryStore) -> None:
    feed = Feed(store)
    waiting = [asyncio.ensure_future(follower(feed, 0).wait(60)) for _ in range(3)]
    await asyncio.sleep(0)
    feed.close()
    assert await asyncio.gather(*waiting) == [True] * 3
    assert await follower(feed, 0).wait(60)


async def test_a_stopped_feed_hears_no_more(store: MemoryStore) -> None:
    feed = Feed(store)
    feed.stop()
    await put(store, 1, 1)
    assert feed.head == 0


async def test_an_entity_is_walked_back_once_however_often_it_changed(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in range(300):
        await put(store, 1, value)
    feed = Feed(store, page=10)
    asked = _count_reads(store, monkeypatch)
    assert len(await follow(feed, 15)) == 285
    assert asked.count("urn:x:1") == 1


async def test_readers_who_come_back_together_share_the_work(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in range(300):
        await put(store, 1, value)
    feed = Feed(store, page=100)
    asked = _count_reads(store, monkeypatch)
    found = await asyncio.gather(*(follow(feed, after) for after in range(120, 160)))
    assert [len(changes) for changes in found] == [300 - after for after in range(120, 160)]
    assert len(asked) == 3


def _count_reads(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Note the entity each read of the feed was about, None where it was about all."""
    asked: list[str | None] = []
    changes = store.changes

    async def counted(after: int, **options: Any) -> list[Change]:
        asked.append(options.get("entity_id"))
        return await changes(after, **options)

    monkeypatch.setattr(store, "changes", counted)
    return asked


async def test_an_entity_that_changed_too_often_since_is_forgotten(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "MOST_LATER", 5)
    for value in range(8):
        await put(store, 1, value)
    feed = Feed(store, page=2)
    with pytest.raises(Forgotten):
        await follower(feed, 2).changes()
    assert len(await follow(feed, 4)) == 4


@pytest.mark.parametrize("exact", [True, False])
@given(data=st.data())
def test_an_awake_reader_is_told_what_a_late_one_finds(exact: bool, data: st.DataObject) -> None:
    conditions: list[Node] = [
        EVERYTHING,
        IdIn(("urn:x:1", "urn:x:2")),
        HasType("urn:t"),
        HasType("urn:none"),
        Compare(Path(("urn:a",)), Op.GT, (1,)),
        And((IdIn(("urn:x:1",)), Compare(Path(("urn:a",)), Op.GT, (2,)))),
    ]
    story = data.draw(steps)

    async def play() -> None:
        store = MemoryStore(clock=Ticking())
        await store.open()
        feed = Feed(store, exact=exact, recent=data.draw(st.integers(1, 30)))
        awake = [follower(feed, 0, where=where) for where in conditions]
        told: list[list[Any]] = [[] for _ in conditions]
        for number, value, tenant in story:
            await put(store, number, value, tenant)
            if data.draw(st.booleans()):
                await _read_all(feed, awake, told)
        await _read_all(feed, awake, told)
        late = [follower(Feed(store), 0, where=where) for where in conditions]
        found: list[list[Any]] = [[] for _ in conditions]
        await _read_all(feed, late, found)
        assert told == found

    asyncio.run(play())


async def _read_all(feed: Feed, readers: list[Follower], told: list[list[Any]]) -> None:
    await settled(feed)
    for reader, events in zip(readers, told, strict=True):
        while reader.after < feed.head:
            events += [(event.name, event.seq, event.data) for event in await reader.read()]


async def test_what_several_readers_ask_alike_is_rendered_once(store: MemoryStore) -> None:
    feed = Feed(store)
    readers = [follower(feed, 0) for _ in range(3)]
    await put(store, 1, 1)
    await settled(feed)
    first, *others = [(await reader.read())[0] for reader in readers]
    assert all(event is first for event in others)


async def test_an_audience_ends_with_its_last_reader(store: MemoryStore) -> None:
    feed = Feed(store)
    readers = [follower(feed, 0), follower(feed, 0), follower(feed, 0, where=HasType("urn:t"))]
    assert feed.figures() == {"streams": 3, "stream_lenses": 2, "stream_faults_total": 0}
    for reader in readers:
        reader.close()
    assert feed.figures() == {"streams": 0, "stream_lenses": 0, "stream_faults_total": 0}


async def test_a_stream_ends_with_a_reason_when_its_tenant_is_deleted(store: MemoryStore) -> None:
    for value in range(3):
        await put(store, 1, value, "drill")
    feed = Feed(store)
    await store.drop_tenant("drill")
    events = tell(follower(feed, feed.head, "drill"), 0.01, None, resumed=True)
    batches = [batch async for batch in events]
    assert [told.name for batch in batches for told in batch] == ["open", "end"]
    assert b"deleted" in batches[-1][0].data
    assert feed.figures()["streams"] == 0


async def test_changes_that_do_not_concern_a_reader_put_no_heartbeat_off(
    store: MemoryStore,
) -> None:
    async def others() -> None:
        for value in itertools.count():
            await put(store, 1, value)
            await asyncio.sleep(0)

    feed = Feed(store, exact=False)
    reader = follower(feed, feed.head, where=IdIn(("urn:x:2",)))
    batches = tell(reader, 0.05, None, resumed=False)
    assert await named(batches, 1) == [("open", None)]
    async with background(others()):
        assert await asyncio.wait_for(anext(batches), PATIENCE) == []
    assert reader.after > 0
    await batches.aclose()


def stumbling() -> Lens:
    """Return a lens that cannot judge entities whose value is 13."""
    lens = Lens(EVERYTHING, Form(), CORE_CONTEXT)

    def holds(found: Entity) -> bool:
        if found["attrs"]["urn:a"]["@none"]["value"] == 13:
            raise ValueError("thirteen")
        return True

    lens.holds = holds
    return lens


async def named(batches: AsyncIterator[list[Told]], count: int) -> list[tuple[str, Any]]:
    """Return the names and reasons of the next events."""
    found: list[Told] = []
    async with asyncio.timeout(PATIENCE):
        while len(found) < count:
            found += await anext(batches)
    return [(one.name, orjson.loads(one.data).get("reason")) for one in found]


async def test_a_change_that_cannot_be_judged_is_told_as_a_reset_and_logged_once(
    store: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    feed = Feed(store)
    await put(store, 0, 0)
    reader = Follower(feed, OpenGuard(), ANYONE, "", stumbling(), feed.head)
    other = follower(feed, feed.head, where=HasType("urn:t"))
    batches = tell(reader, 30, None, resumed=False)
    assert await named(batches, 1) == [("open", None)]
    for number, value, event in (
        *((1, 1, ("enter", None)), (2, 13, ("reset", FAULT))),
        *((3, 1, ("enter", None)), (4, 13, ("reset", FAULT))),
    ):
        await put(store, number, value)
        assert await named(batches, 1) == [event]
    assert len(await other.read()) == 4
    assert feed.figures()["stream_faults_total"] == 2
    assert len([record for record in caplog.records if record.exc_info]) == 1
    feed.close()
    assert await named(batches, 1) == [("end", STOPS)]


async def test_a_snapshot_that_cannot_be_shown_ends_the_stream_with_the_reason(
    store: MemoryStore,
) -> None:
    class Broken(Snapshot):
        async def show(self, follower: Follower) -> AsyncGenerator[list[Told], None]:
            raise ValueError("broken")
            yield []

    feed = Feed(store)
    await put(store, 1, 1)
    broken = Broken(store, OpenGuard(), ANYONE)
    batches = tell(follower(feed, feed.head), 30, broken, resumed=False)
    assert await named(batches, 2) == [("open", None), ("end", FAULT)]
