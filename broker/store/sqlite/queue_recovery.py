"""Subscriptions and queues as a store that opens finds them in the file."""

from __future__ import annotations

from typing import Final

import apsw
import orjson

from broker.store.outbox import IN_FLIGHT, Books, History
from broker.store.sqlite import bundles
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.queues import NO_TRIES, Line, Tries

INTERRUPTED: Final = "The broker ended while the notification may have been under way."


def load_lines(connection: apsw.Connection) -> tuple[dict[int, Line], Books]:
    """Return the subscriptions by number, in order of creation, and the books of those gone.

    What was cancelled and not yet swept is swept. Rows that may have been under way when the
    broker ended count one try more, unless it ended with all of them settled.
    """
    run = runner(connection)
    with connection:
        lines = _subscriptions(run)
        _changes(run, lines)
        _periods(run, lines)
        _tries(run, lines)
        settled: int | None = run("SELECT value FROM meta WHERE key = 'settled'").get
        if settled is None:
            _count_a_try(run, lines)
        run("DELETE FROM meta WHERE key = 'settled'")
    gone = _books(
        *run(
            "SELECT queued, delivered, dead, expired, cancelled, withheld, superseded, "
            "throttled FROM ledger WHERE sid = 0"
        ).get
    )
    return lines, gone


def _subscriptions(run: Run) -> dict[int, Line]:
    lines = {}
    for sid, tenant, id, document, since, created, modified, epoch, kind, last_due, *figures in run(
        "SELECT s.sid, t.name, s.id, s.doc, s.since, s.created, s.modified, s.epoch, s.kind, "
        "l.last_due, "
        "l.queued, l.delivered, l.dead, l.expired, l.cancelled, l.withheld, l.superseded, "
        "l.throttled, l.sent, l.failed, l.last_notification, l.last_success, l.last_failure, "
        "l.last_error "
        "FROM subscription s JOIN tenant t ON t.tid = s.tid JOIN ledger l ON l.sid = s.sid "
        "ORDER BY s.sid"
    ).fetchall():
        books = _books(*figures[:8])
        lines[sid] = Line(
            sid, tenant, id, orjson.loads(document), since, created, modified, kind, epoch, epoch,
            books=books, history=History(*figures[8:]), last_due=last_due,
        )  # fmt: skip
    return lines


def _books(queued: int, *rest: int) -> Books:
    """Return the books of a ledger row: what is not settled is waiting."""
    delivered, dead, expired, cancelled, withheld, superseded, throttled = rest
    settled = (delivered, dead, expired, cancelled, withheld, superseded)
    return Books(queued, *settled, queued - sum(settled), throttled)


def _changes(run: Run, lines: dict[int, Line]) -> None:
    """Fill the queues, sweep what was cancelled, and count what the ledger does not know of."""
    run("DELETE FROM dead WHERE sid NOT IN (SELECT sid FROM subscription)")
    upto = dict(run("SELECT sid, upto FROM ledger").fetchall())
    newest: dict[int, int] = {}
    for seq, packed in run("SELECT seq, due FROM outbox ORDER BY seq").fetchall():
        pairs = bundles.unpack(packed)
        current = [pair for pair in pairs if _is_current(lines, *pair)]
        for sid, _ in current:
            lines[sid].queue.append(seq)
            if seq > upto[sid]:
                lines[sid].unsaved += 1
                newest[sid] = seq
        if not current:
            run("UPDATE outbox SET due = x'' WHERE seq = ?", (seq,))
            bundles.free(run, seq)
        elif len(current) != len(pairs):
            run("UPDATE outbox SET due = ? WHERE seq = ?", (bundles.pack(current), seq))
    for sid, seq in newest.items():
        lines[sid].last_due = run("SELECT at FROM change WHERE seq = ?", (seq,)).get


def _periods(run: Run, lines: dict[int, Line]) -> None:
    for sid, seq, epoch in run("SELECT sid, seq, epoch FROM period ORDER BY seq").fetchall():
        if _is_current(lines, sid, epoch):
            lines[sid].queue.append(seq)
    run(
        "DELETE FROM period WHERE epoch IS NOT (SELECT epoch FROM subscription s "
        "WHERE s.sid = period.sid) AND NOT EXISTS "
        "(SELECT 1 FROM dead d WHERE d.sid = period.sid AND d.seq = period.seq)"
    )


def _tries(run: Run, lines: dict[int, Line]) -> None:
    for sid, seq, *tries in run("SELECT * FROM tried").fetchall():
        line = lines.get(sid)
        if line is not None and line.waits(seq):
            line.tried[seq] = Tries(*tries)
        else:
            run("DELETE FROM tried WHERE sid = ? AND seq = ?", (sid, seq))


def _is_current(lines: dict[int, Line], sid: int, epoch: int) -> bool:
    return sid in lines and lines[sid].epoch == epoch


def _count_a_try(run: Run, lines: dict[int, Line]) -> None:
    for line in lines.values():
        for seq in line.rows(0, IN_FLIGHT):
            known = line.tried.get(seq, NO_TRIES)
            attempts, error = known.attempts + 1, known.error or INTERRUPTED
            line.tried[seq] = Tries(attempts, known.not_before, error)
            run(
                "INSERT OR REPLACE INTO tried VALUES (?, ?, ?, ?, ?)",
                (line.sid, seq, attempts, known.not_before, error),
            )
