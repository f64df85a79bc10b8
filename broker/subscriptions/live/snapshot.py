"""What a reader starts from: all entities in sight, and every change since, each exactly once.

Entities are read page by page while changes go on. A change that falls between the beginning and
the end of that may or may not be in the page its entity was on. The version decides: what the
reader has been shown at that version or a later one is not told again, and an entity that it has
not been shown is new to it, whatever the feed says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from broker.guard import Caller, Guard
from broker.query.ast import EntityQuery
from broker.store.contract import Committed, Store, Tx
from broker.subscriptions.live.events import Told, synced
from broker.subscriptions.live.follower import Follower

PAGE: Final = 100


class Snapshot:
    """Shows what a caller may see of a store, as the first events of a stream."""

    def __init__(self, store: Store, guard: Guard, caller: Caller) -> None:
        self._store = store
        self._guard = guard
        self._caller = caller

    async def show(self, follower: Follower) -> AsyncGenerator[list[Told], None]:
        """Yield the entities, then `synced`; the follower goes on from there.

        No event before `synced` is a place to resume from. Raises Forgotten where the reader is
        so slow that changes since the beginning are no longer kept.
        """
        follower.skip()
        known: dict[str, int] = {}
        async with aclosing(self._pages(follower, known)) as pages:
            async for page in pages:
                yield page
        shown = len(known)
        # Behind this empty write lies every commit that a page may have seen.
        await self._store.write(follower.tenant, _nothing)
        until = follower.feed.head
        while follower.after < until:
            changes = await follower.changes()
            told = [_tell(follower, one, known) for one in changes]
            yield [event for event in told if event is not None]
            await asyncio.sleep(0)
        yield [synced(follower.after, shown)]

    async def _pages(
        self, follower: Follower, known: dict[str, int]
    ) -> AsyncGenerator[list[Told], None]:
        tenant, lens = follower.tenant, follower.lens
        last: str | None = None
        while True:
            query = EntityQuery(lens.where, limit=PAGE, after=last)
            page = await self._store.query(tenant, self._guard.narrow(self._caller, tenant, query))
            told = []
            for record in page.records:
                entity = self._guard.view(self._caller, tenant, record.entity)
                if entity is not None:
                    known[record.id] = record.version
                    told.append(lens.show(entity, record.version))
            if told:
                yield told
            if len(page.records) < PAGE:
                return
            last = page.records[-1].id


def _tell(follower: Follower, one: Committed, known: dict[str, int]) -> Told | None:
    """Return what a change tells a reader who knows entities in certain versions."""
    entity_id, version = one.change.entity_id, one.change.version
    have = known.get(entity_id)
    if have is not None and version <= have:
        return None
    seen = follower.seen(one)
    if seen is None:
        return None
    if have is None:
        seen = Committed(seen.change, None, seen.after)
    told = follower.lens.tell(seen, numbered=False)
    if told is not None and told.name in ("leave", "delete"):
        del known[entity_id]
    elif have is not None or told is not None:
        known[entity_id] = version
    return told


async def _nothing(tx: Tx) -> None:
    return None
