"""Index rows that are decided and not yet in the file.

A write changes values all over the index, and each would cost a page of its own in the log. So
the rows wait here, and go into the file many at a time, path by path. Readers take what waits
into account. After a crash they are made again from the feed: `indexed` in the file is the
newest change all of whose rows are there (see `broker.store.sqlite.recovery`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any, Final, TypeAlias

from broker.query.plan import GeoTerm, IndexTerm
from broker.store.sqlite.waiting import PARTS, Boxes, Values, Waiting, WaitingRows, Whose, key_of

Key: TypeAlias = tuple[int, int]
"""A table, by its place in `TABLES`, and a path."""

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

_NONE: Final[Mapping[int, tuple[Any, Whose]]] = {}


class Pending:
    """All rows that wait, those of the open transaction included. Used on the event loop only, but
    for copies.
    """

    def __init__(self, indexed: int) -> None:
        self.indexed = indexed
        """The newest change all of whose rows are in the file."""
        self.paths: dict[Key, Waiting] = {}
        """What waits, by where it goes."""

    @property
    def rows(self) -> int:
        """How many rows wait."""
        return sum(len(waiting.parts) for waiting in self.paths.values()) // PARTS

    def begin(self, key: Key) -> Waiting:
        """Return what rows of an attribute are to be added to, the first of which is to come."""
        waiting = self.paths[key] = Boxes() if key[0] == BOXES else Values()
        return waiting

    def add(self, key: Key, gained: Any, lost: Any, whose: Whose) -> None:
        """Add a row."""
        (self.paths.get(key) or self.begin(key)).parts.extend((gained, lost, whose))

    def take_back(self, seq: int) -> None:
        """Forget the rows of changes after `seq`, which are not to be."""
        for key, waiting in list(self.paths.items()):
            waiting.take_back(seq)
            if not waiting.parts:
                del self.paths[key]

    def sort(self) -> None:
        """Bring rows that came entity by entity into the order of their changes."""
        for waiting in self.paths.values():
            waiting.sort()

    def find(self, term: IndexTerm | GeoTerm, path: int) -> list[int]:
        """Return the entities whose waiting rows a term asks for."""
        if isinstance(term, GeoTerm):
            boxes = self.paths.get((BOXES, path))
            return sorted(boxes.find(term)) if isinstance(boxes, Boxes) else []
        waiting = self._path((table_of(term), path))
        return [] if waiting is None else sorted(waiting.find(term))

    def touched(self, table: int, path: int) -> Set[int]:
        """Return the entities of whose rows in a table some wait."""
        return self.newest(table, path).keys()

    def newest(self, table: int, path: int) -> Mapping[int, tuple[Any, Whose]]:
        """Return what is gained by the newest row that waits in a table, and whose, by entity."""
        waiting = self._path((table, path))
        return _NONE if waiting is None else waiting.newest()

    def of_type(self, table: int, path: int, nid: int) -> Mapping[int, tuple[Any, Whose]]:
        """Return what `newest` does of the rows for one type."""
        waiting = self._path((table, path))
        return _NONE if waiting is None else waiting.of_type(nid)

    def copy(self, keys: Iterable[Key]) -> Pending:
        """Return a copy of the numbers and texts that wait under some keys, for a thread."""
        copied = Pending(self.indexed)
        copied.paths = {key: path.copy() for key in keys if (path := self._path(key)) is not None}
        return copied

    def overdue(self, newest: int) -> bool:
        """Return whether it is time to move rows into the file."""
        if self.rows >= MOST or newest - self.indexed >= MOST:
            return True
        boxes = [waiting.rows for key, waiting in self.paths.items() if key[0] == BOXES]
        return sum(boxes) >= MOST_BOXES

    def move(
        self, bring: Callable[[Key, WaitingRows], None], newest: int
    ) -> tuple[int, Callable[[], None]]:
        """Let `bring` move a slice into the file, of the path that waits longest.

        Returns what `indexed` is then, and what forgets the rows once that is committed; until
        then readers may need them here. `newest` is the newest committed change, which `indexed`
        passes where rows of the open transaction are moved.
        """
        if not self.paths:
            return newest, self._moved(newest)
        key = min(self.paths, key=lambda key: self.paths[key].change())
        waiting = self.paths[key]
        most = max(SLICE, self.rows // 8)
        count = min(most // ROWS_OF_BOX if key[0] == BOXES else most, waiting.rows)
        bring(key, waiting.slice(count))
        oldest = [each.change() for other, each in self.paths.items() if other != key]
        if count < waiting.rows:
            oldest.append(waiting.change(count))
        indexed = min(oldest, default=newest + 1) - 1

        def forget() -> None:
            waiting.drop(count)
            if not waiting.parts:
                del self.paths[key]
            self.indexed = indexed

        return indexed, forget

    def _path(self, key: Key) -> Values | None:
        waiting = self.paths.get(key)
        return waiting if isinstance(waiting, Values) else None

    def _moved(self, newest: int) -> Callable[[], None]:
        return lambda: setattr(self, "indexed", newest)


def table_of(term: IndexTerm) -> int:
    """Return the table that serves a term, by its place in `TABLES`."""
    return NUMBERS if term.kind == "num" else TEXTS


def holds(term: IndexTerm, value: Any) -> bool:
    """Tell whether a value an entity is indexed by is one a term asks for."""
    if term.values:
        return value in map(key_of, term.values)
    low, high = key_of(term.low), key_of(term.high)
    above = low is None or (value >= low if term.low_inclusive else value > low)
    return above and (high is None or (value <= high if term.high_inclusive else value < high))
