"""Deleting a tenant whole, slice by slice, after it became unreachable at once."""

from __future__ import annotations

from typing import Any, Final

import apsw

from broker.store.sqlite.documents import parse
from broker.store.sqlite.feed import vacuum
from broker.store.sqlite.session import Session
from broker.store.sqlite.town import Town

ENTITIES: Final = 100
CHANGES: Final = 1000


def drop_slice(connection: apsw.Connection, session: Session, town: Town) -> bool:
    """Delete a slice of a detached tenant; return whether there is more.

    Its changes stay as empty rows until they are pruned, so that the feed has no gap.
    """
    tid = (town.tid,)
    rows: list[tuple[Any, ...]] = connection.execute(
        f"SELECT eid, doc FROM entity WHERE tid = ? LIMIT {ENTITIES}", tid
    ).fetchall()
    for eid, document in rows:
        session.forget(eid, parse(document, town.names))
    if rows:
        vacuum(connection)
        return True
    if _blank_changes(connection, town.tid):
        return True
    session.forget_pairs()
    for table in ("answer", "resource", "rule", "counter", "grave", "name", "tenant"):
        connection.execute(f"DELETE FROM {table} WHERE tid = ?", tid)
    vacuum(connection)
    return False


def _blank_changes(connection: apsw.Connection, tid: int) -> bool:
    """Empty a slice of a tenant's changes; return whether the feed has more to look at."""
    done = f"blanked {tid}"
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (done,)).get
    start: int = 0 if row is None else row
    end: int | None = connection.execute(
        "SELECT max(seq) FROM (SELECT seq FROM change WHERE seq > ? ORDER BY seq LIMIT ?)",
        (start, CHANGES),
    ).get
    if end is None:
        connection.execute("DELETE FROM meta WHERE key = ?", (done,))
        return False
    connection.execute(
        "UPDATE change SET tid = 0, entity = '', last = 0, delta = NULL, prior = NULL "
        "WHERE seq > ? AND seq <= ? AND tid = ?",
        (start, end, tid),
    )
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (done, end))
    vacuum(connection)
    return True
