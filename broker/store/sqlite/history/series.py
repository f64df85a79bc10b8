"""Heads and series by number, as the writing transaction sees them.

What was looked up is remembered, and forgotten again where the transaction fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeVar

import apsw
import orjson

from broker.store.history import Entry
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.history.rows import OBSERVED
from broker.store.sqlite.names import Undo
from broker.store.sqlite.town import Town

MOST: Final = 200_000
"""Heads, and series, that are remembered."""

NEVER: Final = -(1 << 62)
"""Earlier than any time."""

NO_TYPES: Final[tuple[int, ...]] = ()

K = TypeVar("K")
Key = tuple[int, int, str]
"""Number of the head, number of the attribute's name, dataset."""


class Known(NamedTuple):
    """Of a head: its number, its types, and the IRIs of those it was last told of."""

    pid: int
    types: tuple[int, ...]
    told: tuple[str, ...]


class Numbers:
    """Gives heads and series their numbers."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._run: Run = runner(connection)
        self._heads: dict[tuple[int, str], Known] = {}
        self._series: dict[Key, int] = {}
        self._newest: dict[int, int] = {}

    def head(self, tid: int, entity_id: str) -> int | None:
        """Return the number of an entity's head."""
        known = self._known(tid, entity_id)
        return None if known is None else known.pid

    def keep_head(self, town: Town, entry: Entry, undo: Undo) -> tuple[int, bool]:
        """Return the number of an entity's head, and whether it is new, after it is told of."""
        key = (town.tid, entry.entity_id)
        known = self._known(*key)
        if known is not None and known.told == entry.types and not (entry.born or entry.gone):
            return known.pid, False
        told = tuple(town.names.intern(iri) for iri in entry.types)
        if known is None:
            self._run(
                "INSERT INTO past (tid, id, types, created, modified) VALUES (?, ?, '[]', ?, ?)",
                (*key, entry.at, entry.at),
            )
            pid, had = self._connection.last_insert_rowid(), NO_TYPES
        else:
            pid, had = known.pid, known.types
        types = tuple(dict.fromkeys(told if entry.born else (*had, *told)))
        if types != had:
            self._retype(pid, entry.entity_id, had, types)
        self._remember(key, Known(pid, types, entry.types), undo)
        if entry.born:
            self._run("UPDATE past SET created = ?, deleted = NULL WHERE pid = ?", (entry.at, pid))
        if entry.gone:
            self._run("UPDATE past SET deleted = ? WHERE pid = ?", (entry.at, pid))
        return pid, known is None

    def series(
        self, pid: int, attribute: int, dataset: str, undo: Undo, *, fresh: bool = False
    ) -> int:
        """Return the number of a series, making it if need be.

        It is not looked up first where its head is `fresh`, made in the same unit of work.
        """
        key = (pid, attribute, dataset)
        sid = self._series.get(key)
        if sid is None:
            sid = (None if fresh else self._look_up(key)) or self._make(key)
            if len(self._series) >= MOST:
                self._series.clear()
            self._series[key] = sid
            undo.append(_forgetting(self._series, key))
        return sid

    def _look_up(self, key: Key) -> int | None:
        sid: int | None = self._run(
            "SELECT sid FROM series WHERE pid = ? AND attribute = ? AND dataset = ?", key
        ).get
        return sid

    def _make(self, key: Key) -> int:
        self._run("INSERT OR IGNORE INTO series (pid, attribute, dataset) VALUES (?, ?, ?)", key)
        if not self._connection.changes():
            sid = self._look_up(key)
            assert sid is not None
            return sid
        sid = self._connection.last_insert_rowid()
        self.observed(sid, NEVER)
        return sid

    def newest(self, sid: int) -> int | None:
        """Return a time no observed row of a series is later than, None for a new series."""
        newest = self._newest.get(sid)
        if newest is None:
            newest = self._run(
                "SELECT max(last) FROM (SELECT max(last) AS last FROM chunk WHERE sid = ?1 "
                "UNION ALL SELECT max(time) FROM moment WHERE sid = ?1 AND flags & ?2)",
                (sid, OBSERVED),
            ).get
        return newest

    def observed(self, sid: int, time: int) -> None:
        """Note that a series has a row of this time, and none later."""
        if len(self._newest) >= MOST:
            self._newest.clear()
        self._newest[sid] = time

    def forget(self) -> None:
        """Forget all, where heads or series went away."""
        self._heads.clear()
        self._series.clear()
        self._newest.clear()

    def _known(self, tid: int, entity_id: str) -> Known | None:
        known = self._heads.get((tid, entity_id))
        if known is None:
            row = self._run(
                "SELECT pid, types FROM past WHERE tid = ? AND id = ?", (tid, entity_id)
            ).get
            if row is not None:
                known = Known(row[0], tuple(orjson.loads(row[1])), ())
                self._remember((tid, entity_id), known, [])
        return known

    def _remember(self, key: tuple[int, str], known: Known, undo: Undo) -> None:
        if len(self._heads) >= MOST:
            self._heads.clear()
        self._heads[key] = known
        undo.append(_forgetting(self._heads, key))

    def _retype(self, pid: int, entity_id: str, had: Iterable[int], types: Iterable[int]) -> None:
        for nid in set(had).difference(types):
            self._run("DELETE FROM ptype WHERE type = ? AND id = ?", (nid, entity_id))
        for nid in set(types).difference(had):
            self._run("INSERT INTO ptype VALUES (?, ?, ?)", (nid, entity_id, pid))
        listed = orjson.dumps(list(types)).decode()
        self._run("UPDATE past SET types = ? WHERE pid = ?", (listed, pid))


def _forgetting(known: dict[K, Any], key: K) -> Callable[[], None]:
    def forget() -> None:
        known.pop(key, None)

    return forget
