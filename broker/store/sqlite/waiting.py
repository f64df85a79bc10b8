"""What waits of one attribute to be written into a table of the index, and how it is searched."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import repeat
from math import inf
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from broker.query.plan import GeoTerm, IndexTerm
from broker.store.sqlite.index import number_key

Key: TypeAlias = tuple[int, int]
"""A table, by its place in `TABLES`, and a path."""

Row: TypeAlias = tuple[Any, int, int, Any, int, Key]
"""Value that is added, entity, type, value that is removed, by which change, and where.

One of the values may be None: nothing is added, or nothing removed. The value of a box is the
box; one that is added takes the place of any other of its attribute, which is not named.
"""

TABLES: Final = ("anum", "atxt")
NUMBERS: Final = 0
TEXTS: Final = 1
BOXES: Final = 2

_SEQ: Final = itemgetter(4)


class Block(NamedTuple):
    """Rows of one attribute and type in columns: a fraction of the memory, one row by place.

    Each entity gets a value, of a kind, in the place of another. Oldest first.
    """

    key: Key
    nid: int
    eids: Sequence[int]
    seqs: Sequence[int]
    lost: Sequence[Any]
    gained: Sequence[Any]

    def rows(self) -> list[Row]:
        """Return the rows."""
        nid, key = repeat(self.nid), repeat(self.key)
        columns = self.gained, self.eids, nid, self.lost, self.seqs, key
        return list(zip(*columns, strict=False))


Part: TypeAlias = tuple[list[Row], list[Block]]
"""The oldest of what waits of an attribute: rows, or else blocks of them."""


class Waiting:
    """What waits of one attribute for one table, oldest first."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def __len__(self) -> int:
        return len(self.rows)

    def append(self, row: Row) -> None:
        """Let one more row wait."""
        self.rows.append(row)

    def part(self, most: int) -> tuple[Part, int]:
        """Return the oldest rows, and how many; blocks are whole, so it may be more."""
        rows = self.rows[:most]
        return (rows, []), len(rows)

    def seq(self, place: int) -> int | None:
        """Return the change of the row at a place, None after the last."""
        return self.rows[place][4] if place < len(self.rows) else None

    def drop(self, count: int) -> None:
        """Forget the oldest rows."""
        del self.rows[:count]

    def keep(self, count: int) -> None:
        """Forget all but the oldest rows."""
        del self.rows[count:]


class Values(Waiting):
    """The numbers or the texts of one attribute: rows, and then blocks until they are read."""

    __slots__ = ("_blocks", "_many", "_newest", "_ordered", "_seen")

    def __init__(self) -> None:
        super().__init__()
        self._blocks: list[Block] = []
        self._ordered: list[tuple[Any, int]] = []
        self._many: set[int] = set()
        self._newest: dict[int, Row] = {}
        self._seen = 0

    def __len__(self) -> int:
        return len(self.rows) + sum(len(block.eids) for block in self._blocks)

    def append(self, row: Row) -> None:
        """Let one more row wait."""
        if self._blocks:
            self._open()
        self.rows.append(row)

    def extend(self, block: Block) -> None:
        """Let a block wait, of the same commit as the newest rows or of a later one."""
        if self._latest() < block.seqs[0]:
            self._blocks.append(block)
            return
        self._open()
        self.rows += block.rows()
        # Those of earlier commits, which may have been read, stay where they are.
        self.rows.sort(key=_SEQ)

    def part(self, most: int) -> tuple[Part, int]:
        """Return the oldest rows, and how many; blocks are whole, so it may be more."""
        if self.rows:
            return super().part(most)
        count = 0
        blocks: list[Block] = []
        for block in self._blocks:
            if blocks and count >= most:
                break
            blocks.append(block)
            count += len(block.eids)
        return ([], blocks), count

    def seq(self, place: int) -> int | None:
        """Return the change of the row at a place, None after the last."""
        if place < len(self.rows):
            return self.rows[place][4]
        place -= len(self.rows)
        for block in self._blocks:
            if place < len(block.seqs):
                return block.seqs[place]
            place -= len(block.seqs)
        return None

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

    def within(self, term: IndexTerm, nid: int) -> int:
        """Return how many entities of a type have, by their newest row, what a term asks for.

        For attributes of which an entity has one value at most.
        """
        self._open()
        newest = {eid: value for value, eid, type_, _, _, _ in self.rows if type_ == nid}
        return sum(value is not None and holds(term, value) for value in newest.values())

    def copy(self) -> Values:
        """Return a copy that does not change."""
        self._open()
        copied = Values()
        copied.rows = list(self.rows)
        copied._order()
        return copied

    def drop(self, count: int) -> None:
        """Forget the oldest rows, as many as were a part."""
        if self.rows:
            super().drop(count)
            self._forget_order()
            return
        while count:
            count -= len(self._blocks.pop(0).eids)

    def keep(self, count: int) -> None:
        """Forget all but the oldest rows."""
        self._open()
        super().keep(count)
        self._forget_order()

    def _latest(self) -> int:
        if self._blocks:
            return self._blocks[-1].seqs[-1]
        return self.rows[-1][4] if self.rows else 0

    def _open(self) -> None:
        """Make rows of what is in blocks."""
        for block in self._blocks:
            self.rows += block.rows()
        self._blocks.clear()

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
        self._open()
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


class Boxes(Waiting):
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
