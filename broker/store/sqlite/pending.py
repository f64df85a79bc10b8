"""Index rows that are decided and not yet in the file.

A write changes values all over the index, and each would cost a page of its own in the log. So
the rows wait here, and go into the file many at a time, path by path. Readers take what waits
into account. After a crash they are made again from the feed: `indexed` in the file is the
newest change all of whose rows are there (see `broker.store.sqlite.recovery`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Final, Protocol

from broker.query.plan import GeoTerm, IndexTerm
from broker.store.sqlite.waiting import BOXES, Block, Boxes, Key, Row, Values, Waiting, table_of

MOST: Final = 20_000
"""Rows that wait, and changes behind the feed, from which on rows are moved into the file."""

MOST_BOXES: Final = 2_500
"""Boxes from which on rows are moved: a search for a place looks at each that waits."""

SLICE: Final = 2_000
"""Rows that are moved in one transaction; more where so many wait that it would not suffice."""

ROWS_OF_BOX: Final = 2
"""Rows of a slice in the place of which it has one box, which takes longer."""

_NONE: Final[Mapping[int, Row]] = {}


class Bring(Protocol):
    """Brings rows of an attribute, oldest first, or blocks of them, into its table."""

    def __call__(self, key: Key, rows: Sequence[Row], blocks: Sequence[Block]) -> None:
        """Bring the rows; one of both is empty."""
        ...


class Pending:
    """All rows that wait. Used on the event loop only, but for copies."""

    def __init__(self, indexed: int) -> None:
        self.indexed = indexed
        """The newest change all of whose rows are in the file."""
        self.rows = 0
        self._paths: dict[Key, Waiting] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Take in the rows of changes, in their order, before they are committed."""
        paths = self._paths
        for row in rows:
            key = row[5]
            waiting = paths.get(key)
            if waiting is None:
                waiting = paths[key] = Boxes() if key[0] == BOXES else Values()
            waiting.append(row)
        self.rows += len(rows)

    def extend(self, block: Block) -> None:
        """Take in a block of rows, of the commit of those that were added last."""
        waiting = self._paths.get(block.key)
        if waiting is None:
            waiting = self._paths[block.key] = Values()
        assert isinstance(waiting, Values)
        waiting.extend(block)
        self.rows += len(block.eids)

    def mark(self) -> Callable[[], None]:
        """Return what takes back all that is added from now on."""
        lengths = {key: len(waiting) for key, waiting in self._paths.items()}

        def take_back() -> None:
            for key, waiting in list(self._paths.items()):
                kept = lengths.get(key, 0)
                self.rows -= len(waiting) - kept
                waiting.keep(kept)
                if not kept:
                    del self._paths[key]

        return take_back

    def find(self, term: IndexTerm | GeoTerm, path: int) -> list[int]:
        """Return the entities whose waiting rows a term asks for."""
        if isinstance(term, GeoTerm):
            boxes = self._paths.get((BOXES, path))
            return sorted(boxes.find(term)) if isinstance(boxes, Boxes) else []
        waiting = self._path((table_of(term), path))
        return [] if waiting is None else sorted(waiting.find(term))

    def touched(self, table: int, path: int) -> Set[int]:
        """Return the entities of whose rows in a table some wait."""
        return self.newest(table, path).keys()

    def newest(self, table: int, path: int) -> Mapping[int, Row]:
        """Return the newest of the rows that wait in a table, by entity."""
        waiting = self._path((table, path))
        return _NONE if waiting is None else waiting.newest()

    def within(self, term: IndexTerm, path: int, nid: int) -> int:
        """Return how many entities of a type have what a term asks for by rows that wait."""
        waiting = self._path((table_of(term), path))
        return 0 if waiting is None else waiting.within(term, nid)

    def copy(self, keys: Iterable[Key]) -> Pending:
        """Return a copy of the numbers and texts that wait under some keys, for a thread."""
        copied = Pending(self.indexed)
        copied._paths = {key: path.copy() for key in keys if (path := self._path(key)) is not None}
        return copied

    def overdue(self, newest: int) -> bool:
        """Return whether it is time to move rows into the file."""
        if self.rows >= MOST or newest - self.indexed >= MOST:
            return True
        boxes = [len(waiting) for key, waiting in self._paths.items() if key[0] == BOXES]
        return sum(boxes) >= MOST_BOXES

    def move(self, bring: Bring, newest: int) -> tuple[int, Callable[[], None]]:
        """Let `bring` move a slice into the file, of the path that waits longest.

        Returns what `indexed` is then, and what forgets the rows once that is committed; until
        then readers may need them here. `newest` is the newest committed change.
        """
        if not self._paths:
            return newest, self._moved(newest)
        paths = self._paths
        ages = {key: seq for key, waiting in paths.items() if (seq := waiting.seq(0)) is not None}
        key = min(ages, key=ages.__getitem__)
        most = max(SLICE, self.rows // 8)
        part, count = paths[key].part(most // ROWS_OF_BOX if key[0] == BOXES else most)
        bring(key, *part)
        left = paths[key].seq(count)
        del ages[key]
        if left is not None:
            ages[key] = left
        indexed = min(ages.values(), default=newest + 1) - 1

        def forget() -> None:
            paths[key].drop(count)
            if not paths[key]:
                del paths[key]
            self.rows -= count
            self.indexed = indexed

        return indexed, forget

    def _path(self, key: Key) -> Values | None:
        waiting = self._paths.get(key)
        return waiting if isinstance(waiting, Values) else None

    def _moved(self, newest: int) -> Callable[[], None]:
        return lambda: setattr(self, "indexed", newest)
