"""Index rows that waited in memory when the process ended, made again from the feed."""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from broker.model.change import changed_attributes, reconstruct
from broker.store.contract import Change
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.documents import parse
from broker.store.sqlite.feed import COLUMNS, to_change
from broker.store.sqlite.indexer import Indexer, Known
from broker.store.sqlite.names import Names
from broker.store.sqlite.pairs import Indexed
from broker.store.sqlite.pending import Pending


def recover(connection: apsw.Connection, indexed: Indexed | None) -> int:
    """Bring numbers, texts and boxes up to the newest change; return how many changes that took.

    Changes that are in the index already may be gone through again: the last word counts.
    """
    run = runner(connection)
    done: int = run("SELECT value FROM meta WHERE key = 'indexed'").get
    newest: int | None = run("SELECT max(seq) FROM change").get
    if newest is None or newest <= done:
        return 0
    with connection:
        indexer = Indexer(connection, indexed)
        pending = Pending(done)
        _follow(connection, indexer, done, pending)
        pending.sort()
        while pending.rows:
            _, forget = pending.move(indexer.bring, newest)
            forget()
        run("UPDATE meta SET value = ? WHERE key = 'indexed'", (newest,))
    return newest - done


def _follow(connection: apsw.Connection, indexer: Indexer, done: int, pending: Pending) -> None:
    """Add the rows of all changes after `done`, entity by entity."""
    run = runner(connection)
    names: dict[int, Names] = {}
    for tid, entity_id in run(
        "SELECT DISTINCT tid, entity FROM change WHERE seq > ? AND tid <> 0", (done,)
    ).fetchall():
        known = names.setdefault(tid, Names(connection, tid, f"number {tid}"))
        row = run("SELECT seq, doc FROM entity WHERE tid = ? AND id = ?", (tid, entity_id)).get
        current = None if row is None else parse(row[1], known)
        interning = Known(known.nid)
        chain = list(_chain(run, tid, entity_id, done, known))
        eids = {change.seq: eid for change, eid in chain}
        for change, before, after in reconstruct(current, (change for change, _ in chain)):
            changed = changed_attributes(change)
            eid = eids[change.seq]
            indexer.follow(eid, before, after, changed, interning, change.seq, pending)


def _chain(
    run: Run, tid: int, entity_id: str, done: int, names: Names
) -> Iterator[tuple[Change, int]]:
    """Yield the changes of an entity after `done`, newest first, each with its number then."""
    seq: int = (
        run(
            "SELECT seq FROM entity WHERE tid = ?1 AND id = ?2 "
            "UNION ALL SELECT seq FROM grave WHERE tid = ?1 AND id = ?2",
            (tid, entity_id),
        ).get
        or 0
    )
    while seq > done:
        *row, seq, eid = run(
            f"SELECT {COLUMNS}, c.last, c.eid FROM change c JOIN tenant t ON t.tid = c.tid "
            "WHERE seq = ?",
            (seq,),
        ).get
        yield to_change(tuple(row), names), eid
