"""Index rows that are decided and not yet in the file.

A write changes values all over the index, and each would cost a page of its own in the log. So
the rows wait here, and go into the file many at a time, path by path. Readers take what waits
into account. After a crash they are made again from the feed: `indexed` in the file is the
newest change all of whose rows are there (see `broker.store.sqlite.recovery`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from math import inf
from typing import Any, Final, TypeAlias

from broker.query.plan import GeoTerm, IndexTerm
from broker.store.sqlite.index import number_key

Key: TypeAlias = tuple[int, int]
"""A table, by its place in `TABLES`, and a path."""

Row: TypeAlias = tuple[Any, int, int, Any, int, Key]
"""Value that is added, entity, type, value that is removed, by which change, and where.

One of the values may be None: nothing is added, or nothing removed. The value of a box is the
box; one that is added takes the place of any other of its attribute, which is not named.
"""

MOST: Final = 20_000
"""Rows that wait, and changes behind the feed, from which on rows are moved into the file."""

MOST_BOXES: Final = 2_500
"""Boxes from which on rows are moved: a search for a place looks at each that waits."""

SLICE: Final = 2_000
"""Rows that are moved in one transaction; more where so many wait that it would not suffice."""

ROWS_OF_BOX: Final = 2
"""Rows of a slice in the place of which it has one box, which takes longer."""

TABLES: Final = ("anum", "atxt")
NUMBERS: Final = 0
TEXTS: Final = 1
BOXES: Final = 2

_NONE: Final[Mapping[int, Row]] = {}


class _Waiting:
    """What waits of one attribute for one table, oldest first."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def drop(self, count: int) -> None:
        """Forget the oldest rows."""
        del self.rows[:count]

    def keep(self, count: int) -> None:
        """Forget all but the oldest rows."""
        del self.rows[count:]


class _Path(_Waiting):
    """The numbers or the texts of one attribute."""

    __slots__ = ("_many", "_newest", "_ordered", "_seen")

    def __init__(self) -> None:
        super().__init__()
        self._ordered: list[tuple[Any, int]] = []
        self._many: set[int] = set()
        self._newest: dict[int, Row] = {}
        self._seen = 0

    def newest(self) -> dict[int, Row]:
        """Return the newest row of each entity."""
        self._order()
        return self._newest

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

    def of_type(self, nid: int) -> dict[int, Row]:
        """Return the newest row of each entity for one type."""
        return {row[1]: row for row in self.rows if row[2] == nid}

    def copy(self) -> _Path:
        """Return a copy that does not change."""
        copied = _Path()
        copied.rows = list(self.rows)
        copied._order()
        return copied

    def drop(self, count: int) -> None:
        """Forget the oldest rows."""
        super().drop(count)
        self._forget_order()

    def keep(self, count: int) -> None:
        """Forget all but the oldest rows."""
        super().keep(count)
        self._forget_order()

    def _forget_order(self) -> None:
        self._ordered.clear()
        self._many.clear()
        self._newest = {}
        self._seen = 0

    def _between(self, start: tuple[Any, ...], end: tuple[Any, ...] | None) -> Iterable[int]:
        ordered = self._ordered
        first = bisect_left(ordered, start)
        last = len(ordered) if end is None else bisect_right(ordered, end)
        return [eid for _, eid in ordered[first:last]]

    def _order(self) -> None:
        if self._seen == len(self.rows):
            return
        for row in self.rows[self._seen :]:
            value, eid, _, lost, _, _ = row
            self._newest[eid] = row
            if isinstance(value, bytes) or isinstance(lost, bytes):
                self._many.add(eid)
            if value is not None and not isinstance(value, bytes):
                self._ordered.append((value, eid))
        self._ordered.sort()
        self._seen = len(self.rows)


class _Boxes(_Waiting):
    """The boxes of one attribute."""

    __slots__ = ()

    def find(self, term: GeoTerm) -> set[int]:
        """Return the entities that got a box the term asks for."""
        return {
            eid
            for west, south, east, north in term.boxes
            for box, eid, *_ in self.rows
            if box is not None
            and box[0] <= east
            and box[1] >= west
            and box[2] <= north
            and box[3] >= south
        }


class Pending:
    """All rows that wait. Used on the event loop only, but for copies."""

    def __init__(self, indexed: int) -> None:
        self.indexed = indexed
        """The newest change all of whose rows are in the file."""
        self.rows = 0
        self._paths: dict[Key, _Waiting] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Take in the rows of changes, in their order, before they are committed."""
        paths = self._paths
        for row in rows:
            key = row[5]
            waiting = paths.get(key)
            if waiting is None:
                waiting = paths[key] = _Boxes() if key[0] == BOXES else _Path()
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
            boxes = self._paths.get((BOXES, path))
            return sorted(boxes.find(term)) if isinstance(boxes, _Boxes) else []
        waiting = self._path((table_of(term), path))
        return [] if waiting is None else sorted(waiting.find(term))

    def touched(self, table: int, path: int) -> Set[int]:
        """Return the entities of whose rows in a table some wait."""
        return self.newest(table, path).keys()

    def newest(self, table: int, path: int) -> Mapping[int, Row]:
        """Return the newest of the rows that wait in a table, by entity."""
        waiting = self._path((table, path))
        return _NONE if waiting is None else waiting.newest()

    def of_type(self, table: int, path: int, nid: int) -> Mapping[int, Row]:
        """Return the newest of the rows that wait in a table for one type, by entity."""
        waiting = self._path((table, path))
        return _NONE if waiting is None else waiting.of_type(nid)

    def copy(self, keys: Iterable[Key]) -> Pending:
        """Return a copy of the numbers and texts that wait under some keys, for a thread."""
        copied = Pending(self.indexed)
        copied._paths = {key: path.copy() for key in keys if (path := self._path(key)) is not None}
        return copied

    def overdue(self, newest: int) -> bool:
        """Return whether it is time to move rows into the file."""
        if self.rows >= MOST or newest - self.indexed >= MOST:
            return True
        boxes = [len(waiting.rows) for key, waiting in self._paths.items() if key[0] == BOXES]
        return sum(boxes) >= MOST_BOXES

    def move(
        self, bring: Callable[[Key, Sequence[Row]], None], newest: int
    ) -> tuple[int, Callable[[], None]]:
        """Let `bring` move a slice into the file, of the path that waits longest.

        Returns what `indexed` is then, and what forgets the rows once that is committed; until
        then readers may need them here. `newest` is the newest committed change.
        """
        if not self._paths:
            return newest, self._moved(newest)
        key = min(self._paths, key=lambda key: self._paths[key].rows[0][4])
        waiting = self._paths[key].rows
        most = max(SLICE, self.rows // 8)
        count = min(most // ROWS_OF_BOX if key[0] == BOXES else most, len(waiting))
        bring(key, waiting[:count])
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

    def _path(self, key: Key) -> _Path | None:
        waiting = self._paths.get(key)
        return waiting if isinstance(waiting, _Path) else None

    def _moved(self, newest: int) -> Callable[[], None]:
        return lambda: setattr(self, "indexed", newest)


def table_of(term: IndexTerm) -> int:
    """Return the table that serves a term, by its place in `TABLES`."""
    return NUMBERS if term.kind == "num" else TEXTS


def holds(term: IndexTerm, value: Any) -> bool:
    """Tell whether a value an entity is indexed by is one a term asks for."""
    if term.values:
        return value in map(_key, term.values)
    low, high = _key(term.low), _key(term.high)
    above = low is None or (value >= low if term.low_inclusive else value > low)
    return above and (high is None or (value <= high if term.high_inclusive else value < high))


def _key(value: Any) -> Any:
    return number_key(value) if value.__class__ is int else value
