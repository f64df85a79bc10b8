"""Reading series in one read transaction: windows, limits and figures.

A window on when moments were observed, or on their place, is a range of hot rows and of chunks. One
on the system's times looks into every chunk that may have such a time.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import mul

from broker.model.entity import DEFAULT
from broker.store.buckets import Tally
from broker.store.history import Bucket, TimeProperty, Which, Window
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.history.births import pending
from broker.store.sqlite.history.chunks import ALL_OBSERVED, HEADER, Header, numbers, unpack
from broker.store.sqlite.history.rows import DELETED, HOT, OBSERVED, Row, from_hot
from broker.store.sqlite.names import Names

IN_PLACE = (None, TimeProperty.OBSERVED)
"""Time properties by which a series is in order."""

AT_FIRST = 4
"""Chunks looked up at first where few are likely to be enough."""

LOWEST, HIGHEST = -(1 << 62), 1 << 62


@dataclass(frozen=True, slots=True)
class Line:
    """A series by its number. One that is in the entity's birth has that row, and no number."""

    sid: int
    attribute: str
    dataset: str
    born: Row | None = None


def lines_of(run: Run, tid: int, entity_id: str, which: Which, names: Names) -> list[Line]:
    """Return the series of an entity that are meant, in the order they are told in."""
    pid = run("SELECT pid FROM past WHERE tid = ? AND id = ?", (tid, entity_id)).get
    if pid is None:
        return []
    rows = run("SELECT attribute, dataset, sid FROM series WHERE pid = ?", (pid,)).fetchall()
    iris = names.iris
    lines = [Line(sid, iris[str(nid)], dataset) for nid, dataset, sid in rows]
    lines += [Line(0, iris[str(one.attribute)], one.dataset, one.row) for one in pending(run, pid)]
    chosen = [line for line in lines if which.has(line.attribute, line.dataset)]
    return sorted(chosen, key=lambda line: (line.attribute, line.dataset != DEFAULT, line.dataset))


class Reading:
    """Reads series on the connection of a budget."""

    def __init__(self, budget: Budget, window: Window) -> None:
        self._budget = budget
        self._run = runner(budget.connection)
        self._window = window
        self._in_place = window.timeproperty in IN_PLACE
        self._start = LOWEST if window.start is None else window.start
        self._end = HIGHEST if window.end is None else window.end

    def rows(self, line: Line, limit: int | None) -> tuple[list[Row], bool]:
        """Return the rows of a series in the window, in order, and whether some were left out."""
        if line.born is not None:
            return self._meant([line.born]), False
        sid, last = line.sid, self._window.last
        most = min((each for each in (last, limit) if each is not None), default=None)
        if most is None:
            return self._sorted(self._hot(sid), self._from_chunks(sid)), False
        backward = last is not None
        wanted = most + 1
        if self._in_place:
            hot = self._hot(sid, wanted, backward)
            chunked = self._from_chunks(sid, wanted, backward)
        else:
            hot, chunked = self._hot(sid), self._from_chunks(sid)
        rows = self._sorted(hot, chunked)
        left_out = len(rows) > most and (last is None or most < last)
        return (rows[-most:] if backward else rows[:most]), left_out

    def any(self, line: Line) -> bool:
        """Tell whether a series has a row in the window."""
        if line.born is not None:
            return bool(self._meant([line.born]))
        sid = line.sid
        if not self._in_place:
            return bool(self._hot(sid) or self._from_chunks(sid))
        return bool(self._hot(sid, 1) or self._from_chunks(sid, 1))

    def extent(self, line: Line) -> tuple[int, int] | None:
        """Return the earliest and the latest time in the window."""
        ends = []
        for backward in (False, True):
            one = Reading(self._budget, replace(self._window, last=1 if backward else None))
            rows, _ = one.rows(line, 1)
            if not rows:
                return None
            ends.append(self.time(rows[0]))
        return ends[0], ends[1]

    def time(self, row: Row) -> int:
        """Return the time of a row that the window looks at."""
        match self._window.timeproperty:
            case TimeProperty.CREATED:
                return row.created
            case TimeProperty.MODIFIED | TimeProperty.DELETED:
                return row.modified
            case _:
                return row.time

    def fold(self, line: Line, bounds: Sequence[int]) -> list[Bucket]:
        """Return a series in figures."""
        tallies: dict[int, Tally] = {}
        for row in self._hot(line.sid) if line.born is None else self._meant([line.born]):
            self._tally(tallies, row, bounds)
        for one, blob in self._opened(line.sid) if line.born is None else ():
            index = bisect_right(bounds, one.first) - 1
            if self._covers(one) and 0 <= index < len(bounds) - 1 and one.last < bounds[index + 1]:
                one.add_to(tallies.setdefault(index, Tally()))
            elif self._covers(one) and one.plain:
                _tally_runs(tallies, *numbers(blob()), bounds)
            else:
                for row in self._meant(unpack(blob())):
                    self._tally(tallies, row, bounds)
        return [
            tally.bucket(bounds[i], bounds[i + 1])
            for i, tally in sorted(tallies.items())
            if tally.count
        ]

    def _tally(self, tallies: dict[int, Tally], row: Row, bounds: Sequence[int]) -> None:
        index = bisect_right(bounds, self.time(row)) - 1
        if 0 <= index < len(bounds) - 1 and not row.flags & DELETED:
            tallies.setdefault(index, Tally()).add(row.number, row.resampled)

    def _covers(self, one: Header) -> bool:
        """Tell whether every row of a chunk is in the window."""
        return (
            self._in_place
            and self._start <= one.first
            and one.last < self._end
            and (self._window.timeproperty is None or bool(one.flags & ALL_OBSERVED))
        )

    def _sorted(self, hot: list[Row], chunked: list[Row]) -> list[Row]:
        return sorted([*chunked, *hot], key=lambda row: (self.time(row), row.iid))

    def _meant(self, rows: list[Row]) -> list[Row]:
        """Return the rows that are in the window."""
        match self._window.timeproperty:
            case TimeProperty.OBSERVED:
                rows = [row for row in rows if row.flags & OBSERVED]
            case TimeProperty.DELETED:
                rows = [row for row in rows if row.flags & DELETED]
            case TimeProperty.CREATED | TimeProperty.MODIFIED:
                rows = [row for row in rows if not row.flags & DELETED]
            case None:
                pass
        if self._window.start is None and self._window.end is None:
            return rows
        return [row for row in rows if self._start <= self.time(row) < self._end]

    def _hot(self, sid: int, wanted: int | None = None, backward: bool = False) -> list[Row]:
        """Return hot rows in the window: the first or last `wanted`, or all."""
        flags = OBSERVED if self._window.timeproperty is TimeProperty.OBSERVED else 0
        start, end = (self._start, self._end) if self._in_place else (LOWEST, HIGHEST)
        order = "DESC" if backward else "ASC"
        rows = self._run(
            f"SELECT {HOT} FROM moment WHERE sid = ? AND time >= ? AND time < ? "
            f"AND flags & ? = ? ORDER BY time {order}, iid {order} LIMIT ?",
            (sid, start, end, flags, flags, -1 if wanted is None else wanted),
        ).fetchall()
        return self._meant([from_hot(*values) for values in rows])

    def _from_chunks(
        self, sid: int, wanted: int | None = None, backward: bool = False
    ) -> list[Row]:
        """Return rows of chunks in the window: the first or last `wanted`, or all."""
        found: list[Row] = []
        for _, blob in self._opened(sid, backward, few=wanted is not None):
            found += self._meant(unpack(blob()))
            if wanted is not None and len(found) >= wanted:
                break
        return found

    def _opened(
        self, sid: int, backward: bool = False, *, few: bool = False
    ) -> Iterator[tuple[Header, _Blob]]:
        """Walk the chunks that may have rows in the window; a blob is read when it is asked for.

        `few` tells that the first ones are likely to be enough.
        """
        order = "DESC" if backward else "ASC"
        if self._in_place:
            where, bounds = "last >= ? AND first < ?", (self._from(sid), self._start, self._end)
        else:
            where, bounds = "newest >= ? AND oldest < ?", (LOWEST, self._start, self._end)
        statement = (
            f"SELECT {HEADER} FROM chunk WHERE sid = ? AND first >= ? AND {where} "
            f"ORDER BY first {order}, cid {order} LIMIT ? OFFSET ?"
        )
        seen, most = 0, AT_FIRST if few else -1
        while True:
            headers = self._run(statement, (sid, *bounds, most, seen)).fetchall()
            for values in headers:
                self._budget.check()
                one = Header(*values)
                yield one, _Blob(self._run, one.cid)
            if len(headers) != most:
                return
            seen, most = seen + most, most * 4

    def _from(self, sid: int) -> int:
        """Return where the first chunk begins that may reach into the window."""
        first: int | None = self._run(
            "SELECT max(first) FROM chunk WHERE sid = ? AND first < ?", (sid, self._start)
        ).get
        return LOWEST if first is None else first


class _Blob:
    """The rows of a chunk, read from the file when they are asked for."""

    __slots__ = ("_cid", "_run")

    def __init__(self, run: Run, cid: int) -> None:
        self._run = run
        self._cid = cid

    def __call__(self) -> bytes:
        blob: bytes = self._run("SELECT body FROM chunk WHERE cid = ?", (self._cid,)).get
        return blob


def _tally_runs(
    tallies: dict[int, Tally], times: list[int], values: list[float], bounds: Sequence[int]
) -> None:
    """Add numbers in order of time to the buckets, a bucket at a time."""
    at = bisect_left(times, bounds[0])
    end = bisect_left(times, bounds[-1])
    while at < end:
        index = bisect_right(bounds, times[at]) - 1
        tally = tallies.get(index)
        if tally is None:
            tally = tallies[index] = Tally()
        limit, until = bounds[index + 1], at + 1
        if until == end or times[until] >= limit:
            number = float(values[at])
            tally.add_numbers(1, number, number, number, number * number)
        else:
            until = bisect_left(times, limit, until, end)
            run = values[at:until]
            total, squares = float(sum(run)), float(sum(map(mul, run, run)))
            tally.add_numbers(len(run), float(min(run)), float(max(run)), total, squares)
        tally.count += until - at
        at = until
