"""Notifications at intervals (`timeInterval`, §5.8.6): who is due when, and what is queued then.

Several brokers on one database all know what is due; the one that delivers the queue tells it.
Due times follow from the store: the newest period that was noted there, or the newest change of
the subscription, plus the interval. While the broker runs they are waited for by a clock that
never jumps, so that a corrected wall clock neither delays nor doubles. Periods that passed while
the broker was down are told once.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from broker.clock import Clock
from broker.errors import MachiError
from broker.guard import Guard
from broker.model.entity import Entity
from broker.query.ast import And, EntityQuery, Node, Or
from broker.store.contract import Store
from broker.store.outbox import Notice, StoredSubscription
from broker.subscriptions.conditions import selector_node
from broker.subscriptions.delivery.clock import Ticker, seconds_between
from broker.subscriptions.model import Status, Subscription
from broker.subscriptions.show import status
from broker.subscriptions.stored import load

SHORTEST: Final = 1.0
"""Seconds between two periods, however short `timeInterval` is."""
MOST: Final = 10_000
"""Entities in one notification; what is more is left out, in the order of ids."""
PAGE: Final = 1000
RETRY: Final = 5.0
SLACK: Final = 64
"""Entries of the heap that may be superseded before they are looked through."""
TASK: Final = "machi-periods"

log = logging.getLogger("machi.broker")


def until_due(stored: StoredSubscription, interval: float, now: str) -> float:
    """Return the seconds until a period is due: none where it has passed, an interval at most."""
    since = max(stored.last_due or "", stored.modified_at)
    return min(max(0.0, interval - seconds_between(since, now)), interval)


def asked_for(subscription: Subscription) -> Node:
    """Return the condition on the entities that a periodic notification has."""
    nodes: list[Node] = []
    if subscription.entities:
        nodes.append(Or(tuple(map(selector_node, subscription.entities))))
    queries = (subscription.q, subscription.geo, subscription.scope)
    nodes += [node for node in queries if node is not None]
    return And(tuple(nodes))


class Periods:
    """Queues what is due at intervals. Bound to its event loop.

    `notice` gives what is told of to a subscription that is not to entities.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ticker: Ticker,
        guard: Guard,
        notice: Callable[[StoredSubscription], Awaitable[Notice | None]],
    ) -> None:
        self._store = store
        self._outbox = store.outbox
        self._clock = clock
        self._ticker = ticker
        self._guard = guard
        self._notice = notice
        self._due: list[tuple[float, int, str]] = []
        """(when, sid, the subscription's newest change) as a heap."""
        self._planned: dict[int, str] = {}
        """By sid, the version that is in the heap: one period each, however often news comes."""
        self._alarm: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop: Callable[[], None] = lambda: None
        self._closing = False

    async def start(self) -> None:
        """Take up all periodic subscriptions, and from now on those that come."""
        self._stop = self._outbox.follow(self._changed)
        self._changed([stored.sid for stored in await self._outbox.all()])

    async def close(self) -> None:
        """Stop; a period that is being told is finished."""
        self._closing = True
        self._stop()
        if self._alarm is not None:
            self._alarm()
        if self._task is not None:
            await self._task

    def _changed(self, sids: Collection[int]) -> None:
        now = self._clock()
        for sid in sids:
            stored = self._outbox.find(sid)
            interval = None if stored is None else _interval(stored)
            if stored is None or interval is None:
                self._planned.pop(sid, None)
            elif self._planned.get(sid) != stored.modified_at:
                self._planned[sid] = stored.modified_at
                when = self._ticker.monotonic() + until_due(stored, interval, now)
                heapq.heappush(self._due, (when, sid, stored.modified_at))
        self._forget_superseded()
        self._set_alarm()

    def _forget_superseded(self) -> None:
        """Keep the heap as small as what is planned, however often subscriptions change."""
        if len(self._due) > 2 * len(self._planned) + SLACK:
            self._due = [one for one in self._due if self._planned.get(one[1]) == one[2]]
            heapq.heapify(self._due)

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm()
            self._alarm = None
        if self._due and not self._closing and (self._task is None or self._task.done()):
            self._alarm = self._ticker.at(self._due[0][0], self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._task = asyncio.get_running_loop().create_task(self._tell_due(), name=TASK)
        self._task.add_done_callback(lambda task: self._set_alarm())

    async def _tell_due(self) -> None:
        while self._due and self._due[0][0] <= self._ticker.monotonic() and not self._closing:
            when, sid, version = heapq.heappop(self._due)
            stored = self._outbox.find(sid)
            interval = None if stored is None else _interval(stored)
            if stored is None or interval is None or stored.modified_at != version:
                continue
            if not self._outbox.mine(sid):
                left = until_due(stored, interval, self._clock())
                later = self._ticker.monotonic() + max(SHORTEST, left)
                heapq.heappush(self._due, (later, sid, version))
                continue
            try:
                await self._tell(stored)
            except MachiError as error:
                log.warning("subscription %d was not told of its period: %s", sid, error)
                interval = max(interval, RETRY)
            now = self._ticker.monotonic()
            heapq.heappush(self._due, (max(when + interval, now), sid, version))

    async def _tell(self, stored: StoredSubscription) -> None:
        at = self._clock()
        if status(stored.document["members"], at) is Status.ACTIVE:
            if stored.kind:
                await self._outbox.queue_period(stored, at, (), await self._notice(stored))
                return
            entities = await self._entities(stored)
            await self._outbox.queue_period(stored, at, entities)

    async def _entities(self, stored: StoredSubscription) -> list[Entity]:
        subscription = load(stored.document)
        where, owner = asked_for(subscription), subscription.owner
        found: list[Entity] = []
        after = None
        while len(found) < MOST:
            query = EntityQuery(where, PAGE, after=after)
            narrowed = self._guard.narrow(owner, stored.tenant, query)
            page = await self._store.query(stored.tenant, narrowed)
            found += [record.entity for record in page.records]
            if len(page.records) < PAGE:
                break
            after = page.records[-1].id
        return found


def _interval(stored: StoredSubscription) -> float | None:
    members = stored.document["members"]
    interval: float | None = members.get("timeInterval")
    if interval is None or not members.get("isActive", True):
        return None
    return max(SHORTEST, interval)
