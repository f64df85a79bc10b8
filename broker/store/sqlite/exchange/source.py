"""Reading a data file whole, slice by slice, while nobody has it open.

The store is opened as a broker would, which brings the file to the newest format and ends what a
crash interrupted, and closed again; nothing else is written.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from broker.store.contract import Answer, Resource
from broker.store.exchange import (
    CurrentEntity,
    Ends,
    Item,
    KeptAnswer,
    Place,
    Slice,
    Sort,
    SourcePlace,
    Tenant,
    TenantHead,
    TenantResource,
    TypeRule,
)
from broker.store.sqlite.connection import DATA_FILE, Run, connect, runner
from broker.store.sqlite.documents import parse
from broker.store.sqlite.errors import NotADataFile
from broker.store.sqlite.exchange.moments import Moments
from broker.store.sqlite.exchange.queues import dead_rows, waiting_rows
from broker.store.sqlite.feed import COLUMNS, to_change
from broker.store.sqlite.history.searching import HEAD, to_head
from broker.store.sqlite.names import Names
from broker.store.sqlite.store import SqliteStore
from broker.store.sqlite.town import load_rules

SOURCE: Final = "source "
"""What the names of places begin with in `meta`."""

COUNTS: Final = {
    Sort.TENANTS: "SELECT count(*) FROM tenant WHERE name IS NOT NULL",
    Sort.RULES: "SELECT count(*) FROM rule",
    Sort.RESOURCES: "SELECT count(*) FROM resource",
    Sort.ANSWERS: "SELECT count(*) FROM answer",
    Sort.ENTITIES: "SELECT count(*) FROM entity",
    Sort.CHANGES: "SELECT count(*) FROM change WHERE tid <> 0",
    Sort.SUBSCRIPTIONS: "SELECT count(*) FROM subscription",
    Sort.OUTBOX: "SELECT (SELECT coalesce(sum(length(due)), 0) / 16 FROM outbox) "
    "+ (SELECT count(*) FROM period WHERE epoch >= 0)",
    Sort.DEAD: "SELECT count(*) FROM dead",
    Sort.HEADS: "SELECT count(*) FROM past",
    Sort.MOMENTS: "SELECT (SELECT count(*) FROM moment) + (SELECT coalesce(sum(n), 0) FROM chunk) "
    "+ (SELECT count(*) FROM birth, json_each(CAST(birth.body AS TEXT)) AS told "
    "WHERE told.type <> 'null')",
    Sort.PLACES: "SELECT count(*) FROM meta WHERE key >= 'source ' AND key < 'source!'",
}


async def open_source(folder: Path) -> SqliteSource:
    """Open a data folder to be read whole; raises DataFolderError, DataFolderInUse for instance."""
    if not (folder / DATA_FILE).is_file():
        raise NotADataFile(f"{folder} has no data of Machi ({DATA_FILE}).")
    store = SqliteStore(folder)
    await store.open()
    await store.settle_down()
    return SqliteSource(store, folder)


class SqliteSource:
    """A `Source` in a data folder."""

    def __init__(self, store: SqliteStore, folder: Path) -> None:
        self._store = store
        self._connection = connect(folder / DATA_FILE)
        self._run: Run = runner(self._connection)
        self._tenants: dict[int, str] = dict(
            self._run("SELECT tid, name FROM tenant WHERE name IS NOT NULL").fetchall()
        )
        self._names = {
            tid: Names(self._connection, tid, name) for tid, name in self._tenants.items()
        }
        self._moments = Moments(self._connection, self._tenants, self._names)

    async def ends(self) -> Ends:
        """Return how far the store is."""
        meta = dict(self._run("SELECT key, value FROM meta").fetchall())
        last = self._run("SELECT seq FROM sqlite_sequence WHERE name = 'subscription'").get
        return Ends(
            newest=self._store.span()[1],
            pruned=meta["pruned"],
            followed=meta["followed"],
            moment=meta["moment"],
            subscription=last or 0,
            gone=self._store.outbox.gone,
        )

    async def count(self, sort: Sort) -> int:
        """Return how many items of a sort there are."""
        return int(self._run(COUNTS[sort]).get)

    async def slice(self, sort: Sort, place: Place, size: int) -> Slice:
        """Return the items of a sort behind a place."""
        match sort:
            case Sort.OUTBOX:
                return waiting_rows(self._run, self._store.outbox.find, self._names, place, size)
            case Sort.DEAD:
                return dead_rows(self._run, self._store.outbox.find, self._names, place, size)
            case Sort.MOMENTS:
                return self._moments.slice(place, size)
            case Sort.SUBSCRIPTIONS:
                every = await self._store.outbox.all()
                some = [each for each in every if each.sid > (place or 0)][:size]
                return Slice(some, some[-1].sid if some else place)
            case _:
                return self._rows(sort, place, size)

    async def close(self) -> None:
        """Let the store go."""
        self._connection.close(force=True)
        await self._store.close()

    def _rows(self, sort: Sort, place: Place, size: int) -> Slice:
        readers: dict[Sort, tuple[str, Callable[..., Item]]] = {
            Sort.TENANTS: (_TENANTS, self._tenant),
            Sort.RULES: (_RULES, self._rule),
            Sort.RESOURCES: (_RESOURCES, self._resource),
            Sort.ANSWERS: (_ANSWERS, self._answer),
            Sort.ENTITIES: (_ENTITIES, self._entity),
            Sort.CHANGES: (_CHANGES, self._change),
            Sort.HEADS: (_HEADS, self._head),
            Sort.PLACES: (_PLACES, self._place),
        }
        statement, make = readers[sort]
        rows = self._run(statement, (_START[sort] if place is None else place, size)).fetchall()
        return Slice([make(*row[1:]) for row in rows], rows[-1][0] if rows else place)

    def _tenant(self, name: str) -> Tenant:
        return Tenant(name)

    def _rule(self, tid: int, type_iri: str, rules: bytes) -> TypeRule:
        return TypeRule(self._tenants[tid], type_iri, load_rules(rules))

    def _resource(self, tid: int, kind: str, id: str, at: str, body: bytes) -> TenantResource:
        return TenantResource(self._tenants[tid], Resource(kind, id, at, body))

    def _answer(
        self, tid: int, key: str, at: str, digest: bytes, status: int, body: bytes
    ) -> KeptAnswer:
        return KeptAnswer(self._tenants[tid], key, at, Answer(digest, status, body))

    def _entity(self, tid: int, version: int, document: bytes) -> CurrentEntity:
        return CurrentEntity(self._tenants[tid], parse(document, self._names[tid]), version)

    def _change(self, tid: int, *row: Any) -> Item:
        return to_change(row, self._names[tid])

    def _head(self, tid: int, *row: Any) -> TenantHead:
        return TenantHead(self._tenants[tid], to_head(row, self._names[tid]))

    def _place(self, key: str, value: int) -> SourcePlace:
        return SourcePlace(key.removeprefix(SOURCE), value)


_TENANTS: Final = (
    "SELECT tid, name FROM tenant WHERE tid > ? AND name IS NOT NULL ORDER BY tid LIMIT ?"
)
_RULES: Final = (
    "SELECT rowid, tid, type, rules FROM (SELECT row_number() OVER (ORDER BY tid, type) AS rowid, "
    "tid, type, rules FROM rule) WHERE rowid > ? ORDER BY rowid LIMIT ?"
)
_RESOURCES: Final = (
    "SELECT rowid, tid, kind, id, at, body FROM resource WHERE rowid > ? ORDER BY rowid LIMIT ?"
)
_ANSWERS: Final = (
    "SELECT rowid, tid, key, at, digest, status, body FROM answer WHERE rowid > ? "
    "ORDER BY rowid LIMIT ?"
)
_ENTITIES: Final = "SELECT eid, tid, version, doc FROM entity WHERE eid > ? ORDER BY eid LIMIT ?"
_CHANGES: Final = (
    f"SELECT c.seq, c.tid, {COLUMNS} FROM change c JOIN tenant t ON t.tid = c.tid "
    "WHERE c.seq > ? ORDER BY c.seq LIMIT ?"
)
_HEADS: Final = f"SELECT p.pid, p.tid, {HEAD} FROM past p WHERE p.pid > ? ORDER BY p.pid LIMIT ?"
_PLACES: Final = (
    "SELECT key, key, value FROM meta WHERE key > ? AND key >= 'source ' AND key < 'source!' "
    "ORDER BY key LIMIT ?"
)
_START: Final = {sort: "" if sort is Sort.PLACES else 0 for sort in Sort}
