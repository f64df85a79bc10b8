"""The change feed in SQL: reading it, and forgetting its oldest rows slice by slice."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import apsw

from broker.store.contract import Change, Kind
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.connection import runner
from broker.store.sqlite.documents import parse
from broker.store.sqlite.names import Names
from broker.store.sqlite.reader import Reader

COLUMNS: Final = "c.seq, t.name, c.entity, c.version, c.kind, c.at, c.delta, c.prior"
WINDOW: Final = 20_000
"""Changes looked at in one read."""

SLICE: Final = 500
VACUUM_PAGES: Final = 200

Row = tuple[Any, ...]


async def read_changes(
    reader: Reader,
    after: int,
    end: int,
    oldest: int,
    tid: int | None,
    kind: Kind | None,
    limit: int,
) -> list[Row]:
    """Return rows as `select_changes` does, read window by window.

    So a tenant's changes may lie far apart. `oldest` is the oldest change that is kept.
    """
    rows: list[Row] = []
    while after < end and len(rows) < limit:
        until = min(end, max(after, oldest - 1) + WINDOW)
        read = partial(select_changes, after, until, tid, kind, limit - len(rows))
        rows += await reader.bounded(read)
        after = until
    return rows


def select_changes(
    after: int, until: int, tid: int | None, kind: Kind | None, limit: int, budget: Budget
) -> list[Row]:
    """Return rows (seq, tenant, entity, version, kind, at, delta, prior), oldest first.

    Rows of dropped tenants are left out.
    """
    given = {"t.tid = ?": tid, "c.kind = ?": kind}
    asked = {condition: value for condition, value in given.items() if value is not None}
    more = "".join(f" AND {condition}" for condition in asked)
    rows: list[Row] = budget.connection.execute(
        f"SELECT {COLUMNS} FROM change c CROSS JOIN tenant t ON t.tid = c.tid "
        f"WHERE seq > ? AND seq <= ? AND t.name IS NOT NULL{more} ORDER BY seq LIMIT ?",
        (after, until, *asked.values(), limit),
    ).fetchall()
    return rows


def select_entity(
    budget: Budget,
    after: int,
    until: int,
    tids: list[int],
    entity_id: str,
    kind: Kind | None,
    limit: int,
) -> list[Row]:
    """Return rows like `select_changes`, of one entity, following its chain back from its end."""
    run = runner(budget.connection)
    rows: list[Row] = []
    for tid in tids:
        seq = run(
            "SELECT seq FROM entity WHERE tid = ?1 AND id = ?2 "
            "UNION ALL SELECT seq FROM grave WHERE tid = ?1 AND id = ?2",
            (tid, entity_id),
        ).get
        while seq is not None and seq > after:
            budget.check()
            row = run(
                f"SELECT {COLUMNS}, c.last FROM change c CROSS JOIN tenant t ON t.tid = c.tid "
                "WHERE seq = ?",
                (seq,),
            ).get
            if row is None:
                break
            if seq <= until and kind in (None, row[4]):
                rows.append(row[:-1])
            seq = row[-1]
    rows.sort()
    return rows[:limit]


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


def has_graves(connection: apsw.Connection) -> bool:
    """Return whether the feed still knows of deleted entities."""
    return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM grave)").get)


def has_due(connection: apsw.Connection) -> bool:
    """Return whether entities are due to expire."""
    return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM due)").get)


def prune_changes(connection: apsw.Connection, before: str, most: int) -> tuple[int, int, bool]:
    """Forget a slice of the oldest changes: (changes forgotten, newest pruned, more to do).

    Stops at the first change that is not older than `before`, so that what is kept is gapless,
    and after the change `most`.
    """
    rows: list[Row] = connection.execute(
        "SELECT seq, tid, at FROM change WHERE seq <= ? ORDER BY seq LIMIT ?", (most, SLICE)
    ).fetchall()
    forgotten = newest = 0
    for seq, tid, at in rows:
        if at >= before:
            break
        newest = seq
        forgotten += tid != 0
    if newest:
        connection.execute("DELETE FROM change WHERE seq <= ?", (newest,))
        connection.execute("DELETE FROM grave WHERE seq <= ?", (newest,))
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
