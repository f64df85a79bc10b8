"""Changes read back from the store, each with the entity before and after it.

The feed is read in windows that begin at fixed places, so that readers who come back together,
as all do after a restart, share the work. Within a window, and from one window to the next, an
entity's state is found once, walking back from the current document, and goes forward from there.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from broker.model.change import apply, reconstruct
from broker.model.entity import Entity
from broker.store.contract import Change, Committed, Kind, Store

MOST_STATES: Final = 1000
"""Entities whose state is kept from one window to the next."""

MOST_LATER: Final = 20_000
"""Changes of one entity that are walked back to find its state at the beginning of a window."""

WINDOWS: Final = 8
IDLE: Final = 30.0
"""Windows kept, and for how many seconds after the last was asked for."""


class Forgotten(Exception):
    """The place to resume from is older than the feed's retention, or not of this feed."""


@dataclass(slots=True)
class _Window:
    """Changes of one tenant up to `until`, and the state they left entities in."""

    until: int
    changes: list[Committed] = field(default_factory=list)
    states: OrderedDict[str, Entity] = field(default_factory=OrderedDict)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Past:
    """Reads the feed of a store; `page` is the number of changes in a window."""

    def __init__(self, store: Store, *, page: int) -> None:
        self._store = store
        self._size = page
        self._windows: OrderedDict[tuple[str, int], _Window] = OrderedDict()
        self._idle: asyncio.TimerHandle | None = None

    async def read(self, tenant: str, after: int, until: int) -> tuple[list[Committed], int]:
        """Return some of the tenant's changes with `after < seq <= until`, and how far they go.

        Raises Forgotten where changes past `after` are no longer kept, or where one entity has
        changed so often since that its state then cannot be found at a bearable cost.
        """
        if after + 1 < self._store.span()[0]:
            raise Forgotten
        number = after // self._size
        end = min(until, (number + 1) * self._size)
        window = self._window(tenant, number)
        async with window.reading:
            if window.until < end:
                await self._extend(window, tenant, end)
        return [one for one in window.changes if after < one.change.seq <= end], end

    async def knows(self, tenant: str) -> bool:
        """Tell whether the store has a tenant."""
        return tenant in await self._store.tenants()

    def _window(self, tenant: str, number: int) -> _Window:
        key = (tenant, number)
        window = self._windows.get(key)
        if window is None:
            window = _Window(max(number * self._size, self._store.span()[0] - 1))
            before = self._windows.get((tenant, number - 1))
            if before is not None and before.until == number * self._size:
                window.states = before.states.copy()
            self._windows[key] = window
            if len(self._windows) > WINDOWS:
                self._windows.popitem(last=False)
        self._windows.move_to_end(key)
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE, self._windows.clear)
        return window

    async def _extend(self, window: _Window, tenant: str, end: int) -> None:
        rows = await self._store.changes(window.until, tenant=tenant, until=end, limit=self._size)
        for change in rows:
            window.changes.append(await self._step(window.states, change))
            window.until = change.seq
        window.until = end

    async def _step(self, states: OrderedDict[str, Entity], change: Change) -> Committed:
        """Return the change with the entity before and after it."""
        entity_id = change.entity_id
        before: Entity | None = None
        after: Entity | None = change.delta
        if change.kind is Kind.DELETE:
            before = change.before
            states.pop(entity_id, None)
        elif change.kind is Kind.UPDATE:
            before = states.pop(entity_id, None) or await self._state_before(change)
            assert change.delta is not None
            after = apply(before, change.delta)
        if after is not None:
            states[entity_id] = after
            if len(states) > MOST_STATES:
                states.popitem(last=False)
        return Committed(change, before, after)

    async def _state_before(self, change: Change) -> Entity:
        """Return the entity before an update: walk back from what it is now."""
        current = await self._store.get(change.tenant, change.entity_id)
        later = await self._store.changes(
            change.seq - 1,
            tenant=change.tenant,
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
