"""What a transaction changes of queues: written with it, and taken over once it is durable."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

from broker.model.entity import Entity
from broker.store.books import Posting
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.lines import (
    Line,
    Tries,
    about_period,
    row_key,
    subscription_document,
)
from broker.store.mongodb.rows import Document
from broker.store.outbox import PERIODIC, Failure, Notice, StoredSubscription, Waiting


@dataclass(slots=True)
class StagedLine:
    """A line as the open transaction has it."""

    line: Line
    stored: StoredSubscription
    put: dict[int, Tries] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)
    about: dict[int, Document] = field(default_factory=dict)
    """What periodic rows are about."""

    def tries(self, seq: int) -> Tries | None:
        """Return the tries of a row, None where it does not wait."""
        if seq in self.taken:
            return None
        return self.put.get(seq) or self.line.rows.get(seq)

    def rows(self) -> list[int]:
        """Return the numbers of all rows, in order."""
        return sorted((self.line.rows.keys() | self.put.keys()) - self.taken)

    def note(self, seq: int, tries: Tries) -> None:
        """Let a row wait, or note its tries."""
        self.taken.discard(seq)
        self.put[seq] = tries

    def take(self, seq: int) -> None:
        """Take a row out of the queue."""
        self.put.pop(seq, None)
        self.taken.add(seq)

    def post(self, posting: Posting) -> None:
        """Write the books."""
        self.stored = replace(
            self.stored,
            books=posting.on_books(self.stored.books),
            history=posting.on_history(self.stored.history),
        )

    def documents(self, writes: Writes) -> None:
        """Put what the line has become with the transaction's writes."""
        sid, tenant = self.stored.sid, self.stored.tenant
        writes.put("subscriptions", subscription_document(self.stored))
        for seq in self.taken:
            writes.drop("outbox", row_key(sid, seq))
        for seq, tries in self.put.items():
            document = {"_id": row_key(sid, seq), "tenant": tenant, "sid": sid, "seq": seq}
            about = self.about.get(seq, {})
            if about or seq < PERIODIC:
                writes.put("outbox", {**document, **asdict(tries), **about})
            else:
                writes.put_part("outbox", {**document, **asdict(tries)})

    def apply(self) -> None:
        """Take over what is durable now."""
        self.line.stored = self.stored
        for seq in self.taken & self.line.rows.keys():
            self.line.take(seq)
        for seq, tries in self.put.items():
            self.line.add(seq, tries)


class Staging:
    """The lines a transaction touches."""

    def __init__(self, lines: dict[int, Line]) -> None:
        self._lines = lines
        self._touched: dict[int, StagedLine] = {}

    def find(self, sid: int) -> StagedLine | None:
        """Return a line to change, None where the subscription is gone."""
        staged = self._touched.get(sid)
        if staged is None and (line := self._lines.get(sid)) is not None:
            staged = self._touched[sid] = StagedLine(line, line.stored)
        return staged

    def write(self, writes: Writes) -> None:
        """Put all changes with the transaction's writes, to be taken over once they are durable."""
        for staged in self._touched.values():
            staged.documents(writes)
            writes.after.append(staged.apply)


def queue_period(
    staged: StagedLine,
    at: str,
    entities: Sequence[Entity],
    notice: Notice | None,
    *,
    period: bool = False,
) -> Waiting:
    sid, seq = staged.stored.sid, PERIODIC + staged.stored.books.queued
    staged.note(seq, Tries(at, period=period))
    staged.about[seq] = about_period(entities, notice)
    staged.post(Posting(queued=1))
    return Waiting(sid, seq, None, 0, None, at, None, tuple(copy.deepcopy(list(entities))), notice)


def supersede(staged: StagedLine) -> None:
    waiting = [(seq, staged.tries(seq)) for seq in staged.rows() if seq >= PERIODIC]
    old = [seq for seq, tries in waiting if tries is not None and tries.period][1:]
    for seq in old:
        staged.take(seq)
    staged.post(Posting(superseded=len(old)))


def cancel(staged: StagedLine) -> None:
    rows = staged.rows()
    for seq in rows:
        staged.take(seq)
    staged.post(Posting(cancelled=len(rows)))


def fail(staging: Staging, failure: Failure) -> None:
    staged = staging.find(failure.sid)
    tries = None if staged is None else staged.tries(failure.seq)
    if staged is None or tries is None:
        return
    noted = replace(
        tries, attempts=failure.attempts, not_before=failure.not_before, error=failure.error
    )
    staged.note(failure.seq, noted)
    posting = Posting()
    posting.fail(failure)
    staged.post(posting)
