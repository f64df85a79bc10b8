"""What waits of one attribute for one table of the index.

A row is what is gained, what is lost, and whose: entity, type, and by which change. Rows are not
objects: their parts follow each other in one list, and one entity's share who they are of. So
many of them are added, kept and forgotten for little.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import Any, Final, NamedTuple, TypeAlias

from broker.query.plan import GeoTerm, IndexTerm
from broker.store.sqlite.index import number_key

Whose: TypeAlias = tuple[int, int, int]
"""An entity, one of its types, and the change a row is of."""

PARTS: Final = 3
"""Entries of a row."""


class WaitingRows(NamedTuple):
    """Rows of one attribute, oldest first, part by part.

    What is gained or lost may be None. What is gained of a box is the box, in the place of any
    other of its attribute.
    """

    gained: list[Any]
    lost: list[Any]
    whose: list[Whose]


class Waiting:
    """What waits of one attribute for one table, oldest first.

    `parts` has the rows: gained, lost and whose, again and again. Whoever adds to it adds
    these three, of a change that is not older than the last one there.
    """

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: list[Any] = []

    @property
    def rows(self) -> int:
        """How many rows wait."""
        return len(self.parts) // PARTS

    def change(self, place: int = 0) -> int:
        """Return which change a row is of, the oldest by default."""
        whose: Whose = self.parts[place * PARTS + 2]
        return whose[2]

    def slice(self, count: int | None = None) -> WaitingRows:
        """Return the oldest rows, or all."""
        parts, end = self.parts, None if count is None else count * PARTS
        return WaitingRows(parts[0:end:PARTS], parts[1:end:PARTS], parts[2:end:PARTS])

    def drop(self, count: int) -> None:
        """Forget the oldest rows."""
        del self.parts[: count * PARTS]

    def take_back(self, seq: int) -> None:
        """Forget the rows of changes after `seq`."""
        parts = self.parts
        while parts and parts[-1][2] > seq:
            del parts[-PARTS:]

    def sort(self) -> None:
        """Bring rows that came in another order into that of their changes."""
        rows = sorted(zip(*self.slice(), strict=True), key=lambda row: row[2][2])
        self.parts = [part for row in rows for part in row]


class Values(Waiting):
    """The numbers or the texts of one attribute."""

    __slots__ = ("_many", "_newest", "_ordered", "_seen")

    def __init__(self) -> None:
        super().__init__()
        self._forget_order()

    def newest(self) -> Mapping[int, tuple[Any, Whose]]:
        """Return what each entity gained by its newest row, and whose that is."""
        self._order()
        return self._newest

    def find(self, term: IndexTerm) -> set[int]:
        """Return the entities that got a value the term asks for."""
        self._order()
        found = set(self._many)
        if term.values:
            for value in map(key_of, term.values):
                found.update(self._between((value,), (value, inf)))
            return found
        low, high = key_of(term.low), key_of(term.high)
        start = () if low is None else (low,) if term.low_inclusive else (low, inf)
        end = None if high is None else (high, inf) if term.high_inclusive else (high,)
        found.update(self._between(start, end))
        return found

    def of_type(self, nid: int) -> dict[int, tuple[Any, Whose]]:
        """Return what `newest` does of the rows for one type."""
        parts = self.parts
        return {
            whose[0]: (value, whose)
            for value, whose in zip(parts[0::PARTS], parts[2::PARTS], strict=True)
            if whose[1] == nid
        }

    def copy(self) -> Values:
        """Return a copy that does not change."""
        copied = Values()
        copied.parts = self.parts.copy()
        copied._order()
        return copied

    def drop(self, count: int) -> None:
        """Forget the oldest rows."""
        super().drop(count)
        self._forget_order()

    def take_back(self, seq: int) -> None:
        """Forget the rows of changes after `seq`."""
        super().take_back(seq)
        if len(self.parts) < self._seen:
            self._forget_order()

    def _forget_order(self) -> None:
        self._ordered: list[tuple[Any, int]] = []
        self._many: set[int] = set()
        self._newest: dict[int, tuple[Any, Whose]] = {}
        self._seen = 0

    def _between(self, start: tuple[Any, ...], end: tuple[Any, ...] | None) -> Iterable[int]:
        ordered = self._ordered
        first = bisect_left(ordered, start)
        last = len(ordered) if end is None else bisect_right(ordered, end)
        return [eid for _, eid in ordered[first:last]]

    def _order(self) -> None:
        if self._seen == len(self.parts):
            return
        for value, lost, whose in self._unseen():
            eid = whose[0]
            self._newest[eid] = value, whose
            if isinstance(value, bytes) or isinstance(lost, bytes):
                self._many.add(eid)
            if value is not None and not isinstance(value, bytes):
                self._ordered.append((value, eid))
        self._ordered.sort()
        self._seen = len(self.parts)

    def _unseen(self) -> Iterator[tuple[Any, Any, Whose]]:
        new = self.parts[self._seen :]
        return zip(new[0::PARTS], new[1::PARTS], new[2::PARTS], strict=True)


class Boxes(Waiting):
    """The boxes of one attribute."""

    __slots__ = ()

    def find(self, term: GeoTerm) -> set[int]:
        """Return the entities that got a box the term asks for."""
        boxes, _, whose = self.slice()
        return {
            of[0]
            for west, south, east, north in term.boxes
            for box, of in zip(boxes, whose, strict=True)
            if box is not None
            and box[0] <= east
            and box[1] >= west
            and box[2] <= north
            and box[3] >= south
        }


def key_of(value: Any) -> Any:
    """Return a value of a term as the index has it."""
    return number_key(value) if value.__class__ is int else value
