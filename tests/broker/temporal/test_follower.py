"""The follower: what the feed tells is history before anybody reads it, once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from broker.errors import ServiceUnavailable
from broker.model.entity import NULL
from broker.store.contract import Store
from broker.store.memory import MemoryStore
from broker.temporal import follower as module
from broker.temporal.follower import Follower
from tests.broker.store.helpers import (
    LEVEL,
    RIVER,
    HandClock,
    create,
    delete,
    entity,
    prop,
    replace,
)
from tests.support.patience import PATIENCE


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def store(clock: HandClock) -> AsyncIterator[Store]:
    engine = MemoryStore(clock=clock)
    await engine.open()
    yield engine
    await engine.close()


@pytest.fixture
async def follower(store: Store) -> AsyncIterator[Follower]:
    one = Follower(store)
    await one.start()
    yield one
    await one.close()


async def levels(store: Store, entity_id: str = "urn:a") -> list[Any]:
    """Return the values history has of an entity's level."""
    found = await store.history.read("", [entity_id])
    return [m.instance["value"] for series in found.get(entity_id, []) for m in series.moments]


async def update(store: Store, clock: HandClock, count: int, **more: Any) -> None:
    """Update the level of urn:a, at a time of its own each."""
    for n in range(1, count + 1):
        clock.time = f"2026-01-01T00:00:00.{n:06}Z"
        await replace(store, entity(modified=n, level=prop(n), **more))


async def test_a_read_that_waits_sees_every_change_before_it(
    store: Store, clock: HandClock, follower: Follower
) -> None:
    await create(store, entity(level=prop(0)))
    await update(store, clock, 3)
    await follower.catch_up()
    assert await levels(store) == [0, 1, 2, 3]
    clock.time = "2026-01-01T00:00:01.000000Z"
    await delete(store, "urn:a")
    await follower.catch_up()
    assert await levels(store) == [0, 1, 2, 3, NULL]
    head = await store.history.head("", "urn:a")
    assert head is not None
    assert head.deleted is not None


async def test_changes_are_followed_without_anybody_waiting(
    store: Store, follower: Follower
) -> None:
    await create(store, entity(level=prop(0)))
    async with asyncio.timeout(PATIENCE):
        while store.history.followed() < 1:
            await asyncio.sleep(0.01)
    assert await levels(store) == [0]


async def test_what_happened_before_the_start_is_read_back_from_the_feed(
    store: Store, clock: HandClock
) -> None:
    await create(store, entity(level=prop(0)))
    await update(store, clock, 3)
    await create(store, entity("urn:b", RIVER, level=prop("b")))
    await replace(store, entity("urn:b", RIVER, modified=9, level=prop("c")))
    await delete(store, "urn:b")
    follower = Follower(store)
    await follower.start()
    await follower.catch_up()
    await follower.close()
    assert await levels(store) == [0, 1, 2, 3]
    head = await store.history.head("", "urn:b")
    assert head is not None
    assert head.types == (RIVER,)


async def test_what_fell_out_of_the_ring_is_read_back_from_the_feed(
    store: Store, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RING", 2)
    monkeypatch.setattr(module, "BATCH", 3)
    monkeypatch.setattr(module, "PAST", 4)
    follower = Follower(store)
    await follower.start()
    await create(store, entity(level=prop(0)))
    await update(store, clock, 9)
    await follower.catch_up()
    await follower.close()
    assert await levels(store) == list(range(10))


async def test_a_second_follower_follows_nothing_twice(store: Store, clock: HandClock) -> None:
    for _ in range(2):
        follower = Follower(store)
        await follower.start()
        await follower.catch_up()
        await create(store, entity(f"urn:{store.span()[1]}", level=prop(0)))
        await follower.catch_up()
        await follower.close()
    assert (await levels(store, "urn:0"), await levels(store, "urn:1")) == ([0], [0])


async def test_types_without_history_leave_none(store: Store) -> None:
    def keeps(tenant: str, types: Sequence[str]) -> bool:
        return RIVER not in types

    follower = Follower(store, keeps)
    await create(store, entity("urn:r", RIVER, level=prop(1)))
    await follower.start()
    await create(store, entity("urn:s", RIVER, level=prop(1)), entity(level=prop(2)))
    await follower.catch_up()
    await follower.close()
    found = await store.history.read("", ["urn:r", "urn:s", "urn:a"])
    assert list(found) == ["urn:a"]
    assert found["urn:a"][0].attribute == LEVEL
    assert await store.history.head("", "urn:r") is None


async def test_who_waits_is_told_that_history_cannot_be_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow, woken = store.history.follow, asyncio.Event()

    async def fail(*told: Any, **how: Any) -> None:
        raise OSError("the disk is full")

    async def sleep(seconds: float) -> None:
        await woken.wait()

    follower = Follower(store, sleep=sleep)
    await follower.start()
    monkeypatch.setattr(store.history, "follow", fail)
    await create(store, entity(level=prop(1)))
    with pytest.raises(ServiceUnavailable, match="disk is full"):
        await follower.catch_up()
    monkeypatch.setattr(store.history, "follow", follow)
    woken.set()
    await follower.catch_up()
    await follower.close()
    assert await levels(store) == [1]


async def test_without_a_follower_nobody_waits(store: Store) -> None:
    await create(store, entity(level=prop(1)))
    await Follower(store).catch_up()
    assert await levels(store) == []
