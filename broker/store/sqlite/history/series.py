"""Heads and series by number, as the writing transaction sees them.

What was looked up is remembered, and forgotten again where the transaction fails.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

import apsw
import orjson

from broker.store.history import Entry
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.history.births import pending, take
from broker.store.sqlite.history.rows import INSERT, OBSERVED
from broker.store.sqlite.names import Undo
from broker.store.sqlite.town import Town

MOST: Final = 30_000
"""Heads, and series, that are remembered."""

NO_TYPES: Final[tuple[int, ...]] = ()

EMPTY: Final = -(1 << 62)
"""Before any time."""

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
        self._added: list[Key] = []
        self._changed: list[tuple[int, str]] = []

    def head(self, tid: int, entity_id: str) -> int | None:
        """Return the number of an entity's head."""
        known = self._known(tid, entity_id)
        return None if known is None else known.pid

    def keep_head(self, town: Town, entry: Entry) -> tuple[int, bool]:
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
        self._remember(key, Known(pid, types, entry.types))
        if entry.born:
            self._run("UPDATE past SET created = ?, deleted = NULL WHERE pid = ?", (entry.at, pid))
        if entry.gone:
            self._run("UPDATE past SET deleted = ? WHERE pid = ?", (entry.at, pid))
        return pid, known is None

    def series(self, pid: int, attribute: int, dataset: str) -> int:
        """Return the number of a series, making it if need be."""
        key = (pid, attribute, dataset)
        sid = self._series.get(key)
        if sid is None:
            sid = self._run(
                "SELECT sid FROM series WHERE pid = ? AND attribute = ? AND dataset = ?", key
            ).get
            if sid is None:
                sid = self._begin(key)
            self._series[key] = sid
            self._added.append(key)
        return sid

    def settle(self, pid: int, attributes: Collection[int]) -> None:
        """Give numbers to all series of some attributes that an entity's birth tells of."""
        for one in pending(self._run, pid):
            if one.attribute in attributes:
                self.series(pid, one.attribute, one.dataset)

    def _begin(self, key: Key) -> int:
        """Begin a series, with what the entity's birth tells of it."""
        self._run("INSERT INTO series (pid, attribute, dataset) VALUES (?, ?, ?)", key)
        sid = self._connection.last_insert_rowid()
        self._newest[sid] = EMPTY
        row = take(self._run, *key)
        if row is not None:
            self._run(INSERT, row.hot(sid))
            if row.flags & OBSERVED:
                self._newest[sid] = row.time
        return sid

    def newest(self, sid: int) -> int:
        """Return a time no observed row of a series is later than, `EMPTY` where there is none."""
        newest = self._newest.get(sid)
        if newest is None:
            newest = self._run(
                "SELECT max(last) FROM (SELECT max(last) AS last FROM chunk WHERE sid = ?1 "
                "UNION ALL SELECT max(time) FROM moment WHERE sid = ?1 AND flags & ?2)",
                (sid, OBSERVED),
            ).get
        return EMPTY if newest is None else newest

    def observed(self, sid: int, time: int) -> None:
        """Note that a series has a row of this time, and none later."""
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
                self._remember((tid, entity_id), known)
        return known

    def begin(self, undo: Undo) -> None:
        """Begin a piece of work: what it adds is forgotten where `undo` is called."""
        for cache in (self._heads, self._series, self._newest):
            if len(cache) >= MOST:
                cache.clear()
        added: list[Key] = []
        changed: list[tuple[int, str]] = []
        self._added, self._changed = added, changed

        def forget() -> None:
            for series in added:
                self._series.pop(series, None)
            for head in changed:
                self._heads.pop(head, None)

        undo.append(forget)

    def _remember(self, key: tuple[int, str], known: Known) -> None:
        self._heads[key] = known
        self._changed.append(key)

    def _retype(self, pid: int, entity_id: str, had: Iterable[int], types: Iterable[int]) -> None:
        for nid in set(had).difference(types):
            self._run("DELETE FROM ptype WHERE type = ? AND id = ?", (nid, entity_id))
        for nid in set(types).difference(had):
            self._run("INSERT INTO ptype VALUES (?, ?, ?)", (nid, entity_id, pid))
        listed = orjson.dumps(list(types)).decode()
        self._run("UPDATE past SET types = ? WHERE pid = ?", (listed, pid))
