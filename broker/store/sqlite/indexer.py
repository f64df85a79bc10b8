"""Keeps the index tables in step with the documents, inside the writing transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import apsw

from broker.model.entity import Attributes, Instance
from broker.store.sqlite.connection import runner
from broker.store.sqlite.documents import parse
from broker.store.sqlite.index import NOTHING, Box, Terms, terms
from broker.store.sqlite.names import Names, Undo
from broker.store.sqlite.pairs import Indexed, Pairs, differing

Intern = Callable[[str], int]

INSERT_NUMBER = "INSERT OR IGNORE INTO anum VALUES (?, ?, ?, ?)"
INSERT_TEXT = "INSERT OR IGNORE INTO atxt VALUES (?, ?, ?, ?)"
DELETE_NUMBER = "DELETE FROM anum WHERE type = ? AND path = ? AND value = ? AND eid = ?"
DELETE_TEXT = "DELETE FROM atxt WHERE type = ? AND path = ? AND value = ? AND eid = ?"
INSERT_TYPE = "INSERT INTO etype VALUES (?, ?, ?)"
DELETE_TYPE = "DELETE FROM etype WHERE type = ? AND key = ?"

Rows = list[tuple[int, int, object, int]]


class Indexer:
    """Writes index rows for changed attributes only."""

    def __init__(self, connection: apsw.Connection, indexed: Indexed | None) -> None:
        self._connection = connection
        self._many = connection.cursor().executemany
        self._run = runner(connection)
        self.pairs = Pairs(connection, indexed)

    def change(
        self,
        eid: int,
        types: Iterable[str],
        before: Attributes,
        after: Attributes,
        attributes: Iterable[str],
        intern: Intern,
        undo: Undo,
    ) -> None:
        """Replace the rows of `attributes` of an entity, for each of its types."""
        added: tuple[Rows, Rows] = ([], [])
        removed: tuple[Rows, Rows] = ([], [])
        type_ids = [(type_iri, intern(type_iri)) for type_iri in types]
        for iri in attributes:
            path = intern(iri)
            was = _terms(before.get(iri))
            now = _terms(after.get(iri))
            for type_iri, nid in type_ids:
                if self.pairs.indexed(nid, type_iri, path, iri, undo):
                    _compare(was, now, nid, path, eid, added, removed)
                    if was.box != now.box:
                        self._move(eid, nid, path, was.box, now.box)
        self._write(added, removed)

    def add_types(self, eid: int, entity_id: str, type_ids: Iterable[int]) -> None:
        """Enter an entity under types it got."""
        for nid in type_ids:
            self._run(INSERT_TYPE, (nid, entity_id, eid))

    def remove_types(self, entity_id: str, type_ids: Iterable[int]) -> None:
        """Take an entity away from types it lost."""
        for nid in type_ids:
            self._run(DELETE_TYPE, (nid, entity_id))

    def _write(self, added: tuple[Rows, Rows], removed: tuple[Rows, Rows]) -> None:
        if removed[0]:
            self._many(DELETE_NUMBER, removed[0])
        if removed[1]:
            self._many(DELETE_TEXT, removed[1])
        if added[0]:
            self._many(INSERT_NUMBER, added[0])
        if added[1]:
            self._many(INSERT_TEXT, added[1])

    def _move(self, eid: int, nid: int, path: int, was: Box | None, now: Box | None) -> None:
        key = (eid, nid, path)
        if was is None and now is not None:
            self._run(
                "INSERT INTO box (west, east, south, north, type, path, eid) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*now, nid, path, eid),
            )
            bid = self._connection.last_insert_rowid()
            self._run("INSERT INTO boxkey VALUES (?, ?, ?, ?)", (*key, bid))
            return
        bid = self._run("SELECT bid FROM boxkey WHERE eid = ? AND type = ? AND path = ?", key).get
        if now is not None:
            self._run(
                "UPDATE box SET west = ?, east = ?, south = ?, north = ? WHERE bid = ?",
                (*now, bid),
            )
        else:
            self._run("DELETE FROM box WHERE bid = ?", (bid,))
            self._run("DELETE FROM boxkey WHERE eid = ? AND type = ? AND path = ?", key)


def reindex(connection: apsw.Connection, indexed: Indexed | None) -> int:
    """Bring the index in line with what the operator wants; return how many pairs changed."""
    pairs = differing(connection, indexed)
    if not pairs:
        return 0
    with connection:
        connection.executemany("UPDATE pair SET indexed = ?3 WHERE type = ?1 AND path = ?2", pairs)
        indexer = Indexer(connection, indexed)
        for nid, path, wanted in pairs:
            (_add if wanted else _remove)(connection, indexer, nid, path)
    return len(pairs)


def _add(connection: apsw.Connection, indexer: Indexer, nid: int, path: int) -> None:
    run = runner(connection)
    tid, type_iri = run("SELECT tid, iri FROM name WHERE nid = ?", (nid,)).get
    names = Names(connection, tid, "")
    iri = names.iri(str(path))
    numbers = {type_iri: nid, iri: path}
    for (eid,) in run("SELECT eid FROM etype WHERE type = ?", (nid,)).fetchall():
        document = connection.execute("SELECT doc FROM entity WHERE eid = ?", (eid,)).get
        attributes = parse(document, names)["attrs"]
        if iri in attributes:
            indexer.change(eid, [type_iri], {}, attributes, [iri], numbers.__getitem__, [])


def _remove(connection: apsw.Connection, indexer: Indexer, nid: int, path: int) -> None:
    for table in ("anum", "atxt", "box", "boxkey"):
        connection.execute(f"DELETE FROM {table} WHERE type = ? AND path = ?", (nid, path))


def _terms(instances: dict[str, Instance] | None) -> Terms:
    return NOTHING if instances is None else terms(instances)


def _compare(
    was: Terms,
    now: Terms,
    nid: int,
    path: int,
    eid: int,
    added: tuple[Rows, Rows],
    removed: tuple[Rows, Rows],
) -> None:
    for number in was.numbers - now.numbers:
        removed[0].append((nid, path, number, eid))
    for text in was.texts - now.texts:
        removed[1].append((nid, path, text, eid))
    for number in now.numbers - was.numbers:
        added[0].append((nid, path, number, eid))
    for text in now.texts - was.texts:
        added[1].append((nid, path, text, eid))
