"""Index rows that are decided and not yet in the file.

A write changes values all over the index, and each would cost a page of its own in the log. So
the rows wait here, and go into the file many at a time, path by path. Readers take what waits
into account. After a crash they are made again from the feed: `indexed` in the file is the
newest change all of whose rows are there (see `broker.store.sqlite.recovery`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from itertools import chain, groupby
from math import inf
from operator import itemgetter
from typing import Any, Final, TypeAlias

from broker.query.plan import GeoTerm, IndexTerm
from broker.store.sqlite.index import number_key

Key: TypeAlias = tuple[int, int]
"""A table, by its place in `TABLES`, and a path."""

Waits: TypeAlias = tuple[Any, int, int, bool, int]
"""Value, entity, type, whether it is added (or else removed), and by which change."""

Row: TypeAlias = tuple[Key, Waits]
"""A row to be added or removed, and where."""

MOST: Final = 20_000
"""Rows, and changes behind the feed, from which on rows are moved into the file."""

TOGETHER: Final = 32
"""Rows that one statement adds."""

SLICE: Final = 2_000
"""Rows that are moved in one transaction; more where so many wait that it would not suffice."""

TABLES: Final = ("anum", "atxt")
NUMBERS: Final = 0
TEXTS: Final = 1

_NONE: Final[frozenset[int]] = frozenset()
_ADDED: Final = itemgetter(3)
_VALUE: Final = itemgetter(0)
_TYPE: Final = itemgetter(2)


class _Path:
    """The rows of one attribute in one table, oldest first: (value, eid, type, added, seq)."""

    __slots__ = ("_many", "_ordered", "_seen", "_touched", "rows")

    def __init__(self) -> None:
        self.rows: list[Waits] = []
        self._ordered: list[tuple[Any, int]] = []
        self._many: set[int] = set()
        self._touched: set[int] = set()
        self._seen = 0

    def touched(self) -> set[int]:
        """Return the entities of all rows."""
        self._order()
        return self._touched

    def find(self, term: IndexTerm) -> set[int]:
        """Return the entities that got a value the term asks for."""
        self._order()
        found = set(self._many)
        if term.values:
            for value in map(_key, term.values):
                found.update(self._between((value,), (value, inf)))
            return found
        low, high = _key(term.low), _key(term.high)
        start = () if low is None else (low,) if term.low_inclusive else (low, inf)
        end = None if high is None else (high, inf) if term.high_inclusive else (high,)
        found.update(self._between(start, end))
        return found

    def within(self, term: IndexTerm, nid: int) -> int:
        """Return how many entities of a type have, by their newest row, what a term asks for.

        For attributes of which an entity has one value at most.
        """
        newest: dict[int, Any] = {}
        for value, eid, type_, added, _ in self.rows:
            if type_ == nid:
                newest[eid] = value if added else None
        return sum(value is not None and _holds(term, value) for value in newest.values())

    def copy(self) -> _Path:
        """Return a copy that does not change."""
        copied = _Path()
        copied.rows = list(self.rows)
        copied._order()
        return copied

    def drop(self, count: int) -> None:
        """Forget the oldest rows."""
        del self.rows[:count]
        self._forget_order()

    def keep(self, count: int) -> None:
        """Forget all but the oldest rows."""
        del self.rows[count:]
        self._forget_order()

    def _forget_order(self) -> None:
        self._ordered.clear()
        self._many.clear()
        self._touched = set()
        self._seen = 0

    def _between(self, start: tuple[Any, ...], end: tuple[Any, ...] | None) -> Iterable[int]:
        ordered = self._ordered
        first = bisect_left(ordered, start)
        last = len(ordered) if end is None else bisect_right(ordered, end)
        return [eid for _, eid in ordered[first:last]]

    def _order(self) -> None:
        if self._seen == len(self.rows):
            return
        for value, eid, _, added, _ in self.rows[self._seen :]:
            self._touched.add(eid)
            if isinstance(value, bytes):
                self._many.add(eid)
            elif added:
                self._ordered.append((value, eid))
        self._ordered.sort()
        self._seen = len(self.rows)


class Pending:
    """All rows that wait. Used on the event loop only, but for copies."""

    def __init__(self, indexed: int) -> None:
        self.indexed = indexed
        """The newest change all of whose rows are in the file."""
        self.rows = 0
        self._paths: dict[Key, _Path] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Take in the rows of changes, in their order, before they are committed."""
        for key, row in rows:
            waiting = self._paths.get(key)
            if waiting is None:
                waiting = self._paths[key] = _Path()
            waiting.rows.append(row)
        self.rows += len(rows)

    def mark(self) -> Callable[[], None]:
        """Return what takes back all that is added from now on."""
        lengths = {key: len(waiting.rows) for key, waiting in self._paths.items()}

        def take_back() -> None:
            for key, waiting in list(self._paths.items()):
                kept = lengths.get(key, 0)
                self.rows -= len(waiting.rows) - kept
                waiting.keep(kept)
                if not kept:
                    del self._paths[key]

        return take_back

    def find(self, term: IndexTerm | GeoTerm, path: int) -> list[int]:
        """Return the entities whose waiting rows a term asks for."""
        if isinstance(term, GeoTerm):
            return []
        waiting = self._paths.get((table_of(term), path))
        return [] if waiting is None else sorted(waiting.find(term))

    def touched(self, table: int, path: int) -> Set[int]:
        """Return the entities of whose rows in a table some wait."""
        waiting = self._paths.get((table, path))
        return _NONE if waiting is None else waiting.touched()

    def within(self, term: IndexTerm, path: int, nid: int) -> int:
        """Return how many entities of a type have what a term asks for by rows that wait."""
        waiting = self._paths.get((table_of(term), path))
        return 0 if waiting is None else waiting.within(term, nid)

    def copy(self, keys: Iterable[Key]) -> Pending:
        """Return a copy of what waits under some keys, for a thread."""
        copied = Pending(self.indexed)
        copied._paths = {key: self._paths[key].copy() for key in keys if key in self._paths}
        return copied

    def overdue(self, newest: int) -> bool:
        """Return whether it is time to move rows into the file."""
        return self.rows >= MOST or newest - self.indexed >= MOST

    def move(self, many: Callable[..., Any], newest: int) -> tuple[int, Callable[[], None]]:
        """Move a slice into the file, the path that waits longest.

        Returns what `indexed` is then, and what forgets the rows once that is committed; until
        then readers may need them here. `newest` is the newest committed change.
        """
        if not self._paths:
            return newest, self._moved(newest)
        key = min(self._paths, key=lambda key: self._paths[key].rows[0][4])
        waiting = self._paths[key].rows
        count = min(max(SLICE, self.rows // 8), len(waiting))
        write_rows(many, TABLES[key[0]], key[1], waiting[:count])
        oldest = [each.rows[0][4] for other, each in self._paths.items() if other != key]
        oldest += [row[4] for row in waiting[count : count + 1]]
        indexed = min(oldest, default=newest + 1) - 1

        def forget() -> None:
            self._paths[key].drop(count)
            if not self._paths[key].rows:
                del self._paths[key]
            self.rows -= count
            self.indexed = indexed

        return indexed, forget

    def _moved(self, newest: int) -> Callable[[], None]:
        return lambda: setattr(self, "indexed", newest)


def table_of(term: IndexTerm) -> int:
    """Return the table that serves a term, by its place in `TABLES`."""
    return NUMBERS if term.kind == "num" else TEXTS


def write_rows(many: Callable[..., Any], table: str, path: int, rows: Sequence[Waits]) -> None:
    """Bring rows, oldest first, into a table; the last word on each counts."""
    there: Iterable[tuple[Any, ...]] = rows
    if not all(map(_ADDED, rows)):
        last = {(value, eid, nid): added for value, eid, nid, added, _ in rows}
        gone = [row for row, added in last.items() if not added]
        there = [row for row, added in last.items() if added]
        for nid, pairs in _by_type(gone):
            where = f"type = {nid} AND path = {path} AND value = ? AND eid = ?"
            many(f"DELETE FROM {table} WHERE {where}", pairs)
    for nid, pairs in _by_type(there):
        insert, row = f"INSERT OR IGNORE INTO {table} VALUES ", f"({nid}, {path}, ?, ?)"
        full = len(pairs) // TOGETHER * TOGETHER
        flat, size = list(chain.from_iterable(pairs[:full])), 2 * TOGETHER
        parts = [flat[start : start + size] for start in range(0, len(flat), size)]
        many(insert + ", ".join([row] * TOGETHER), parts)
        many(insert + row, pairs[full:])


def _by_type(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, list[tuple[Any, int]]]]:
    """Yield types with their values and entities in the order of the table, which share pages.

    Given are (value, entity, type, …). What has one value may come in any order.
    """
    try:
        ordered = sorted(rows, key=_VALUE)
    except TypeError:
        # The mark of many values is no number or text: nearly in order will do.
        ordered = sorted(rows, key=lambda row: isinstance(row[0], bytes))
    ordered.sort(key=_TYPE)
    for nid, group in groupby(ordered, _TYPE):
        yield nid, [row[:2] for row in group]


def _holds(term: IndexTerm, value: Any) -> bool:
    if term.values:
        return value in map(_key, term.values)
    low, high = _key(term.low), _key(term.high)
    above = low is None or (value >= low if term.low_inclusive else value > low)
    return above and (high is None or (value <= high if term.high_inclusive else value < high))


def _key(value: Any) -> Any:
    return number_key(value) if value.__class__ is int else value
