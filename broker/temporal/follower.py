"""The follower: turns the change feed into history (decision 0100).

Changes come from the store's commits while it keeps up, and are read back from the feed where it
does not: after a restart, or when it fell behind. They are written in batches, each with its place
in the feed in the same transaction, so that nothing is followed twice and nothing is left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from broker.errors import MachiError, NonexistentTenant, ServiceUnavailable
from broker.store.contract import Change, Committed, Kind, Store
from broker.store.history import Entry
from broker.store.refusals import closed
from broker.temporal.telling import entry_of

PAUSE: Final = 0.5
"""Seconds in which changes gather, unless somebody waits for them, or they are many."""

LAZY: Final = 5.0
"""The same where another broker leads, which will have followed by then."""

BATCH: Final = 4000
"""Attribute instances, and changes, written in one commit. Many share the pages they change."""

BIRTH: Final = 4
"""What a birth counts as, which is one row whatever it has, and a dear one."""

MANY: Final = BATCH // 2
"""Changes that are not left to gather any longer."""

PAST: Final = 40
"""Changes read back from the feed, and written, at a time: few, for others wait meanwhile."""

RING: Final = 8000
"""Changes kept for the follower after their commit; beyond, it reads them back."""

RETRY: Final = 1.0
"""Seconds until the next try where the store cannot write."""

Types: TypeAlias = Sequence[str]
Told: TypeAlias = tuple[int, str, Entry | None]
"""A change by its number and its tenant, with what it tells; None where no history is kept."""

Keeps: TypeAlias = Callable[[str, Sequence[str]], bool]
"""Whether history is kept of entities of a tenant that have these types."""

log = logging.getLogger("machi.broker")


class Follower:
    """Follows the feed of a store. Whoever reads history first awaits `catch_up`."""

    def __init__(
        self,
        store: Store,
        keeps: Keeps = lambda tenant, types: True,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._keeps = keeps
        self._sleep = sleep
        self._ring: deque[Told] = deque(maxlen=RING)
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stop: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Begin to follow, from where history ends."""
        self._stop = self._store.listen(self._committed)
        self._task = asyncio.create_task(self._serve(), name="machi-history")
        self._news.set()

    async def close(self) -> None:
        """Stop at once; what is not followed yet is at the next start."""
        self._stop()
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._fail(closed())

    async def catch_up(self) -> None:
        """Return once history has everything that was committed when this was called.

        Raises ServiceUnavailable where history cannot be written.
        """
        newest = self._store.span()[1]
        if self._task is None or self._store.history.followed() >= newest:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((newest, done))
        self._news.set()
        self._hurry.set()
        await done

    def figures(self) -> dict[str, float]:
        """Return figures for /metrics."""
        behind = self._store.span()[1] - self._store.history.followed()
        return {"history_behind": behind if self._task else 0, **self._store.history.count()}

    def _committed(self, changes: list[Committed]) -> None:
        """Note what changes tell at once: they need not be kept for it."""
        self._ring.extend([self._told(one.change, one.types) for one in changes])
        self._news.set()
        if len(self._ring) >= MANY and self._store.leads():
            self._hurry.set()

    def _told(self, change: Change, types: Types) -> Told:
        kept = self._keeps(change.tenant, types)
        return change.seq, change.tenant, entry_of(change, types) if kept else None

    async def _serve(self) -> None:
        while True:
            await self._news.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE if self._store.leads() else LAZY):
                    await self._hurry.wait()
            self._news.clear()
            self._hurry.clear()
            try:
                newest = self._store.span()[1]
                while self._store.history.followed() < newest:
                    await self._follow()
            except (MachiError, OSError) as error:
                log.warning("history is behind, next try in %g s: %s", RETRY, error)
                self._fail(error)
                await self._sleep(RETRY)
                self._news.set()

    async def _follow(self) -> None:
        """Write the next batch."""
        store = self._store
        after, newest = store.history.followed(), store.span()[1]
        while self._ring and self._ring[0][0] <= after:
            self._ring.popleft()
        upto, changes = self._recent(after)
        if not changes:
            upto, changes = await self._past(after, newest)
        told: dict[str, list[Entry]] = {}
        for _, tenant, entry in changes:
            if entry is not None:
                told.setdefault(tenant, []).append(entry)
        await store.history.follow(upto, told, after=after)
        self._settle(store.history.followed())

    def _recent(self, after: int) -> tuple[int, list[Told]]:
        """Return the changes from memory that follow one: how far they go, and what they tell."""
        weight, changes, ring = 0, list[Told](), self._ring
        while ring and ring[0][0] == after + 1 and weight < BATCH:
            told = ring.popleft()
            changes.append(told)
            after, _, entry = told
            weight += 1 if entry is None else BIRTH if entry.born else 1 + len(entry.facts)
        return after, changes

    async def _past(self, after: int, newest: int) -> tuple[int, list[Told]]:
        """Return the next changes from the feed: how far they go, and what they tell."""
        changes = await self._store.changes(after, until=newest, limit=PAST)
        told = [self._told(change, await self._types(change)) for change in changes]
        return changes[-1].seq if len(changes) == PAST else newest, told

    async def _types(self, change: Change) -> Types:
        """Return the types of an entity at a change, or as near to it as is known."""
        for parts in (change.delta, change.before):
            if parts is not None and parts.get("type"):
                return parts["type"]  # type: ignore[no-any-return]
        with suppress(NonexistentTenant):
            record = await self._store.get(change.tenant, change.entity_id)
            if record is not None:
                return record.entity["type"]  # type: ignore[no-any-return]
            for later in await self._store.changes(
                change.seq, tenant=change.tenant, entity_id=change.entity_id
            ):
                if later.kind is Kind.DELETE and later.before is not None:
                    return later.before["type"]  # type: ignore[no-any-return]
        return ()

    def _settle(self, followed: int) -> None:
        waiting = self._waiters
        self._waiters = [one for one in waiting if one[0] > followed]
        for upto, done in waiting:
            if upto <= followed and not done.done():
                done.set_result(None)

    def _fail(self, error: Exception) -> None:
        waiting, self._waiters = self._waiters, []
        for _, done in waiting:
            if not done.done():
                done.set_exception(_unreadable(error))


def _unreadable(error: Exception) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"History is behind and could not be written: {error}.",
        place="store",
        remedy="Repeat the request later; see to free space and health of the broker's disk.",
    )
