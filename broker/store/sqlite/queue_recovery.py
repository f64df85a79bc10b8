"""Subscriptions and queues as a store that opens finds them in the file."""

from __future__ import annotations

from typing import Final

import apsw
import orjson

from broker.store.outbox import IN_FLIGHT, PERIODIC, Books, History
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.queues import NO_TRIES, Line, Tries

GARBAGE: Final = (
    "DELETE FROM outbox WHERE NOT EXISTS (SELECT 1 FROM subscription s "
    "WHERE s.sid = outbox.sid AND s.epoch = outbox.epoch)",
    "DELETE FROM dead WHERE sid NOT IN (SELECT sid FROM subscription)",
    "DELETE FROM kept WHERE seq NOT IN (SELECT seq FROM outbox UNION SELECT seq FROM dead)",
    "DELETE FROM period WHERE NOT EXISTS "
    "(SELECT 1 FROM outbox o WHERE o.seq = period.seq AND o.sid = period.sid) "
    "AND NOT EXISTS (SELECT 1 FROM dead d WHERE d.seq = period.seq AND d.sid = period.sid)",
)


INTERRUPTED: Final = "The broker ended while the notification may have been under way."


def load_lines(connection: apsw.Connection) -> tuple[dict[int, Line], Books]:
    """Return the subscriptions by number, in order of creation, and the books of those gone.

    What was cancelled and not yet swept is swept. Rows that may have been under way when the
    broker ended count one try more, unless it ended with all of them settled.
    """
    run = runner(connection)
    with connection:
        for statement in GARBAGE:
            run(statement)
        lines = _subscriptions(run)
        _rows(run, lines)
        settled: int | None = run("SELECT value FROM meta WHERE key = 'settled'").get
        if settled is None:
            _count_a_try(run, lines)
        run("DELETE FROM meta WHERE key = 'settled'")
    gone = _books(
        *run(
            "SELECT queued, delivered, dead, expired, cancelled, withheld, throttled "
            "FROM ledger WHERE sid = 0"
        ).get
    )
    return lines, gone


def _subscriptions(run: Run) -> dict[int, Line]:
    lines = {}
    for sid, tenant, id, document, since, created, modified, epoch, last_due, *figures in run(
        "SELECT s.sid, t.name, s.id, s.doc, s.since, s.created, s.modified, s.epoch, l.last_due, "
        "l.queued, l.delivered, l.dead, l.expired, l.cancelled, l.withheld, l.throttled, l.sent, "
        "l.failed, l.last_notification, l.last_success, l.last_failure, l.last_error "
        "FROM subscription s JOIN tenant t ON t.tid = s.tid JOIN ledger l ON l.sid = s.sid "
        "ORDER BY s.sid"
    ).fetchall():
        books = _books(*figures[:7])
        lines[sid] = Line(
            sid, tenant, id, orjson.loads(document), since, created, modified, epoch, epoch,
            books=books, history=History(*figures[7:]), last_due=last_due,
        )  # fmt: skip
    return lines


def _books(queued: int, *rest: int) -> Books:
    """Return the books of a ledger row: what is not settled is waiting."""
    delivered, dead, expired, cancelled, withheld, throttled = rest
    waiting = queued - delivered - dead - expired - cancelled - withheld
    return Books(queued, delivered, dead, expired, cancelled, withheld, waiting, throttled)


def _rows(run: Run, lines: dict[int, Line]) -> None:
    """Fill the queues, and count the rows that the ledger does not know of."""
    for sid, seq, attempts, not_before, error in run(
        "SELECT sid, seq, attempts, not_before, error FROM outbox ORDER BY seq"
    ).fetchall():
        lines[sid].queue.append(seq)
        if attempts:
            lines[sid].tried[seq] = Tries(attempts, not_before, error)
    for sid, count, at in run(
        "SELECT o.sid, count(*), max(c.at) FROM outbox o JOIN ledger l ON l.sid = o.sid "
        "AND o.seq > l.upto JOIN change c ON c.seq = o.seq WHERE o.seq < ? GROUP BY o.sid",
        (PERIODIC,),
    ).fetchall():
        line = lines[sid]
        line.unsaved, line.last_due = count, max(at, line.last_due or at)


def _count_a_try(run: Run, lines: dict[int, Line]) -> None:
    for line in lines.values():
        for seq in line.rows(0, IN_FLIGHT):
            known = line.tried.get(seq, NO_TRIES)
            attempts, error = known.attempts + 1, known.error or INTERRUPTED
            line.tried[seq] = Tries(attempts, known.not_before, error)
            run(
                "UPDATE outbox SET attempts = ?, error = ? WHERE seq = ? AND sid = ?",
                (attempts, error, seq, line.sid),
            )
