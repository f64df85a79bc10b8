"""Deleting a tenant whole, slice by slice, after it became unreachable at once."""

from __future__ import annotations

from typing import Any, Final

import apsw

from broker.store.sqlite.documents import parse
from broker.store.sqlite.feed import vacuum
from broker.store.sqlite.session import Session
from broker.store.sqlite.town import Town

ENTITIES: Final = 100
CHANGES: Final = 500


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
    connection.execute(
        "UPDATE change SET tid = 0, entity = '', delta = NULL, prior = NULL WHERE seq IN "
        f"(SELECT seq FROM change WHERE tid = ? LIMIT {CHANGES})",
        tid,
    )
    if connection.changes():
        vacuum(connection)
        return True
    session.forget_pairs()
    for table in ("answer", "rule", "counter", "name", "tenant"):
        connection.execute(f"DELETE FROM {table} WHERE tid = ?", tid)
    vacuum(connection)
    return False
