"""Who follows the feed through the same lens, and the index by which a change finds its lenses."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator

from broker.store.contract import Committed
from broker.subscriptions.live.lens import Lens


class Waiter:
    """Wakes one sleeping reader."""

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: asyncio.Future[bool] | None = None

    async def sleep(self, seconds: float) -> bool:
        """Sleep until woken, or for `seconds`: then return False."""
        loop = asyncio.get_running_loop()
        self._future = loop.create_future()
        alarm = loop.call_later(seconds, self._end, False)
        try:
            return await self._future
        finally:
            alarm.cancel()
            self._future = None

    def wake(self) -> None:
        """End the sleep; nothing where nobody sleeps."""
        self._end(True)

    def _end(self, woken: bool) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(woken)


class Audience:
    """The readers behind one lens, and the recent changes that concern them.

    `log` has all changes past `floor` that may be told; older ones are found in the feed. `due`
    says that its readers are about to be woken, `faulty` that a change could not be told to them.
    `number` is never used again.
    """

    __slots__ = ("due", "faulty", "floor", "key", "lens", "log", "number", "tenant", "waiters")

    def __init__(self, number: int, tenant: str, lens: Lens, floor: int) -> None:
        self.number = number
        self.tenant = tenant
        self.lens = lens
        self.key = (tenant, lens.key)
        self.floor = floor
        self.log: deque[Committed] = deque()
        self.waiters: set[Waiter] = set()
        self.due = False
        self.faulty = False

    def forget(self, seq: int) -> None:
        """Let go of a change that has left the ring."""
        if self.log and self.log[0].change.seq == seq:
            self.log.popleft()
            self.floor = seq

    def past(self, after: int) -> Iterator[Committed]:
        """Yield what the log has past `after`."""
        return (one for one in self.log if one.change.seq > after)


class Index:
    """Audiences by tenant, and by the ids or types without which their lens sees nothing.

    Where a guard may show an entity as something else than it is (`exact` is false), every
    audience of the tenant is asked about every change.
    """

    def __init__(self, exact: bool) -> None:
        self._exact = exact
        self._by: dict[tuple[str, str, str], list[Audience]] = {}

    def add(self, audience: Audience) -> None:
        """Take an audience in."""
        for key in self._keys(audience):
            self._by.setdefault(key, []).append(audience)

    def remove(self, audience: Audience) -> None:
        """Let an audience go."""
        for key in self._keys(audience):
            among = self._by[key]
            among.remove(audience)
            if not among:
                del self._by[key]

    def find(self, one: Committed) -> list[Audience]:
        """Return the audiences that a change may concern, each once."""
        tenant = one.change.tenant
        by = self._by
        found = [*by.get((tenant, "", ""), ()), *by.get((tenant, "id", one.change.entity_id), ())]
        if self._exact:
            types: set[str] = set()
            for side in (one.before, one.after):
                types.update(side["type"] if side is not None else ())
            of_types = [one for iri in types for one in by.get((tenant, "type", iri), ())]
            found += dict.fromkeys(of_types) if len(types) > 1 else of_types
        return found

    def concerns(self, audience: Audience, one: Committed) -> bool:
        """Tell whether a change may be an event to this audience."""
        if not self._exact:
            return True
        holds = audience.lens.holds
        return any(side is not None and holds(side) for side in (one.after, one.before))

    def _keys(self, audience: Audience) -> Iterable[tuple[str, str, str]]:
        tenant, lens = audience.tenant, audience.lens
        if self._exact and lens.ids is not None:
            return [(tenant, "id", each) for each in lens.ids]
        if self._exact and lens.types is not None:
            return [(tenant, "type", each) for each in lens.types]
        return [(tenant, "", "")]
