"""History read from a data folder beside a running broker, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from broker.store.history import ALL, Moment, Window
from broker.store.refusals import nonexistent
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.connection import DATA_FILE, connect, runner
from broker.store.sqlite.errors import NotADataFile
from broker.store.sqlite.history.reading import Line, Reading, lines_of
from broker.store.sqlite.history.rows import Row, to_moment
from broker.store.sqlite.history.searching import iris_of
from broker.store.sqlite.names import Names

PAGE: Final = 2000
"""Moments, or series, read in one transaction."""

LONGEST: Final = 30.0
"""Seconds after which a page is given up; it takes a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Told:
    """A series: of which entity, and of what."""

    sid: int
    entity_id: str
    types: tuple[str, ...]
    attribute: str
    dataset: str
    born: Row | None = None


class Archive:
    """The history of one tenant. No read transaction lasts longer than a page.

    Raises NotADataFile, NewerDataFile and NonexistentTenant.
    """

    def __init__(self, data_dir: Path, tenant: str) -> None:
        path = data_dir / DATA_FILE
        if not path.is_file():
            raise NotADataFile(f"{data_dir} has no data of Machi ({DATA_FILE}).")
        self._connection = connect(path)
        tid = self._connection.execute("SELECT tid FROM tenant WHERE name = ?", (tenant,)).get
        if tid is None:
            self.close()
            raise nonexistent(tenant)
        self._tid: int = tid
        self._names = Names(self._connection, tid, tenant)

    def close(self) -> None:
        """Release the file."""
        self._connection.close(force=True)

    def series(self) -> Iterator[Told]:
        """Yield all series, by entity."""
        last = ""
        while True:
            run = runner(self._connection)
            heads = run(
                "SELECT id, types FROM past WHERE tid = ? AND id > ? ORDER BY id LIMIT ?",
                (self._tid, last, PAGE),
            ).fetchall()
            for entity_id, types in heads:
                listed = iris_of(types, self._names)
                for line in lines_of(run, self._tid, entity_id, ALL, self._names):
                    yield Told(line.sid, entity_id, listed, line.attribute, line.dataset, line.born)
            if len(heads) < PAGE:
                return
            last = heads[-1][0]

    def moments(self, told: Told, window: Window) -> Iterator[Moment]:
        """Yield the moments of a series in a window on their place, or on when they were observed.

        `last` has no effect.
        """
        after: tuple[int, int] | None = None
        size = PAGE
        line = Line(told.sid, told.attribute, told.dataset, told.born)
        while True:
            rest = window if after is None else replace(window, start=after[0])
            with Budget(self._connection, LONGEST, inline=False) as budget:
                rows, more = Reading(budget, replace(rest, last=None)).rows(line, size)
            fresh = [row for row in rows if after is None or row.key > after]
            for row in fresh:
                yield to_moment(row, self._names)
            if not more:
                return
            size = size if fresh else size * 2
            after = fresh[-1].key if fresh else after
