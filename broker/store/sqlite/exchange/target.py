"""Filling a data file with items, each slice in one transaction with the place behind it.

The file has another name until it is finished, so that no broker opens half of a town.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from broker.model.expiry import first_expiry
from broker.store.contract import Change
from broker.store.exchange import (
    CurrentEntity,
    Ends,
    Item,
    KeptAnswer,
    QueuedRow,
    Sort,
    SourcePlace,
    Tenant,
    TenantHead,
    TenantResource,
    TypeRule,
)
from broker.store.outbox import StoredSubscription
from broker.store.refusals import encode
from broker.store.sqlite.connection import DATA_FILE, Run, connect, runner
from broker.store.sqlite.documents import dump, encode_parts
from broker.store.sqlite.entering import ALL_TYPES
from broker.store.sqlite.errors import TargetExists
from broker.store.sqlite.exchange.past import write_head, write_moments
from broker.store.sqlite.exchange.queues import write_row
from broker.store.sqlite.exchange.source import SOURCE
from broker.store.sqlite.indexer import Indexer
from broker.store.sqlite.ledger import GONE, HELD
from broker.store.sqlite.lock import FolderLock
from broker.store.sqlite.maintenance import publish
from broker.store.sqlite.pending import Pending
from broker.store.sqlite.schema import migrate
from broker.store.sqlite.session import EXPIRES
from broker.store.sqlite.town import Town, Towns, dump_rules

UNFINISHED: Final = DATA_FILE + ".unfinished"
PROGRESS: Final = "migration"
"""What the progress is called in `meta`."""

MOST_NAMES: Final = 1 << 30


def open_target(folder: Path) -> SqliteTarget:
    """Begin to fill a data folder, or go on; raises DataFolderError, TargetExists for instance."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FolderLock(folder)
    lock.acquire()
    try:
        if (folder / DATA_FILE).exists():
            raise TargetExists(f"{folder} has data already: copy into another folder.")
        return SqliteTarget(folder, lock)
    except BaseException:
        lock.release()
        raise


class SqliteTarget:
    """A `Target` in a data folder."""

    def __init__(self, folder: Path, lock: FolderLock) -> None:
        self._folder = folder
        self._lock = lock
        self._connection = connect(folder / UNFINISHED, write=True, cache_mib=64)
        migrate(self._connection)
        self._run: Run = runner(self._connection)
        self._towns = Towns(self._connection, self._connection, MOST_NAMES)
        self._indexer = Indexer(self._connection, None)

    async def progress(self) -> Mapping[str, Any]:
        """Return what was noted with the newest slice."""
        noted = self._run("SELECT value FROM meta WHERE key = ?", (PROGRESS,)).get
        return {} if noted is None else dict(orjson.loads(noted))

    async def write(self, sort: Sort, items: Sequence[Item], progress: Mapping[str, Any]) -> None:
        """Write items in one transaction with the progress."""
        with self._connection:
            if sort is Sort.MOMENTS:
                write_moments(self._run, self._town, items)
            else:
                writers: dict[Sort, Callable[[Any], None]] = {
                    Sort.TENANTS: self._tenant,
                    Sort.RULES: self._rule,
                    Sort.RESOURCES: self._resource,
                    Sort.ANSWERS: self._answer,
                    Sort.ENTITIES: self._entity,
                    Sort.CHANGES: self._change,
                    Sort.SUBSCRIPTIONS: self._subscription,
                    Sort.OUTBOX: self._row,
                    Sort.DEAD: self._row,
                    Sort.HEADS: self._head,
                    Sort.PLACES: self._place,
                }
                for item in items:
                    writers[sort](item)
            self._meta(PROGRESS, orjson.dumps(progress))

    async def finish(self, ends: Ends) -> None:
        """Make it an ordinary data file, under its own name; may be done again after a kill.

        The progress stays in it, and tells where it came from.
        """
        run, gone = self._run, ends.gone
        with self._connection:
            self._blank(ends)
            for key, value in (
                ("pruned", ends.pruned),
                ("indexed", ends.newest),
                ("followed", ends.followed),
                ("moment", ends.moment),
                ("settled", 1),
            ):
                self._meta(key, value)
            run("UPDATE ledger SET upto = ?", (ends.newest,))
            run(GONE, (*(getattr(gone, name) for name in HELD), gone.throttled))
            run("DELETE FROM sqlite_sequence WHERE name = 'subscription'")
            run("INSERT INTO sqlite_sequence VALUES ('subscription', ?)", (ends.subscription,))
        self._connection.pragma("journal_mode", "delete")
        self._connection.close()
        publish(self._folder / UNFINISHED, self._folder / DATA_FILE)

    async def close(self) -> None:
        """Let the folder go."""
        self._connection.close(force=True)
        self._lock.release()

    def _town(self, tenant: str) -> Town:
        town = self._towns.enter(tenant, True, [], [])
        town.names.undo = []
        return town

    def _meta(self, key: str, value: Any) -> None:
        self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _tenant(self, item: Tenant) -> None:
        self._town(item.tenant)

    def _rule(self, item: TypeRule) -> None:
        told = (self._town(item.tenant).tid, item.type_iri, dump_rules(item.rules))
        self._run("INSERT INTO rule VALUES (?, ?, ?)", told)

    def _resource(self, item: TenantResource) -> None:
        one = item.resource
        values = (self._town(item.tenant).tid, one.kind, one.id, one.at, one.body)
        self._run("INSERT INTO resource VALUES (?, ?, ?, ?, ?)", values)

    def _answer(self, item: KeptAnswer) -> None:
        one = item.answer
        self._run(
            "INSERT INTO answer (tid, key, at, digest, status, body) VALUES (?, ?, ?, ?, ?, ?)",
            (self._town(item.tenant).tid, item.key, item.at, one.digest, one.status, one.body),
        )

    def _entity(self, item: CurrentEntity) -> None:
        town, entity = self._town(item.tenant), item.entity
        document = dump(entity, town.names.keys)
        types = [town.names.intern(iri) for iri in dict.fromkeys(entity["type"])]
        self._run(
            "INSERT INTO entity (tid, id, version, seq, type, doc) VALUES (?, ?, ?, 0, ?, ?)",
            (town.tid, entity["id"], item.version, types[0] if len(types) == 1 else 0, document),
        )
        eid = self._connection.last_insert_rowid()
        self._indexer.add_types(eid, entity["id"], types)
        rows = Pending(0)
        self._indexer.follow(eid, None, entity, (), town.names, 0, rows)
        self._indexer.write(rows)
        for nid in (ALL_TYPES, *types):
            self._run(
                "INSERT INTO counter VALUES (?, ?, 1) "
                "ON CONFLICT (tid, type) DO UPDATE SET n = n + 1",
                (town.tid, nid),
            )
        due = first_expiry(entity) if EXPIRES in document else None
        if due is not None:
            self._run("INSERT INTO due VALUES (?, ?, ?)", (town.tid, entity["id"], due))

    def _change(self, item: Change) -> None:
        """Write a change, which becomes the newest of its entity, or of its grave."""
        town, key = self._town(item.tenant), item.entity_id
        living = self._run(
            "SELECT eid, seq FROM entity WHERE tid = ? AND id = ?", (town.tid, key)
        ).get
        if living is None:
            last = self._run("SELECT seq FROM grave WHERE tid = ? AND id = ?", (town.tid, key)).get
            self._run("INSERT OR REPLACE INTO grave VALUES (?, ?, ?)", (town.tid, key, item.seq))
        else:
            last = living[1]
            self._run("UPDATE entity SET seq = ? WHERE eid = ?", (item.seq, living[0]))
        keys = town.names.keys
        self._run(
            "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(item.seq, town.tid, key, item.version, item.kind, item.at, last or 0),
                0 if living is None else living[0],
                None if item.delta is None else encode_parts(item.delta, keys),
                None if item.before is None else encode_parts(item.before, keys),
            ),
        )

    def _subscription(self, item: StoredSubscription) -> None:
        books, past = item.books, item.history
        self._run(
            "INSERT INTO subscription (sid, tid, id, epoch, since, created, modified, doc, kind) "
            "VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?)",
            (
                *(item.sid, self._town(item.tenant).tid, item.id, item.since, item.created_at),
                *(item.modified_at, encode(item.document), item.kind),
            ),
        )
        self._run(
            "INSERT INTO ledger (sid, last_due, throttled, sent, failed, last_notification, "
            f"last_success, last_failure, last_error, {', '.join(HELD)}) "
            f"VALUES ({', '.join('?' * (9 + len(HELD)))})",
            (
                *(item.sid, item.last_due, books.throttled, past.times_sent, past.times_failed),
                *(past.last_notification, past.last_success, past.last_failure, past.last_error),
                *(getattr(books, name) for name in HELD),
            ),
        )

    def _row(self, item: QueuedRow) -> None:
        write_row(self._run, item, self._town(item.tenant).names)

    def _head(self, item: TenantHead) -> None:
        write_head(self._run, self._connection, self._town(item.tenant), item.head)

    def _place(self, item: SourcePlace) -> None:
        self._meta(SOURCE + item.source, item.place)

    def _blank(self, ends: Ends) -> None:
        """Put empty rows for the changes of tenants that are gone, so that the feed has no gap."""
        self._run(
            "INSERT INTO change WITH RECURSIVE numbers(seq) AS (SELECT ?1 + 1 UNION ALL "
            "SELECT seq + 1 FROM numbers WHERE seq < ?2) "
            "SELECT seq, 0, '', 0, 'update', (SELECT coalesce(max(at), '') FROM change), 0, 0, "
            "NULL, NULL FROM numbers WHERE seq <= ?2 AND seq NOT IN (SELECT seq FROM change)",
            (ends.pruned, ends.newest),
        )
