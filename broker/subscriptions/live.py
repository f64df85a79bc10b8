"""Live changes: followers of the feed, each at its own pace.

Recent commits are kept in a ring with the entity before and after. A follower that is further
behind reads the feed itself: it finds an entity's state at its own place once, walking back from
the current document, and goes forward from there. So nothing queues up for a slow reader and no
writer waits for one.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from broker.model.change import apply, reconstruct
from broker.model.entity import Entity
from broker.store.contract import Change, Committed, Kind, Store

MOST_STATES: Final = 1000
"""Entities whose state a follower keeps while it catches up."""

MOST_LATER: Final = 20_000
"""Changes of one entity that are walked back to find its state at a follower's place."""


class Forgotten(Exception):
    """The place to resume from is older than the feed's retention, or not of this feed."""


class Feed:
    """The change feed of a running broker, for any number of followers."""

    def __init__(self, store: Store, *, recent: int = 128, page: int = 256) -> None:
        self._store = store
        self._ring: list[Committed | None] = [None] * recent
        self._oldest = store.span()[1] + 1
        self.head = store.span()[1]
        self.page = page
        self._news = asyncio.Event()
        self.closed = False
        self.stop: Callable[[], None] = store.listen(self._committed)

    def _committed(self, changes: list[Committed]) -> None:
        size = len(self._ring)
        for one in changes:
            self._ring[one.change.seq % size] = one
            self.head = one.change.seq
        self._oldest = max(self._oldest, self.head - size + 1)
        news, self._news = self._news, asyncio.Event()
        news.set()

    def close(self) -> None:
        """End all followers: each `wait` returns at once from now on."""
        self.closed = True
        self._news.set()

    async def wait(self, after: int, timeout: float) -> bool:
        """Wait for changes past `after`; False after `timeout` seconds or at the end."""
        if self.closed:
            return False
        if self.head > after:
            return True
        try:
            await asyncio.wait_for(self._news.wait(), timeout)
        except TimeoutError:
            return False
        return not self.closed

    def follow(self, tenant: str, after: int) -> Follower:
        """Return a follower of a tenant's changes past `after`."""
        return Follower(self, self._store, tenant, after)

    def recent(self, after: int) -> tuple[list[Committed], int] | None:
        """Return the next changes past `after` and the seq read up to; None if out of the ring."""
        if after + 1 < self._oldest:
            return None
        until = min(self.head, after + self.page)
        size = len(self._ring)
        found = (self._ring[seq % size] for seq in range(after + 1, until + 1))
        return [one for one in found if one is not None], until


class Follower:
    """One reader's place in the feed. `after` is the seq it has read up to.

    While it is behind the ring it keeps the state of the entities it has met at its own place,
    so that each change is only a step forward from the one before.
    """

    def __init__(self, feed: Feed, store: Store, tenant: str, after: int) -> None:
        self.after = after
        self._feed = feed
        self._store = store
        self._tenant = tenant
        self._states: OrderedDict[str, Entity] = OrderedDict()

    async def read(self) -> list[Committed]:
        """Return the tenant's next changes and move on; empty where there are none in sight.

        Raises Forgotten where changes past `after` are no longer kept, or where one entity has
        changed so often since that its state then cannot be found at a bearable cost.
        """
        if not 0 <= self.after <= self._feed.head:
            raise Forgotten
        recent = self._feed.recent(self.after)
        if recent is not None:
            self._states.clear()
            found, self.after = recent
            return [one for one in found if one.change.tenant == self._tenant]
        return await self._from_store()

    async def wait(self, timeout: float) -> bool:
        """Wait for changes of any tenant; False after `timeout` seconds or at the feed's end."""
        return await self._feed.wait(self.after, timeout)

    def skip(self) -> None:
        """Give up what has not been read: go on from the newest change."""
        self.after = self._feed.head
        self._states.clear()

    async def _from_store(self) -> list[Committed]:
        oldest, head = self._store.span()
        if self.after + 1 < oldest:
            raise Forgotten
        size = self._feed.page
        page = await self._store.changes(self.after, tenant=self._tenant, until=head, limit=size)
        found = [await self._step(change) for change in page]
        self.after = head if len(page) < size else page[-1].seq
        return found

    async def _step(self, change: Change) -> Committed:
        """Return the change with the entity before and after it."""
        entity_id = change.entity_id
        before: Entity | None = None
        after: Entity | None = change.delta
        if change.kind is Kind.DELETE:
            before = change.before
            self._states.pop(entity_id, None)
        elif change.kind is Kind.UPDATE:
            before = self._states.pop(entity_id, None) or await self._state_before(change)
            assert change.delta is not None
            after = apply(before, change.delta)
        if after is not None:
            self._states[entity_id] = after
            if len(self._states) > MOST_STATES:
                self._states.popitem(last=False)
        return Committed(change, before, after)

    async def _state_before(self, change: Change) -> Entity:
        """Return the entity before an update: walk back from what it is now."""
        current = await self._store.get(self._tenant, change.entity_id)
        later = await self._store.changes(
            change.seq - 1,
            tenant=self._tenant,
            entity_id=change.entity_id,
            limit=MOST_LATER,
        )
        if len(later) == MOST_LATER or not later or later[0].seq != change.seq:
            raise Forgotten
        version = None if current is None else current.version
        while later and not _ends_in(later[-1], version):
            later.pop()
        entity = None if current is None else current.entity
        for _, before, _ in reconstruct(entity, reversed(later)):
            entity = before
        if entity is None:
            raise Forgotten
        return entity


def _ends_in(change: Change, version: int | None) -> bool:
    """Tell whether the entity's current version is what this change left."""
    return version is None if change.kind is Kind.DELETE else change.version == version
