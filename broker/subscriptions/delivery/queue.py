"""The queue of one subscription as delivery holds it in memory: a window on the store's rows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Final

from broker.store.outbox import IN_FLIGHT, PERIODIC, Outbox, Waiting

MOST_HELD: Final = 8192
"""Rows held in memory over all queues; what is more is read from the store when its turn comes."""


class State(Enum):
    """Where a queue is."""

    IDLE = auto()
    READY = auto()
    RUNNING = auto()
    PAUSED = auto()


class Held:
    """How many rows all queues hold."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows = 0


class Queue:
    """Rows of one subscription that are next, in order.

    `behind` tells that the store has more than is held. `newest` is the row dealt with last,
    `open` counts rows dealt with whose end is not yet in the store. `young` until a row was read
    for the first time since the broker started. `task` works on it, or did last. `reach` is how
    many rows are read at a time: few while tries fail, since only the head is needed then. `trying`
    is done when the try under way has ended, None where there is none. `origin` and `target` name
    the server and the endpoint, once they are known.
    """

    __slots__ = (
        "_epoch", "_held", "_rows", "behind", "newest", "not_before", "open", "origin", "reach",
        "sid", "state", "target", "task", "timer", "trying", "young",
    )  # fmt: skip

    def __init__(self, sid: int, held: Held) -> None:
        self.sid = sid
        self.newest = 0
        self.behind = False
        self.young = True
        self.open = 0
        self.reach = IN_FLIGHT
        self.state = State.IDLE
        self.not_before = 0.0
        self.origin = ""
        self.target = ""
        self.task: asyncio.Future[None] | None = None
        self.trying: asyncio.Future[None] | None = None
        self.timer: Callable[[], None] | None = None
        self._epoch = 0
        self._held = held
        self._rows: deque[Waiting] = deque()

    @property
    def empty(self) -> bool:
        """Tell whether nothing waits, here or in the store."""
        return not self._rows and not self.behind

    def offer(self, row: Waiting) -> None:
        """Take a row that begins to wait, or remember that the store has it.

        A period may have superseded rows that are held.
        """
        if row.seq <= self.newest or row.seq >= PERIODIC:
            self.forget()
        elif not self.behind and len(self._rows) < IN_FLIGHT and self._held.rows < MOST_HELD:
            self._rows.append(row)
            self._held.rows += 1
        else:
            self.behind = True

    def forget(self) -> None:
        """Give up what is held; the store is asked again."""
        self.drop()
        self.behind = True

    def drop(self) -> None:
        """Give up what is held, for good."""
        self._epoch += 1
        self._held.rows -= len(self._rows)
        self._rows.clear()
        self.behind = False

    def head(self) -> Waiting | None:
        """Return the next row that is held."""
        return self._rows[0] if self._rows else None

    def passed(self, row: Waiting) -> None:
        """Move past a row that was dealt with."""
        self.newest = max(self.newest, row.seq)
        if self._rows and self._rows[0] is row:
            self._rows.popleft()
            self._held.rows -= 1

    async def read(self, outbox: Outbox) -> None:
        """Hold the oldest rows of the store, once nothing dealt with is left to settle there."""
        self.drop()
        epoch, limit = self._epoch, self.reach
        self.reach = min(4 * limit, IN_FLIGHT)
        found = await outbox.waiting(self.sid, limit=limit)
        if self._epoch == epoch:
            self._take(found, limit)

    def _take(self, found: Sequence[Waiting], limit: int) -> None:
        if len(found) == limit:
            self.drop()
            self.behind = True
        newest = found[-1].seq if found else 0
        meanwhile = [row for row in self._rows if row.seq > newest]
        self._held.rows += len(found) + len(meanwhile) - len(self._rows)
        self._rows = deque(found)
        self._rows.extend(meanwhile)
