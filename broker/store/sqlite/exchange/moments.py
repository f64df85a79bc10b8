"""Moments of history out of births, hot rows and chunks of a data file, entity by entity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import apsw

from broker.store.exchange import NumberedMoment, Place, Slice
from broker.store.history import Window
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.connection import runner
from broker.store.sqlite.history.births import pending
from broker.store.sqlite.history.reading import LOWEST, Line, Reading
from broker.store.sqlite.history.rows import Row, to_moment
from broker.store.sqlite.names import Names

LONGEST: Final = 600.0
"""Seconds after which a read of one slice is given up."""

_SERIES: Final = (
    "SELECT p.pid, p.tid, p.id, s.sid, s.attribute, s.dataset FROM past p "
    "JOIN series s ON s.pid = p.pid WHERE p.pid = ? AND s.sid >= ? ORDER BY s.sid"
)


class Moments:
    """Reads moments in slices; a place is (head, series, time, number) of the last one."""

    def __init__(
        self,
        connection: apsw.Connection,
        tenants: Mapping[int, str],
        names: Mapping[int, Names],
    ) -> None:
        self._connection = connection
        self._run = runner(connection)
        self._tenants = tenants
        self._names = names

    def slice(self, place: Place, size: int) -> Slice:
        """Return moments behind a place."""
        pid, sid, time, iid = place or (0, 0, 0, 0)
        found: list[NumberedMoment] = []
        while len(found) < size:
            if sid:
                sid, time, iid = self._of_head(pid, sid, (time, iid), size, found)
            if len(found) >= size:
                break
            head = self._run(
                "SELECT pid, tid, id FROM past WHERE pid > ? ORDER BY pid LIMIT 1", (pid,)
            ).get
            if head is None:
                break
            pid, tid, entity_id = head
            found += self._born(pid, tid, entity_id)
            sid, time, iid = 1, LOWEST, 0
        return Slice(found, [pid, sid, time, iid] if found else place)

    def _born(self, pid: int, tid: int, entity_id: str) -> list[NumberedMoment]:
        names = self._names[tid]
        return [
            self._moment(tid, entity_id, Line(0, names.iris[str(one.attribute)], one.dataset), row)
            for one in pending(self._run, pid)
            for row in (one.row,)
        ]

    def _of_head(
        self, pid: int, sid: int, after: tuple[int, int], size: int, found: list[NumberedMoment]
    ) -> tuple[int, int, int]:
        """Add the moments of a head behind a place, until there are `size`; return the new place.

        Its series is 0 where the head is done.
        """
        for _, tid, entity_id, number, nid, dataset in self._run(_SERIES, (pid, sid)).fetchall():
            line = Line(number, self._names[tid].iris[str(nid)], dataset)
            key = after if number == sid else (LOWEST, 0)
            while True:
                rows = self._rows(line, key, max(size - len(found), 1))
                found += [self._moment(tid, entity_id, line, row) for row in rows]
                if not rows:
                    break
                key = rows[-1].key
                if len(found) >= size:
                    return number, *key
        return 0, 0, 0

    def _rows(self, line: Line, after: tuple[int, int], size: int) -> list[Row]:
        while True:
            with Budget(self._connection, LONGEST, inline=False) as budget:
                rows, more = Reading(budget, Window(start=after[0])).rows(line, size)
            fresh = [row for row in rows if row.key > after]
            if fresh or not more:
                return fresh
            size *= 2

    def _moment(self, tid: int, entity_id: str, line: Line, row: Row) -> NumberedMoment:
        moment = to_moment(row, self._names[tid])
        return NumberedMoment(
            self._tenants[tid], entity_id, line.attribute, line.dataset, row.iid, moment
        )
