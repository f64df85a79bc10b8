"""What the SQLite engine keeps in memory of each subscription and its queue.

The queue is an array of row numbers, 8 bytes each; tries are kept of the few rows that had one.
All of it is as committed: a transaction changes it through what waits in `Effects.publish`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from broker.store.books import Posting
from broker.store.outbox import Books, History, StoredSubscription

FEW = 8
"""Rows that are taken out of the middle of a queue one by one."""


@dataclass(frozen=True, slots=True)
class Tries:
    """What is known of a row that was tried."""

    attempts: int
    not_before: str | None
    error: str | None


NO_TRIES = Tries(0, None, None)


@dataclass(slots=True)
class Line:
    """A subscription with its queue.

    `live`: its creation is committed. `epoch_written` is the epoch in the open transaction.
    `unsaved` counts the rows that are queued in the file and not yet in the ledger (see
    `broker.store.sqlite.schema`), nor in `books`.
    """

    sid: int
    tenant: str
    id: str
    document: dict[str, Any]
    since: int
    created_at: str
    modified_at: str
    kind: str = ""
    epoch: int = 0
    epoch_written: int = 0
    live: bool = True
    books: Books = field(default_factory=Books)
    history: History = field(default_factory=History)
    last_due: str | None = None
    unsaved: int = 0
    queue: array[int] = field(default_factory=lambda: array("q"))
    tried: dict[int, Tries] = field(default_factory=dict)

    def stored(self) -> StoredSubscription:
        """Return the subscription as the contract has it."""
        return StoredSubscription(
            self.sid,
            self.tenant,
            self.id,
            self.document,
            self.since,
            self.created_at,
            self.modified_at,
            self.balance(),
            self.history,
            self.last_due,
            self.kind,
        )

    def balance(self) -> Books:
        """Return the books with what the ledger does not have yet.

        What waits is counted in the queue itself, so that books and queue are held against
        each other.
        """
        books, waiting = self.books, len(self.queue)
        if not self.unsaved and books.waiting == waiting:
            return books
        return replace(books, queued=books.queued + self.unsaved, waiting=waiting)

    def post(self, posting: Posting, saved: int) -> None:
        """Write the books; `saved` rows of `unsaved` came into the ledger with it."""
        posting.queued += saved
        self.books = posting.on_books(self.books)
        self.history = posting.on_history(self.history)
        self.unsaved -= saved

    def rows(self, after: int, limit: int) -> list[int]:
        """Return the oldest rows past row `after`."""
        start = bisect_right(self.queue, after) if after else 0
        return self.queue[start : start + limit].tolist()

    def add(self, seq: int) -> None:
        """Let a row wait: at the end, but for periodic rows that were replayed, which come last."""
        queue = self.queue
        if queue and queue[-1] > seq:
            insort(queue, seq)
        else:
            queue.append(seq)

    def waits(self, seq: int) -> bool:
        """Tell whether a row is in the queue."""
        place = bisect_left(self.queue, seq)
        return place < len(self.queue) and self.queue[place] == seq

    def put_back(self, seqs: Iterable[int]) -> None:
        """Let rows wait again, each at its place."""
        self.queue = array("q", sorted({*self.queue, *seqs}))

    def take_out(self, seqs: Iterable[int]) -> None:
        """Remove rows from the queue."""
        gone = array("q", sorted(seqs))
        for seq in gone:
            self.tried.pop(seq, None)
        queue = self.queue
        if queue[: len(gone)] == gone:
            del queue[: len(gone)]
        elif len(gone) <= FEW:
            for seq in gone:
                place = bisect_left(queue, seq)
                if place < len(queue) and queue[place] == seq:
                    del queue[place]
        else:
            absent = set(gone)
            self.queue = array("q", (seq for seq in queue if seq not in absent))
