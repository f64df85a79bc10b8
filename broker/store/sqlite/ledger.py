"""The ledger and the rows of the outbox in SQL, inside the writing transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

import apsw

from broker.store.books import Posting
from broker.store.outbox import PERIODIC, Failure, Outcome, Settlement
from broker.store.sqlite import bundles
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
  last_error = CASE WHEN ?16 THEN ?17 ELSE last_error END,
  superseded = superseded + ?18
WHERE sid = ?1
"""

OWED: Final = (
    "SELECT queued - delivered - dead - expired - cancelled - withheld - superseded "
    "FROM ledger WHERE sid = ?"
)
DEPART: Final = """
UPDATE ledger SET
  queued = ledger.queued + gone.queued, delivered = ledger.delivered + gone.delivered,
  dead = ledger.dead + gone.dead, expired = ledger.expired + gone.expired,
  cancelled = ledger.cancelled + gone.cancelled, withheld = ledger.withheld + gone.withheld,
  throttled = ledger.throttled + gone.throttled,
  superseded = ledger.superseded + gone.superseded
FROM (SELECT * FROM ledger WHERE sid = ?) AS gone WHERE ledger.sid = 0
"""
HELD: Final = (*("queued", "delivered", "dead", "expired", "cancelled", "withheld", "superseded"),)
"""Columns of a ledger row that balance with what waits."""

GONE: Final = (
    f"UPDATE ledger SET {', '.join(f'{name} = ?' for name in HELD)}, throttled = ? WHERE sid = 0"
)


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
                posting.superseded,
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
        for settlement in self._taken(settlements):
            sid, seq = settlement.sid, settlement.seq
            attempts = self._lines[sid].tried.get(seq, NO_TRIES).attempts
            if attempts or settlement.attempts > 1:
                self._run("DELETE FROM tried WHERE sid = ? AND seq = ?", (sid, seq))
            postings.setdefault(sid, Posting()).settle(settlement, attempts)
            gone.setdefault(sid, []).append(seq)
        for sid, posting in postings.items():
            self.post(sid, posting, upto, effects)
        for sid, seqs in gone.items():
            effects.publish.append(partial(self._lines[sid].take_out, seqs))

    def cancel(self, sid: int, upto: int, effects: Effects) -> None:
        """Cancel all waiting rows at once; they are swept later (`Effects` tell nobody)."""
        self.post(sid, Posting(), upto, effects)
        self.post(sid, Posting(cancelled=self._run(OWED, (sid,)).get), upto, effects)
        self._run("DELETE FROM tried WHERE sid = ?", (sid,))
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
        """Forget what a dead letter that is gone was about, unless more is about it."""
        if seq < PERIODIC:
            bundles.free(self._run, seq)
        else:
            self._run("DELETE FROM period WHERE sid = ? AND seq = ?", (sid, seq))

    def put_back(self, sid: int, seq: int, tries: Tries | None) -> None:
        """Let a row that died wait again."""
        epoch = self._lines[sid].epoch_written
        if seq < PERIODIC:
            bundles.put_back(self._run, seq, (sid, epoch))
        else:
            self._run("UPDATE period SET epoch = ? WHERE sid = ? AND seq = ?", (epoch, sid, seq))
        if tries is not None:
            told = (sid, seq, tries.attempts, tries.not_before, tries.error)
            self._run("INSERT OR REPLACE INTO tried VALUES (?, ?, ?, ?, ?)", told)

    def sweep(self, sid: int, epoch: int, seqs: Iterable[int]) -> None:
        """Delete rows that were cancelled."""
        for seq in seqs:
            if seq < PERIODIC:
                bundles.take(self._run, seq, [(sid, epoch)])
            else:
                self._run(
                    "DELETE FROM period WHERE sid = ? AND seq = ? AND epoch = ?", (sid, seq, epoch)
                )

    def _taken(self, settlements: Iterable[Settlement]) -> Iterator[Settlement]:
        """Take rows out of the tables, those of one change together; yield what was there."""
        by_seq: dict[int, dict[bundles.Pair, Settlement]] = {}
        for settlement in settlements:
            line = self._lines.get(settlement.sid)
            if line is None:
                continue
            pair = (line.sid, line.epoch_written)
            if settlement.seq < PERIODIC:
                by_seq.setdefault(settlement.seq, {}).setdefault(pair, settlement)
            elif self._take_period(settlement, line.epoch_written):
                yield settlement
        for seq, wanted in by_seq.items():
            dead = any(one.outcome is Outcome.DEAD for one in wanted.values())
            for pair in bundles.take(self._run, seq, wanted, keep=dead):
                settlement = wanted[pair]
                if settlement.outcome is Outcome.DEAD:
                    self._bury(settlement)
                yield settlement
            if dead:
                bundles.free(self._run, seq)

    def _take_period(self, settlement: Settlement, epoch: int) -> bool:
        where = (settlement.sid, settlement.seq, epoch)
        if settlement.outcome is not Outcome.DEAD:
            return self._changed(
                "DELETE FROM period WHERE sid = ? AND seq = ? AND epoch = ?", where
            )
        statement = "UPDATE period SET epoch = ? WHERE sid = ? AND seq = ? AND epoch = ?"
        if not self._changed(statement, (bundles.GONE, *where)):
            return False
        self._bury(settlement)
        return True

    def _fail(self, failure: Failure, effects: Effects) -> bool:
        sid, seq = failure.sid, failure.seq
        line = self._lines.get(sid)
        if line is None or not self._waits(line, seq):
            return False
        tries = (failure.attempts, failure.not_before, failure.error)
        self._run("INSERT OR REPLACE INTO tried VALUES (?, ?, ?, ?, ?)", (sid, seq, *tries))
        effects.publish.append(lambda: line.tried.__setitem__(seq, Tries(*tries)))
        return True

    def _waits(self, line: Line, seq: int) -> bool:
        if seq < PERIODIC:
            return (line.sid, line.epoch_written) in bundles.due(self._run, seq)
        where = (line.sid, seq, line.epoch_written)
        return bool(
            self._run("SELECT 1 FROM period WHERE sid = ? AND seq = ? AND epoch = ?", where).get
        )

    def _bury(self, dead: Settlement) -> None:
        self._run(
            "INSERT INTO dead (sid, seq, attempts, died, error) VALUES (?, ?, ?, ?, ?)",
            (dead.sid, dead.seq, dead.attempts, dead.at, dead.error),
        )

    def _changed(self, statement: str, bindings: tuple[object, ...]) -> bool:
        self._run(statement, bindings)
        return bool(self._connection.changes())
