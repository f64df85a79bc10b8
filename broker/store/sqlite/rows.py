"""Rows of the outbox read back with what their notifications are rendered from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from broker.model.change import revert
from broker.store.contract import Committed, Kind
from broker.store.outbox import PERIODIC, Waiting
from broker.store.sqlite.connection import Run
from broker.store.sqlite.documents import named, parse
from broker.store.sqlite.feed import COLUMNS, to_change
from broker.store.sqlite.names import Names
from broker.store.sqlite.queues import NO_TRIES, Line, Tries

DeadRow = tuple[int, int, int, str, str | None]
"""sid, seq, attempts, time of death, why."""


class Rows:
    """Reads committed rows. `run` is of a reading connection, `names` are a tenant's."""

    def __init__(self, run: Run, names: Callable[[str], Names]) -> None:
        self._run = run
        self._names = names

    def row(self, line: Line, seq: int, tries: Tries | None = None) -> Waiting | None:
        """Return a row, or None where what it is about is gone."""
        tries = tries or line.tried.get(seq, NO_TRIES)
        about = (tries.attempts, tries.not_before)
        if seq >= PERIODIC:
            period = self._run(
                "SELECT at, docs FROM period WHERE sid = ? AND seq = ?", (line.sid, seq)
            ).get
            if period is None:
                return None
            about_what = orjson.loads(period[1])
            row = Waiting(line.sid, seq, None, *about, period[0], tries.error)
            if isinstance(about_what, dict):
                return replace(row, notice=about_what)
            names = self._names(line.tenant)
            return replace(row, entities=tuple(named(raw, names) for raw in about_what))
        committed = self._committed(seq, line.tenant)
        if committed is None:
            return None
        return Waiting(line.sid, seq, committed, *about, committed.change.at, tries.error)

    def since(self, line: Line, seq: int) -> str | None:
        """Return since when a row waits, or None where what it is about is gone."""
        if seq >= PERIODIC:
            about = (line.sid, seq)
            at = self._run("SELECT at FROM period WHERE sid = ? AND seq = ?", about).get
        else:
            at = self._run("SELECT at FROM change WHERE seq = ?", (seq,)).get
        return None if at is None else str(at)

    def dead_row(self, line: Line, seq: int, attempts: int, error: str | None) -> Waiting | None:
        """Return the row of a dead letter."""
        return self.row(line, seq, Tries(attempts, None, error))

    def dead(
        self, tenant: str | None, sid: int | None, offset: int, limit: int
    ) -> tuple[list[DeadRow], int]:
        """Return dead letters, the newest death first, and how many there are."""
        conditions, values = ["t.name IS NOT NULL"], []
        for column, value in (("t.name", tenant), ("d.sid", sid)):
            if value is not None:
                conditions.append(f"{column} = ?")
                values.append(value)
        source = (
            "FROM dead d JOIN subscription s ON s.sid = d.sid JOIN tenant t ON t.tid = s.tid "
            f"WHERE {' AND '.join(conditions)}"
        )
        count: int = self._run(f"SELECT count(*) {source}", values).get
        found: list[DeadRow] = self._run(
            "SELECT d.sid, d.seq, d.attempts, d.died, d.error "
            f"{source} ORDER BY d.died DESC, d.seq DESC, d.sid DESC LIMIT ? OFFSET ?",
            (*values, limit, offset),
        ).fetchall()
        return found, count

    def dead_one(self, sid: int, seq: int) -> DeadRow | None:
        """Return one dead letter."""
        found: DeadRow | None = self._run(
            "SELECT sid, seq, attempts, died, error FROM dead WHERE sid = ? AND seq = ?", (sid, seq)
        ).get
        return found

    def _committed(self, seq: int, tenant: str) -> Committed | None:
        row: tuple[Any, ...] | None = self._run(
            f"SELECT {COLUMNS}, k.doc FROM change c CROSS JOIN tenant t ON t.tid = c.tid "
            "LEFT JOIN outbox k ON k.seq = c.seq WHERE c.seq = ?",
            (seq,),
        ).get
        if row is None or row[1] != tenant:
            return None
        names = self._names(tenant)
        change = to_change(row[:-1], names)
        if change.kind is Kind.CREATE:
            return Committed(change, None, change.delta)
        if change.kind is Kind.DELETE:
            return Committed(change, change.before, None)
        if row[-1] is None or change.before is None:
            return None
        after = parse(row[-1], names)
        return Committed(change, revert(after, change.before), after)
