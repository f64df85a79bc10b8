"""Removing moments, series and heads inside the writing transaction."""

from __future__ import annotations

from collections.abc import Iterable

from broker.store.sqlite.connection import Run
from broker.store.sqlite.history.chunks import HEADER, header, pack, unpack
from broker.store.sqlite.history.rows import NAME, Row

OF_SERIES = ("moment", "chunk", "instance", "series")
HEADS = 20


def remove_row(run: Run, sid: int, row: Row) -> None:
    """Remove a row of a series, wherever it is."""
    remove_rows(run, sid, [row])


def remove_rows(run: Run, sid: int, rows: Iterable[Row]) -> None:
    """Remove rows of a series: from among the hot ones, or else out of their chunks."""
    left = {}
    for row in rows:
        forget_names(run, sid, [row])
        gone = "DELETE FROM moment WHERE sid = ? AND time = ? AND iid = ? RETURNING 1"
        if run(gone, (sid, *row.key)).get is None:
            left[row.iid] = row
    if not left:
        return
    times = [row.time for row in left.values()]
    for cid, blob in run(
        "SELECT cid, body FROM chunk WHERE sid = ? AND first <= ? AND last >= ?",
        (sid, max(times), min(times)),
    ).fetchall():
        held = unpack(blob)
        kept = [row for row in held if row.iid not in left]
        if not kept:
            run("DELETE FROM chunk WHERE cid = ?", (cid,))
        elif len(kept) < len(held):
            replace_chunk(run, cid, sid, kept)


def forget_names(run: Run, sid: int, rows: Iterable[Row]) -> None:
    """Forget the names that clients gave to rows of a series, which are removed or lose them."""
    for row in rows:
        if NAME in row.instance:
            run(
                "DELETE FROM instance WHERE sid = ? AND name = ? AND iid = ?",
                (sid, row.instance[NAME], row.iid),
            )


def replace_chunk(run: Run, cid: int | None, sid: int, rows: list[Row]) -> None:
    """Write a chunk of a series: a new one, or in the place of one."""
    one = header(0, rows)
    run(
        f"INSERT OR REPLACE INTO chunk ({HEADER}, sid, body) VALUES ({', '.join('?' * 18)})",
        (
            *(cid, one.first, one.last, one.low_iid, one.high_iid, one.oldest, one.newest, one.n),
            *(
                one.flags,
                one.period,
                one.live,
                one.numbers,
                one.minimum,
                one.maximum,
                one.total,
                one.squares,
            ),
            *(sid, pack(rows)),
        ),
    )


def remove_series(run: Run, sid: int) -> bool:
    """Remove a series; tell whether it had any moment."""
    had: int = run(
        "SELECT EXISTS (SELECT 1 FROM moment WHERE sid = ?1) "
        "OR EXISTS (SELECT 1 FROM chunk WHERE sid = ?1)",
        (sid,),
    ).get
    for table in OF_SERIES:
        run(f"DELETE FROM {table} WHERE sid = ?", (sid,))
    return bool(had)


def remove_head(run: Run, pid: int) -> None:
    """Remove the whole history of an entity."""
    for (sid,) in run("SELECT sid FROM series WHERE pid = ?", (pid,)).fetchall():
        remove_series(run, sid)
    run(
        "DELETE FROM ptype WHERE id = (SELECT id FROM past WHERE pid = ?1) AND type IN "
        "(SELECT value FROM json_each((SELECT types FROM past WHERE pid = ?1)))",
        (pid,),
    )
    run("DELETE FROM birth WHERE pid = ?", (pid,))
    run("DELETE FROM past WHERE pid = ?", (pid,))


def drop_slice(run: Run, tid: int) -> bool:
    """Remove a slice of a tenant's history; tell whether there was any."""
    pids = run(f"SELECT pid FROM past WHERE tid = ? LIMIT {HEADS}", (tid,)).fetchall()
    for (pid,) in pids:
        remove_head(run, pid)
    return bool(pids)
