"""Integrity of a data file, beyond what SQLite checks: every part agrees with every other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import apsw

from broker.model.entity import Entity
from broker.model.expiry import first_expiry
from broker.query.plan import Exact
from broker.store.sqlite.boxes import ENTITY, REACHING
from broker.store.sqlite.check_history import history_problems
from broker.store.sqlite.check_outbox import outbox_problems
from broker.store.sqlite.connection import Run, connect, runner
from broker.store.sqlite.documents import parse
from broker.store.sqlite.entering import ALL_TYPES
from broker.store.sqlite.index import Terms, terms
from broker.store.sqlite.names import Names
from broker.store.sqlite.schema import MIGRATIONS, migrate

MOST: Final = 100
"""Problems that are reported before the check gives up on the rest."""

INDEXES: Final = ("etype", "anum", "atxt", "boxkey", "box")


def check_file(path: Path) -> list[str]:
    """Return what is wrong with a data file, in words; empty where it is sound.

    Reads one state of the file in one read transaction, beside a running broker if need be. Of a
    file of an older format a copy is brought up to the newest, in SQLite's temporary space, and
    compared. Raises NotADataFile and NewerDataFile.
    """
    connection = connect(path)
    try:
        connection.pragma("query_only", 0)
        connection.execute("BEGIN")
        problems: list[str] = []
        try:
            for problem in _problems(connection):
                problems.append(problem)
                if len(problems) == MOST:
                    problems.append("There may be more problems: the check stopped here.")
                    break
        except apsw.Error as error:
            problems.append(f"SQLite cannot read the file: {error}.")
        return problems
    finally:
        connection.close(force=True)


def _problems(connection: apsw.Connection) -> Iterator[str]:
    lines = [text for (text,) in connection.execute(f"PRAGMA integrity_check({MOST})")]
    if lines != ["ok"]:
        yield from (f"SQLite: {line}" for line in lines)
        return
    if connection.pragma("user_version") == len(MIGRATIONS):
        yield from _disagreements(connection)
        return
    # Without a name it is a file that SQLite removes with the connection.
    with closing(apsw.Connection("")) as copy:
        with copy.backup("main", connection, "main") as copying:
            copying.step()
        migrate(copy)
        yield from _disagreements(copy)


def _disagreements(connection: apsw.Connection) -> Iterator[str]:
    yield from _feed(connection)
    yield from _Documents(connection).problems()
    yield from outbox_problems(runner(connection))
    yield from history_problems(runner(connection))


def _feed(connection: apsw.Connection) -> Iterator[str]:
    run = runner(connection)
    pruned = run("SELECT value FROM meta WHERE key = 'pruned'").get
    count, oldest, newest = run("SELECT count(*), min(seq), max(seq) FROM change").get
    if count and (oldest != pruned + 1 or newest != pruned + count):
        yield (
            f"The feed has a gap: {count} changes from {oldest} to {newest}, after {pruned} "
            "were pruned."
        )
    for seq, tid in run(
        "SELECT seq, tid FROM change WHERE tid <> 0 AND tid NOT IN (SELECT tid FROM tenant)"
    ).fetchall():
        yield f"Change {seq} belongs to tenant number {tid}, which does not exist."
    indexed = run("SELECT value FROM meta WHERE key = 'indexed'").get
    if indexed is None:
        yield "The file does not say which change its index has followed."
    elif indexed > pruned + count:
        yield f"The index has followed change {indexed}, which the feed never had."
    for seq, kind in run(
        "SELECT seq, kind FROM change WHERE tid <> 0 AND "
        "((delta IS NULL) <> (kind = 'delete') OR (prior IS NULL) <> (kind = 'create'))"
    ).fetchall():
        yield f"Change {seq} does not tell what the {kind} was."
    yield from _chains(run)


def _chains(run: Run) -> Iterator[str]:
    """Compare entities and graves with the newest change the feed has of them."""
    run("CREATE TEMP TABLE newest (tid, id, seq, kind, version, PRIMARY KEY (tid, id))")
    run(
        "INSERT INTO newest SELECT c.tid, c.entity, max(c.seq), c.kind, c.version FROM change c "
        "JOIN tenant t ON t.tid = c.tid AND t.name IS NOT NULL GROUP BY c.tid, c.entity"
    )
    # An entity whose newest change was pruned has none to be compared with.
    for entity_id, version, seq, kind, latest, newest in run(
        "SELECT n.id, e.version, coalesce(e.seq, g.seq), n.kind, n.version, n.seq FROM newest n "
        "LEFT JOIN entity e ON e.tid = n.tid AND e.id = n.id "
        "LEFT JOIN grave g ON g.tid = n.tid AND g.id = n.id "
        "WHERE (n.kind = 'delete') <> (e.eid IS NULL) OR coalesce(e.seq, g.seq) IS NOT n.seq "
        "OR e.version <> n.version"
    ).fetchall():
        yield (
            f"Entity {entity_id} is stored with version {version} and change {seq}, and its newest "
            f"change is {newest}, the {kind} with version {latest}."
        )
    for seq, entity_id in run(
        "SELECT c.seq, c.entity FROM change c JOIN entity e ON e.tid = c.tid AND e.id = c.entity "
        "WHERE c.seq = e.seq AND c.eid <> e.eid"
    ).fetchall():
        yield f"Change {seq} is about another entity than {entity_id}, whose newest it is."
    for seq, last in run(
        "SELECT c.seq, c.last FROM change c JOIN meta m ON m.key = 'pruned' "
        "WHERE c.last > m.value AND NOT EXISTS (SELECT 1 FROM change p "
        "WHERE p.seq = c.last AND p.tid = c.tid AND p.entity = c.entity AND p.seq < c.seq)"
    ).fetchall():
        yield f"Change {seq} follows change {last} of the same entity, which is not there."


class _Documents:
    """Compares the index tables and counters with what the documents say."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._run = runner(connection)
        self._names: dict[int, Names] = {}
        self._counts: Counter[tuple[int, int]] = Counter()
        self._rows: Counter[str] = Counter()
        self._done: int = self._run("SELECT value FROM meta WHERE key = 'indexed'").get or 0
        self._indexed: dict[tuple[int, int], int] = {
            (nid, path): exact
            for nid, path, exact in self._run("SELECT type, path, exact FROM pair WHERE indexed")
        }
        self._exact = dict.fromkeys(self._indexed, Exact.SINGLE)
        """How far the values met decide a comparison, by pair."""

    def problems(self) -> Iterator[str]:
        """Yield what does not agree."""
        entities: Any = self._connection.execute("SELECT eid, tid, id, seq, type, doc FROM entity")
        for eid, tid, entity_id, seq, only, document in entities:
            try:
                entity = parse(document, self._names_of(tid))
            except Exception as error:
                yield f"The document of {entity_id} cannot be read: {error}."
                continue
            if entity["id"] != entity_id:
                yield f"The document of {entity_id} is that of {entity['id']}."
            if only != self._only(tid, entity):
                yield f"{entity_id} is filed under type number {only}, not as its document says."
            due = self._run("SELECT at FROM due WHERE tid = ? AND id = ?", (tid, entity_id)).get
            if due != "" and due != first_expiry(entity):
                yield f"{entity_id} is due to expire at {due}, not as its document says."
            for table in self._missing(eid, tid, seq, entity):
                yield f"{entity_id} is not in the index {table} as its document says."
        yield from self._superfluous()
        yield from self._too_exact()
        yield from self._miscounted()

    def _names_of(self, tid: int) -> Names:
        if tid not in self._names:
            self._names[tid] = Names(self._connection, tid, f"number {tid}")
        return self._names[tid]

    def _only(self, tid: int, entity: Entity) -> int | None:
        types = set(entity["type"])
        return self._names_of(tid).nid(types.pop()) if len(types) == 1 else 0

    def _missing(self, eid: int, tid: int, seq: int, entity: Entity) -> Iterator[str]:
        """Yield the index tables that lack a row of the entity."""
        names = self._names_of(tid)
        self._counts[tid, ALL_TYPES] += 1
        attributes = [
            (names.nid(iri), terms(instances)) for iri, instances in entity["attrs"].items()
        ]
        for type_iri in dict.fromkeys(entity["type"]):
            nid = names.nid(type_iri)
            if nid is None:
                yield "of names"
                continue
            self._counts[tid, nid] += 1
            yield from self._row("etype", nid, "key = ? AND eid = ?", entity["id"], eid)
            for path, found in attributes:
                if path is None or (nid, path) not in self._indexed:
                    continue
                self._exact[nid, path] = min(self._exact[nid, path], found.exact)
                if seq <= self._done:
                    yield from self._box(eid, nid, path, found)
                    yield from self._values(eid, nid, path, found)

    def _values(self, eid: int, nid: int, path: int, found: Terms) -> Iterator[str]:
        value = "path = ? AND value = ? AND eid = ?"
        for number in found.numbers:
            yield from self._row("anum", nid, value, path, number, eid)
        for text in found.texts:
            yield from self._row("atxt", nid, value, path, text, eid)

    def _box(self, eid: int, nid: int, path: int, found: Terms) -> Iterator[str]:
        if found.box is None:
            return
        bid = self._run(
            "SELECT bid FROM boxkey WHERE eid = ? AND type = ? AND path = ?", (eid, nid, path)
        ).get
        self._rows["boxkey"] += 1
        if bid is None:
            yield "boxkey"
        yield from self._met(
            "box",
            f"bid = ? AND {ENTITY} = ? AND {REACHING}",
            *(bid, eid, *found.box, nid, nid, path, path),
        )

    def _row(self, table: str, nid: int, condition: str, *values: Any) -> Iterator[str]:
        yield from self._met(table, f"type = ? AND {condition}", nid, *values)

    def _met(self, table: str, condition: str, *values: Any) -> Iterator[str]:
        self._rows[table] += 1
        if not self._run(f"SELECT count(*) FROM {table} WHERE {condition}", values).get:
            yield table

    def _superfluous(self) -> Iterator[str]:
        newest = self._run("SELECT max(seq) FROM change").get or 0
        for table in INDEXES:
            waiting = ""
            if table != "etype" and newest > self._done:
                # The rows of later changes wait in the broker's memory, and come from the feed
                # if it ends before they are written.
                whose = ENTITY if table == "box" else "eid"
                waiting = f"WHERE {whose} IN (SELECT eid FROM entity WHERE seq <= {self._done})"
            rows = self._run(f"SELECT count(*) FROM {table} {waiting}").get
            if rows != self._rows[table]:
                yield f"The index {table} has {rows} rows; the documents say {self._rows[table]}."

        for (entity_id,) in self._run(
            "SELECT id FROM due d WHERE NOT EXISTS "
            "(SELECT 1 FROM entity e WHERE e.tid = d.tid AND e.id = d.id)"
        ).fetchall():
            yield f"{entity_id} is due to expire, and there is no such entity."

    def _too_exact(self) -> Iterator[str]:
        """Yield pairs whose rows are taken to decide more than those of all values would."""
        for (nid, path), met in self._exact.items():
            if self._indexed[nid, path] > met:
                iris = [
                    self._run("SELECT iri FROM name WHERE nid = ?", (n,)).get for n in (nid, path)
                ]
                yield "The index of {1} of {0} is taken to decide more than it does.".format(*iris)

    def _miscounted(self) -> Iterator[str]:
        stored = {
            (tid, nid): n
            for tid, nid, n in self._run("SELECT tid, type, n FROM counter WHERE n <> 0")
        }
        if stored != dict(self._counts):
            yield f"The counters of entities say {stored}; the documents say {dict(self._counts)}."
