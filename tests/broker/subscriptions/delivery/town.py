"""A store, its delivery and a clock that a test moves: everything but the API."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from broker.egress import Egress
from broker.guard import ANYONE, Guard, OpenGuard
from broker.jsonld.core import CORE_CONTEXT
from broker.store.contract import Store
from broker.store.memory import MemoryStore
from broker.store.outbox import Books, DeadLetter, StoredSubscription
from broker.store.sqlite import SqliteStore
from broker.subscriptions.delivery.loops import Chains
from broker.subscriptions.delivery.policy import Policy
from broker.subscriptions.delivery.quality import quality_of
from broker.subscriptions.delivery.recipient import Known, Recipient, Unready
from broker.subscriptions.delivery.render import View
from broker.subscriptions.delivery.runner import Delivery
from broker.subscriptions.delivery.senders import Senders
from broker.subscriptions.delivery.shape import Shape
from broker.subscriptions.endpoint import parse_endpoint
from tests.broker.store.helpers import create, entity, prop, replace
from tests.broker.store.matching import ByEntity
from tests.support.patience import PATIENCE

RIVER = "urn:ngsi-ld:River:kuma"


class Hands:
    """Both clocks of a broker: `advance` moves them together, `set_wall` only the wall clock."""

    def __init__(self) -> None:
        self._wall = datetime(2026, 1, 1, tzinfo=UTC)
        self._seconds = 1000.0
        self._number = itertools.count()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []

    def now(self) -> str:
        return self._wall.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def monotonic(self) -> float:
        return self._seconds

    def at(self, when: float, callback: Callable[[], None]) -> Callable[[], None]:
        entry = (when, next(self._number), callback)
        heapq.heappush(self._timers, entry)

        def off() -> None:
            if entry in self._timers:
                self._timers.remove(entry)
                heapq.heapify(self._timers)

        return off

    def set_wall(self, **units: float) -> None:
        self._wall += timedelta(**units)

    def advance(self, seconds: float) -> None:
        """Let time pass and everything that is due in it happen."""
        end = self._seconds + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, callback = heapq.heappop(self._timers)
            self._move(max(when, self._seconds) - self._seconds)
            callback()
        self._move(end - self._seconds)

    def _move(self, seconds: float) -> None:
        self._seconds += seconds
        self._wall += timedelta(seconds=seconds)


class Town:
    """A running delivery on a store; subscriptions say where they want to be told in `uri`."""

    def __init__(self, store: Store, hands: Hands, guard: Guard, policy: Policy) -> None:
        self.store = store
        self.hands = hands
        self._guard = guard
        self._policy = policy
        self.chains = Chains(b"key")
        self.delivery: Delivery
        self.unready = ""
        self._runs = False
        store.outbox.match_with(ByEntity())
        store.listen(lambda changes: self.chains.committed(changes))

    def _made(self) -> Delivery:
        return Delivery(
            self.store.outbox, self._know, self._guard, Senders(Egress(local=True)), self.chains,
            policy=self._policy, clock=self.hands.now, ticker=self.hands, draw=lambda: 0.0,
        )  # fmt: skip

    async def _know(self, sid: int) -> Known | None:
        stored = self.store.outbox.find(sid)
        if stored is None:
            return None
        if self.unready:
            return Unready(self.unready)
        return recipient(stored)

    async def stop(self) -> None:
        """End the delivery; changes go on."""
        if self._runs:
            self._runs = False
            await self.delivery.close()

    async def restart(self) -> None:
        """End this delivery and begin another on the same store."""
        await self.stop()
        self.delivery = self._made()
        await self.delivery.start()
        self._runs = True

    async def subscribe(self, uri: str, *wants: str, name: str = "1", **more: Any) -> int:
        document = {"uri": uri, "wants": list(wants or (RIVER,)), **more}
        id = f"urn:ngsi-ld:Subscription:{name}"
        return (await self.store.outbox.create("", id, document)).sid

    async def level(self, value: Any, id: str = RIVER) -> None:
        """Write a level; the first creates the river."""
        changed = entity(id, level=prop(value))
        if await self.store.get("", id) is None:
            await create(self.store, changed)
        else:
            await replace(self.store, changed)

    async def period(self, sid: int, value: Any) -> None:
        """Queue a notification at an interval, of a level."""
        stored = self.store.outbox.find(sid)
        assert stored is not None
        river = entity(RIVER, level=prop(value))
        assert await self.store.outbox.queue_period(stored, self.hands.now(), [river])

    async def tenant(self) -> None:
        await create(self.store, entity("urn:ngsi-ld:Other:1"))

    async def books(self, sid: int | None = None) -> Books:
        books = await self.store.outbox.books(sid)
        assert books.balanced
        return books

    async def until(self, holds: Callable[[Books], bool], sid: int | None = None) -> Books:
        """Return the books once they are like this."""
        async with asyncio.timeout(PATIENCE):
            while not holds(books := await self.books(sid)):
                await asyncio.sleep(0.001)
        return books

    async def dead(self) -> list[DeadLetter]:
        return (await self.store.outbox.dead_letters())[0]

    async def failed(self, times: int, sid: int) -> StoredSubscription:
        """Return the subscription once so many tries failed."""
        async with asyncio.timeout(PATIENCE):
            while True:
                stored = self.store.outbox.find(sid)
                assert stored is not None
                if stored.history.times_failed >= times:
                    return stored
                await asyncio.sleep(0.001)


def recipient(stored: StoredSubscription) -> Recipient:
    document = stored.document
    return Recipient(
        sid=stored.sid,
        tenant=stored.tenant,
        id=stored.id,
        created_at=stored.created_at,
        active=document.get("active", True),
        expires_at=document.get("expires"),
        owner=ANYONE,
        address=parse_endpoint(document["uri"]),
        quality=quality_of(document.get("quality", {})),
        receiver_info=(),
        timeout=document.get("timeout"),
        cooldown=document.get("cooldown", 0.0),
        view=View(Shape(**document.get("shape", {})), CORE_CONTEXT, "application/json"),
        concerns=lambda committed: True,
        wants=lambda entity: True,
    )


@contextlib.asynccontextmanager
async def running(
    store: Store | None = None,
    guard: Guard | None = None,
    policy: Policy | None = None,
    *,
    folder: Path | None = None,
) -> AsyncIterator[Town]:
    """Run a town, on `store`, or else on SQLite in `folder`, or else in memory."""
    hands = Hands()
    if store is None:
        store = SqliteStore(folder, clock=hands.now) if folder else MemoryStore(clock=hands.now)
    await store.open()
    town = Town(store, hands, guard or OpenGuard(), policy or Policy())
    await town.restart()
    try:
        yield town
    finally:
        await town.stop()
        await store.close()


def levels(got: list[Any]) -> list[Any]:
    """Return the levels a receiver was told, in the order they came."""
    return [one.entity["https://example.org/level"]["value"] for one in got]
