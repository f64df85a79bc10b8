"""The feed that live streams follow: recent changes from a ring, older ones from the store."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.entity import Entity
from broker.store.contract import Change, Committed, Store, Tx
from broker.store.memory import MemoryStore
from broker.subscriptions import live
from broker.subscriptions.live import Feed, Forgotten
from tests.support.asgi import Ticking


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


async def follow(feed: Feed, after: int, tenant: str = "") -> list[Committed]:
    """Return all changes past `after`."""
    found: list[Committed] = []
    follower = feed.follow(tenant, after)
    while follower.after < feed.head:
        found += await follower.read()
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
            await feed.follow("", after).read()


async def test_a_place_older_than_the_retention_is_forgotten(store: MemoryStore) -> None:
    for value in range(5):
        await put(store, 1, value)
    await store.prune("2030-01-01T00:00:00.000000Z")
    feed = Feed(store)
    with pytest.raises(Forgotten):
        await feed.follow("", 4).read()
    assert await feed.follow("", 5).read() == []


async def test_waiting_ends_with_news_of_any_tenant(store: MemoryStore) -> None:
    feed = Feed(store)
    waiting = asyncio.ensure_future(feed.wait(0, 60))
    await asyncio.sleep(0)
    await put(store, 1, 1, "other")
    assert await waiting
    follower = feed.follow("", 0)
    assert await follower.read() == []
    assert follower.after == 1


async def test_waiting_ends_at_once_where_there_is_news_already(store: MemoryStore) -> None:
    feed = Feed(store)
    await put(store, 1, 1)
    assert await feed.wait(0, 60)


async def test_waiting_ends_without_news_after_its_time(store: MemoryStore) -> None:
    assert not await Feed(store).wait(0, 0.01)


async def test_closing_ends_every_wait(store: MemoryStore) -> None:
    feed = Feed(store)
    waiting = [asyncio.ensure_future(feed.wait(0, 60)) for _ in range(3)]
    await asyncio.sleep(0)
    feed.close()
    assert await asyncio.gather(*waiting) == [False] * 3
    assert not await feed.wait(0, 60)


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
    asked: list[str | None] = []
    changes = store.changes

    async def counted(after: int, **options: Any) -> list[Change]:
        asked.append(options.get("entity_id"))
        return await changes(after, **options)

    monkeypatch.setattr(store, "changes", counted)
    assert len(await follow(feed, 1)) == 299
    assert asked.count("urn:x:1") == 1


async def test_an_entity_that_changed_too_often_since_is_forgotten(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_LATER", 5)
    for value in range(8):
        await put(store, 1, value)
    feed = Feed(store)
    with pytest.raises(Forgotten):
        await feed.follow("", 1).read()
    assert len(await feed.follow("", 4).read()) == 4
