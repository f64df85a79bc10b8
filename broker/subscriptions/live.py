"""Live changes: followers of the feed, each at its own pace (DESIGN §7).

Recent commits are kept in a ring with the entity before and after. A follower that is further
behind reads the feed itself and walks back from the current documents, so that nothing queues
up for a slow reader and no writer waits for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from broker.model.change import reconstruct
from broker.model.entity import Entity
from broker.store.contract import Change, Committed, Kind, Store


class Forgotten(Exception):
    """The place to resume from is older than the feed's retention, or not of this feed."""


class Feed:
    """The change feed of a running broker, for any number of followers."""

    def __init__(self, store: Store, *, recent: int = 128, page: int = 256) -> None:
        self._store = store
        self._ring: list[Committed | None] = [None] * recent
        self._oldest = store.span()[1] + 1
        self.head = store.span()[1]
        self._page = page
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

    async def read(self, tenant: str, after: int) -> tuple[list[Committed], int]:
        """Return the tenant's next changes past `after`, and the seq read up to.

        Raises Forgotten where changes past `after` are no longer kept.
        """
        if not 0 <= after <= self.head:
            raise Forgotten
        if after + 1 >= self._oldest:
            until = min(self.head, after + self._page)
            size = len(self._ring)
            recent = (self._ring[seq % size] for seq in range(after + 1, until + 1))
            return [one for one in recent if one and one.change.tenant == tenant], until
        return await self._from_store(tenant, after)

    async def _from_store(self, tenant: str, after: int) -> tuple[list[Committed], int]:
        oldest, head = self._store.span()
        if after + 1 < oldest:
            raise Forgotten
        page = await self._store.changes(after, tenant=tenant, until=head, limit=self._page)
        if not page:
            return [], head
        until = head if len(page) < self._page else page[-1].seq
        found: list[Committed] = []
        for entity_id in {change.entity_id for change in page}:
            found += await self._states(tenant, entity_id, after, until)
        return sorted(found, key=lambda one: one.change.seq), until

    async def _states(self, tenant: str, entity_id: str, after: int, until: int) -> list[Committed]:
        current = await self._store.get(tenant, entity_id)
        changes: list[Change] = []
        while page := await self._store.changes(
            changes[-1].seq if changes else after, tenant=tenant, entity_id=entity_id
        ):
            changes += page
        while changes and not _ends_in(changes[-1], current and current.version):
            changes.pop()
        entity: Entity | None = current.entity if current else None
        return [
            Committed(change, before, now)
            for change, before, now in reconstruct(entity, reversed(changes))
            if change.seq <= until
        ]


def _ends_in(change: Change, version: int | None) -> bool:
    """Tell whether the entity's current version is what this change left."""
    return version is None if change.kind is Kind.DELETE else change.version == version
