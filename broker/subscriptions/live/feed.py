"""The change feed of a running broker, for any number of readers.

The newest commits are kept in a ring with the entity before and after. After a commit each change
is looked up in an index of what readers look for, and only those it concerns are woken, a few at
a time, so that neither a crowd of readers nor a slow one holds writers up. Nothing queues for a
reader: one that is behind the ring reads what it missed back from the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

from broker.jsonld.cache import WeightedCache
from broker.store.contract import Committed, Store
from broker.subscriptions.live.audience import Audience, Index, Waiter
from broker.subscriptions.live.events import Told
from broker.subscriptions.live.lens import Lens
from broker.subscriptions.live.past import Past

AT_ONCE: Final = 64
"""Readers woken, or changes looked up, before other work on the event loop has its turn."""

KEPT: Final = 16 * 1024 * 1024
"""Bytes of rendered events that are kept for readers who ask alike."""


log = logging.getLogger("machi.broker")


class Feed:
    """Tells its readers of changes. `exact` says that the guard shows everything as it is.

    `head` is the newest committed change, `told` the newest that the readers have been woken for.
    `recent` is how many changes the ring holds, `page` how many a reader takes at a time. `faults`
    counts readers that a change could not be told to.
    """

    def __init__(
        self, store: Store, *, exact: bool = True, recent: int = 128, page: int = 128
    ) -> None:
        self.past = Past(store, page=page)
        self.page = page
        self.head = self.told = store.span()[1]
        self.closed = False
        self.faults = 0
        self._rendered: WeightedCache[tuple[int, int], tuple[Told | None]] = WeightedCache(KEPT)
        self._ring: deque[tuple[Committed, list[Audience]]] = deque()
        self._recent = recent
        self._oldest = self.head + 1
        self._index = Index(exact)
        self._audiences: dict[object, Audience] = {}
        self._untold: deque[Committed] = deque()
        self._due: deque[Audience] = deque()
        self._asleep: deque[Waiter] = deque()
        self._busy = False
        self._made = 0
        self.stop: Callable[[], None] = store.listen(self._committed)

    def join(self, tenant: str, lens: Lens, waiter: Waiter) -> Audience:
        """Put a reader among those who look through the same lens."""
        audience = self._audiences.get((tenant, lens.key))
        if audience is None:
            self._made += 1
            audience = Audience(self._made, tenant, lens, self.told)
            self._audiences[audience.key] = audience
            self._index.add(audience)
        audience.waiters.add(waiter)
        return audience

    def leave(self, audience: Audience, waiter: Waiter) -> None:
        """Take a reader out again."""
        audience.waiters.discard(waiter)
        if not audience.waiters and self._audiences.get(audience.key) is audience:
            del self._audiences[audience.key]
            self._index.remove(audience)

    def recent(self, audience: Audience, after: int) -> tuple[list[Committed], int] | None:
        """Return the next changes past `after` that may concern an audience, and how far they go.

        None where they are to be read back from the store.
        """
        if after >= audience.floor:
            found = list(audience.past(after))
        elif after + 1 >= self._oldest:
            found = [
                one
                for one, _ in self._ring
                if after < one.change.seq <= self.told and one.change.tenant == audience.tenant
            ]
        else:
            return None
        if len(found) > self.page:
            found = found[: self.page]
            return found, found[-1].change.seq
        return found, self.told

    def told_to(self, audience: Audience, one: Committed) -> Told | None:
        """Return what a change tells an audience, rendered once where there are several readers."""
        if len(audience.waiters) < 2:
            return audience.lens.tell(one)
        key = (audience.number, one.change.seq)
        kept = self._rendered.get(key)
        if kept is None:
            told = audience.lens.tell(one)
            kept = (told,)
            self._rendered.put(key, kept, 200 if told is None else told.weight)
        return kept[0]

    def fault(self, audience: Audience, error: Exception) -> None:
        """Count a reader that a change could not be told to; log the first of an audience."""
        self.faults += 1
        if not audience.faulty:
            audience.faulty = True
            log.error("a change could not be told to live streams", exc_info=error)

    def close(self) -> None:
        """End all readers: each wait returns at once from now on."""
        self.closed = True
        for audience in self._audiences.values():
            for waiter in audience.waiters:
                waiter.wake()

    def figures(self) -> dict[str, float]:
        """Return figures for /metrics."""
        readers = sum(len(audience.waiters) for audience in self._audiences.values())
        return {
            "streams": readers,
            "stream_lenses": len(self._audiences),
            "stream_faults_total": self.faults,
        }

    def _committed(self, changes: list[Committed]) -> None:
        self.head = changes[-1].change.seq
        if self._audiences:
            self._untold.extend(changes)
            self._work_soon()
        else:
            self._nobody_reads()

    def _nobody_reads(self) -> None:
        """Keep nothing: whoever comes back reads what it missed from the store."""
        self._untold.clear()
        self._ring.clear()
        self.told = self.head
        self._oldest = self.head + 1

    def _work_soon(self) -> None:
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._work)

    def _work(self) -> None:
        """Look changes up and wake readers, a slice at a time."""
        self._busy = False
        steps = 0
        while self._untold and steps < AT_ONCE:
            steps += 1 + self._tell(self._untold.popleft())
        for _ in range(AT_ONCE):
            if not self._asleep:
                if not self._due:
                    break
                audience = self._due.popleft()
                audience.due = False
                self._asleep.extend(audience.waiters)
            if self._asleep:
                self._asleep.popleft().wake()
        if self._untold or self._due or self._asleep:
            self._work_soon()

    def _tell(self, one: Committed) -> int:
        """Put a change into the ring and the logs of those it concerns; return the work it was."""
        found = self._index.find(one)
        concerned = [audience for audience in found if self._concerns(audience, one)]
        for audience in concerned:
            audience.log.append(one)
            if not audience.due:
                audience.due = True
                self._due.append(audience)
        self._ring.append((one, concerned))
        self.told = one.change.seq
        if len(self._ring) > self._recent:
            old, those = self._ring.popleft()
            for audience in those:
                audience.forget(old.change.seq)
        self._oldest = self._ring[0][0].change.seq if self._ring else self.told + 1
        return len(found)

    def _concerns(self, audience: Audience, one: Committed) -> bool:
        """Tell whether a change may be an event to an audience: one that cannot be judged is.

        Its readers then fail at it themselves, and are told.
        """
        try:
            return self._index.concerns(audience, one)
        except Exception:
            return True
