"""Notifications at intervals: due times from the store, told by a clock that never jumps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.guard import Caller, Guard, OpenGuard
from broker.query.ast import And, EntityQuery, IdIn, Not
from broker.store.contract import Store
from broker.store.memory import MemoryStore
from broker.store.outbox import Books, Notice, StoredSubscription
from broker.store.sqlite import SqliteStore
from broker.subscriptions.periods import Periods, until_due
from tests.broker.store.helpers import HandClock, create
from tests.broker.subscriptions.changes import AT, gauge, stored
from tests.support.ticker import HandTicker

S = "urn:ngsi-ld:Subscription:1"


async def notice(stored: StoredSubscription) -> Notice | None:
    """Return what subscriptions that are not to entities are told of."""
    return {"told": stored.id}


class Town:
    """A store with a periodic subscription, and both clocks."""

    def __init__(self, store: Store, clock: HandClock, guard: Guard | None = None) -> None:
        self.store = store
        self.clock = clock
        self.ticker = HandTicker()
        self.periods = Periods(store, clock, self.ticker, guard or OpenGuard(), notice)

    async def go(self, seconds: int) -> None:
        """Let time pass on both clocks."""
        for _ in range(seconds):
            before = int(self.clock.time[17:19]) + 60 * int(self.clock.time[14:16])
            minute, second = divmod(before + 1, 60)
            self.clock.time = f"2026-01-01T00:{minute:02}:{second:02}.000000Z"
            await self.ticker.go(1)

    async def subscribe(self, **members: Any) -> StoredSubscription:
        """Create a periodic subscription to gauges."""
        document = stored(**{"timeInterval": 10, **members}).document
        return await self.store.outbox.create("", S, document)

    async def queued(self) -> int:
        """Return how many notifications were queued."""
        books = await self.store.outbox.books()
        assert books.balanced
        return books.queued

    async def told(self) -> list[list[str]]:
        """Return the ids of the entities of each notification that waits."""
        rows = [
            row
            for sid in await self.store.outbox.queues()
            for row in await self.store.outbox.waiting(sid)
        ]
        return [[entity["id"] for entity in row.entities] for row in rows]


@pytest.fixture(params=["memory", "sqlite"])
async def town(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Town]:
    """Give a store with two gauges and a river, and periods that run."""
    clock = HandClock()
    store: Store
    if request.param == "memory":
        store = MemoryStore(clock=clock)
    else:
        store = SqliteStore(tmp_path, clock=clock, inline_seconds=60, longest_seconds=60)
    await store.open()
    await create(store, gauge("urn:b", level=1), gauge("urn:a", level=2), gauge("urn:r", "River"))
    town = Town(store, clock)
    await town.periods.start()
    yield town
    await town.periods.close()
    await store.close()


async def test_the_first_comes_after_one_interval_and_then_one_comes_each(town: Town) -> None:
    await town.subscribe()
    await town.go(9)
    assert await town.told() == []
    await town.go(1)
    assert await town.told() == [["urn:a", "urn:b"]]
    await town.go(20)
    assert await town.queued() == 3


async def test_entities_are_those_that_all_conditions_hold_for(town: Town) -> None:
    await town.subscribe(entities=[{"type": "*", "id": ["urn:a", "urn:b", "urn:r"]}], q="level>1")
    await town.go(10)
    assert await town.told() == [["urn:a"]]


async def test_where_nothing_fits_nothing_is_told(town: Town) -> None:
    await town.subscribe(q="level>5")
    await town.go(30)
    assert await town.told() == []


async def test_more_entities_than_a_page_are_told_in_one_notification(town: Town) -> None:
    await create(town.store, *(gauge(f"urn:g:{n:05}") for n in range(1500)))
    await town.subscribe()
    await town.go(10)
    assert [len(ids) for ids in await town.told()] == [1502]


async def test_paused_and_removed_subscriptions_are_not_told(town: Town) -> None:
    created = await town.subscribe()
    paused = {**created.document["members"], "isActive": False}
    await town.store.outbox.replace("", S, {**created.document, "members": paused})
    await town.go(30)
    await town.store.outbox.replace("", S, created.document)
    await town.go(9)
    assert await town.told() == []
    await town.go(1)
    assert len(await town.told()) == 1
    await town.store.outbox.remove("", S)
    await town.go(30)
    assert await town.told() == []


async def test_an_expired_subscription_is_not_told(town: Town) -> None:
    await town.subscribe(expiresAt="2026-01-01T00:00:15Z")
    await town.go(40)
    assert len(await town.told()) == 1


async def test_a_wall_clock_that_jumps_neither_delays_nor_doubles(town: Town) -> None:
    await town.subscribe()
    await town.go(5)
    for jump in ("2025-01-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z"):
        town.clock.time = jump
        await town.ticker.go(4)
    assert len(await town.told()) == 1
    await town.ticker.go(10)
    assert len(await town.told()) == 2


async def test_after_a_restart_the_interval_goes_on_where_it_was(town: Town) -> None:
    await town.subscribe()
    await town.go(14)
    await town.periods.close()
    again = Periods(town.store, town.clock, town.ticker, OpenGuard(), notice)
    await again.start()
    await town.go(5)
    assert len(await town.told()) == 1
    await town.go(1)
    assert await town.queued() == 2
    await again.close()


async def test_periods_that_passed_while_the_broker_was_down_are_told_once(town: Town) -> None:
    await town.subscribe()
    await town.periods.close()
    await town.go(35)
    again = Periods(town.store, town.clock, town.ticker, OpenGuard(), notice)
    await again.start()
    await town.go(1)
    assert len(await town.told()) == 1
    await again.close()


@pytest.mark.parametrize(
    ("last_due", "now", "seconds"),
    [
        (None, AT, 10),
        (None, "2026-01-01T00:00:04.000000Z", 6),
        (None, "2026-01-01T01:00:00.000000Z", 0),
        ("2026-01-01T00:00:20.000000Z", "2026-01-01T00:00:21.000000Z", 9),
        ("2026-01-01T01:00:00.000000Z", AT, 10),
    ],
)
def test_a_period_is_due_an_interval_after_the_newest(
    last_due: str | None, now: str, seconds: float
) -> None:
    assert until_due(stored(timeInterval=10, last_due=last_due), 10, now) == seconds


async def test_a_receiver_that_is_down_costs_two_periods_however_long(town: Town) -> None:
    await town.subscribe()
    await town.go(100)
    assert await town.told() == [["urn:a", "urn:b"]] * 2
    books = await town.store.outbox.books()
    assert books == Books(queued=10, superseded=8, waiting=2)


async def test_news_of_a_subscription_that_did_not_change_doubles_no_period(town: Town) -> None:
    await town.subscribe()
    await town.go(10)
    assert await town.store.prune(town.clock.time.replace("T00:00:10", "T00:00:11"))
    assert await town.told() == []
    await town.go(20)
    assert await town.told() == [["urn:a", "urn:b"]] * 2


async def test_a_subscription_that_often_changes_is_told_once_a_period(town: Town) -> None:
    document = (await town.subscribe()).document
    for second in range(200):
        town.clock.time = f"2026-01-01T00:{second // 60:02}:{second % 60:02}.000000Z"
        await town.store.outbox.replace("", S, document)
    await town.go(10)
    assert await town.told() == [["urn:a", "urn:b"]]


class Narrowing(OpenGuard):
    """Hides one gauge from the owner of the subscription."""

    transparent = False

    def narrow(self, caller: Caller, tenant: str, query: EntityQuery) -> EntityQuery:
        return replace(query, where=And((query.where, Not(IdIn(("urn:a",))))))


async def test_what_the_owner_does_not_see_is_not_asked_for() -> None:
    clock = HandClock()
    store = MemoryStore(clock=clock)
    await store.open()
    await create(store, gauge("urn:b", level=1), gauge("urn:a", level=2))
    town = Town(store, clock, Narrowing())
    await town.periods.start()
    await town.subscribe()
    await town.go(10)
    assert await town.told() == [["urn:b"]]
    await town.periods.close()
    await store.close()
