"""The change feed in SQL: reading it, and forgetting its oldest rows slice by slice."""

from __future__ import annotations

from typing import Any, Final

import apsw

from broker.store.contract import Change, Kind
from broker.store.sqlite.documents import parse
from broker.store.sqlite.names import Names

SLICE: Final = 500
VACUUM_PAGES: Final = 200

Row = tuple[Any, ...]


def select_changes(
    connection: apsw.Connection,
    after: int,
    until: int | None,
    tid: int | None,
    entity_id: str | None,
    limit: int,
) -> list[Row]:
    """Return rows (seq, tenant, entity, version, kind, at, delta, prior), oldest first.

    Rows of dropped tenants are left out.
    """
    where = ["seq > ?"]
    values: list[int | str] = [after]
    if until is not None:
        where.append("seq <= ?")
        values.append(until)
    if tid is not None:
        where.append("c.tid = ?" if entity_id is not None else "+c.tid = ?")
        values.append(tid)
    if entity_id is not None:
        where.append("entity = ?" if tid is not None else "+entity = ?")
        values.append(entity_id)
    return connection.execute(
        "SELECT seq, t.name, entity, version, kind, at, delta, prior "
        "FROM change c CROSS JOIN tenant t ON t.tid = c.tid "
        f"WHERE t.name IS NOT NULL AND {' AND '.join(where)} ORDER BY seq LIMIT ?",
        (*values, limit),
    ).fetchall()


def to_change(row: Row, names: Names) -> Change:
    """Return the change of a row of a tenant with these names."""
    seq, tenant, entity_id, version, kind, at, delta, prior = row
    return Change(
        seq,
        tenant,
        entity_id,
        version,
        Kind(kind),
        at,
        None if delta is None else parse(delta, names),
        None if prior is None else parse(prior, names),
    )


def bounds(connection: apsw.Connection) -> tuple[int, int]:
    """Return (newest seq that was pruned, newest seq ever given)."""
    pruned: int = connection.execute("SELECT value FROM meta WHERE key = 'pruned'").get
    newest: int | None = connection.execute("SELECT max(seq) FROM change").get
    return pruned, newest or pruned


def prune_changes(connection: apsw.Connection, before: str) -> tuple[int, int, bool]:
    """Forget a slice of the oldest changes: (changes forgotten, newest pruned, more to do).

    Stops at the first change that is not older than `before`, so that what is kept is gapless.
    """
    rows: list[Row] = connection.execute(
        "SELECT seq, tid, at FROM change ORDER BY seq LIMIT ?", (SLICE,)
    ).fetchall()
    forgotten = newest = 0
    for seq, tid, at in rows:
        if at >= before:
            break
        newest = seq
        forgotten += tid != 0
    if newest:
        connection.execute("DELETE FROM change WHERE seq <= ?", (newest,))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'pruned'", (newest,))
        vacuum(connection)
    return forgotten, newest, bool(newest) and newest == rows[-1][0]


def prune_answers(connection: apsw.Connection, before: str) -> int:
    """Forget a slice of the remembered answers older than `before`; return how many."""
    connection.execute(
        "DELETE FROM answer WHERE rowid IN (SELECT rowid FROM answer WHERE at < ? LIMIT ?)",
        (before, SLICE),
    )
    return connection.changes()


def vacuum(connection: apsw.Connection) -> None:
    """Give a slice of the free pages back to the file system."""
    connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
