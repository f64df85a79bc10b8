"""The ledger and the rows of the outbox in SQL, inside the writing transaction."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

import apsw

from broker.store.books import Posting
from broker.store.outbox import PERIODIC, Failure, Outcome, Settlement
from broker.store.sqlite.connection import runner
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.queues import NO_TRIES, Line, Tries

POST: Final = """
UPDATE ledger SET
  upto = max(upto, ?2), last_due = coalesce(?3, last_due), queued = queued + ?4,
  delivered = delivered + ?5, dead = dead + ?6, expired = expired + ?7,
  cancelled = cancelled + ?8, withheld = withheld + ?9, throttled = throttled + ?10,
  sent = sent + ?11, failed = failed + ?12,
  last_notification = coalesce(?13, last_notification),
  last_success = coalesce(?14, last_success), last_failure = coalesce(?15, last_failure),
  last_error = CASE WHEN ?16 THEN ?17 ELSE last_error END
WHERE sid = ?1
"""

TAKE: Final = (
    "DELETE FROM outbox WHERE seq = ?1 AND sid = ?2 "
    "AND epoch = (SELECT epoch FROM subscription WHERE sid = ?2)"
)
FAIL: Final = (
    "UPDATE outbox SET attempts = ?3, not_before = ?4, error = ?5 WHERE seq = ?1 AND sid = ?2 "
    "AND epoch = (SELECT epoch FROM subscription WHERE sid = ?2)"
)
FREE_KEPT: Final = (
    "DELETE FROM kept WHERE seq = ?1 "
    "AND NOT EXISTS (SELECT 1 FROM outbox WHERE seq = ?1) "
    "AND NOT EXISTS (SELECT 1 FROM dead WHERE seq = ?1)"
)
OWED: Final = (
    "SELECT queued - delivered - dead - expired - cancelled - withheld FROM ledger WHERE sid = ?"
)
DEPART: Final = """
UPDATE ledger SET
  queued = ledger.queued + gone.queued, delivered = ledger.delivered + gone.delivered,
  dead = ledger.dead + gone.dead, expired = ledger.expired + gone.expired,
  cancelled = ledger.cancelled + gone.cancelled, withheld = ledger.withheld + gone.withheld,
  throttled = ledger.throttled + gone.throttled
FROM (SELECT * FROM ledger WHERE sid = ?) AS gone WHERE ledger.sid = 0
"""


class Ledger:
    """Writes books and rows; what it changes in memory waits for the commit."""

    def __init__(self, connection: apsw.Connection, lines: dict[int, Line]) -> None:
        self._connection = connection
        self._run = runner(connection)
        self._lines = lines
        self._saved: set[int] = set()
        """Whose `unsaved` rows came into the ledger in the open transaction."""

    def post(
        self,
        sid: int,
        posting: Posting,
        upto: int,
        effects: Effects,
        last_due: str | None = None,
    ) -> None:
        """Write the books of a subscription; `upto` is the newest change whose rows count.

        `last_due` is given where this transaction queues rows.
        """
        line = self._lines[sid]
        saved = 0
        if sid not in self._saved:
            saved = line.unsaved
            self._saved.add(sid)
            effects.undo.append(lambda: self._saved.discard(sid))
            effects.publish.append(lambda: self._saved.discard(sid))
        self._run(
            POST,
            (
                *(sid, upto, last_due or line.last_due),
                *(posting.queued + saved, posting.delivered),
                *(posting.dead, posting.expired, posting.cancelled, posting.withheld),
                *(posting.throttled, posting.sent, posting.failed, posting.last_notification),
                *(posting.last_success, posting.last_failure, posting.tried, posting.last_error),
            ),
        )
        effects.publish.append(lambda: line.post(posting, saved))

    def settle(
        self,
        settlements: Iterable[Settlement],
        failures: Iterable[Failure],
        upto: int,
        effects: Effects,
    ) -> None:
        """Take rows out and note failed tries; rows that are gone are left alone."""
        postings: dict[int, Posting] = {}
        gone: dict[int, list[int]] = {}
        for failure in failures:
            if self._fail(failure, effects):
                postings.setdefault(failure.sid, Posting()).fail(failure)
        for settlement in settlements:
            sid, seq = settlement.sid, settlement.seq
            line = self._lines.get(sid)
            if line is None or not self._changed(TAKE, (seq, sid)):
                continue
            attempts = line.tried.get(seq, NO_TRIES).attempts
            postings.setdefault(sid, Posting()).settle(settlement, attempts)
            gone.setdefault(sid, []).append(seq)
            if settlement.outcome is Outcome.DEAD:
                self._bury(settlement)
            else:
                self.free(sid, seq)
        for sid, posting in postings.items():
            self.post(sid, posting, upto, effects)
        for sid, seqs in gone.items():
            effects.publish.append(partial(self._lines[sid].take_out, seqs))

    def cancel(self, sid: int, upto: int, effects: Effects) -> None:
        """Cancel all waiting rows at once; they are swept later (`Effects` tell nobody)."""
        self.post(sid, Posting(), upto, effects)
        self.post(sid, Posting(cancelled=self._run(OWED, (sid,)).get), upto, effects)
        line = self._lines[sid]
        before = line.epoch_written
        effects.undo.append(lambda: setattr(line, "epoch_written", before))
        line.epoch_written += 1
        self._run("UPDATE subscription SET epoch = ? WHERE sid = ?", (before + 1, sid))

    def depart(self, sid: int) -> None:
        """Close the account of a subscription that is removed: its books are added to number 0."""
        self._run(DEPART, (sid,))
        self._run("DELETE FROM ledger WHERE sid = ?", (sid,))
        self._run("DELETE FROM subscription WHERE sid = ?", (sid,))

    def free(self, sid: int, seq: int) -> None:
        """Forget what a row was about, unless another row is about it too."""
        if seq < PERIODIC:
            self._run(FREE_KEPT, (seq,))
        else:
            self._run("DELETE FROM period WHERE sid = ? AND seq = ?", (sid, seq))

    def sweep(self, sid: int, epoch: int, seqs: Iterable[int]) -> None:
        """Delete rows that were cancelled."""
        for seq in seqs:
            self._run(
                "DELETE FROM outbox WHERE seq = ? AND sid = ? AND epoch = ?", (seq, sid, epoch)
            )
            self.free(sid, seq)

    def _fail(self, failure: Failure, effects: Effects) -> bool:
        line = self._lines.get(failure.sid)
        tries = (failure.attempts, failure.not_before, failure.error)
        if line is None or not self._changed(FAIL, (failure.seq, failure.sid, *tries)):
            return False
        effects.publish.append(lambda: line.tried.__setitem__(failure.seq, Tries(*tries)))
        return True

    def _bury(self, dead: Settlement) -> None:
        self._run(
            "INSERT INTO dead (sid, seq, attempts, died, error) VALUES (?, ?, ?, ?, ?)",
            (dead.sid, dead.seq, dead.attempts, dead.at, dead.error),
        )

    def _changed(self, statement: str, bindings: tuple[object, ...]) -> bool:
        self._run(statement, bindings)
        return bool(self._connection.changes())
