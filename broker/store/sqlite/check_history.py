"""Integrity of history in a data file: heads, series, hot rows and chunks agree with each other."""

from __future__ import annotations

from collections.abc import Iterator

from broker.store.sqlite.connection import Run
from broker.store.sqlite.history.chunks import HEADER, Header, header, unpack


def history_problems(run: Run) -> Iterator[str]:
    """Return what is wrong with history, in words."""
    yield from _strays(run)
    followed, newest, pruned = (
        run("SELECT value FROM meta WHERE key = 'followed'").get,
        run("SELECT max(seq) FROM change").get,
        run("SELECT value FROM meta WHERE key = 'pruned'").get,
    )
    if followed > max(newest or 0, pruned):
        yield f"History has followed change {followed}, which the feed never had."
    ends: dict[int, int] = {}
    for sid, cid in run("SELECT sid, cid FROM chunk ORDER BY sid, first, cid").fetchall():
        values = run(f"SELECT {HEADER}, body FROM chunk WHERE cid = ?", (cid,)).get
        told, rows = Header(*values[:-1]), unpack(values[-1])
        if told != header(cid, rows) or rows != sorted(rows, key=lambda row: row.key):
            yield f"Chunk {cid} of history does not have what its header says."
        if ends.get(sid, told.first) > told.first:
            yield f"Chunk {cid} of history begins before the one before it ends."
        ends[sid] = told.last


def _strays(run: Run) -> Iterator[str]:
    """Look for rows that belong to nothing."""
    for pid, tid in run(
        "SELECT pid, tid FROM past WHERE tid NOT IN (SELECT tid FROM tenant)"
    ).fetchall():
        yield f"Head {pid} of history belongs to tenant number {tid}, which does not exist."
    for table, key, owner in (
        ("series", "pid", "past"),
        ("birth", "pid", "past"),
        ("ptype", "pid", "past"),
        ("moment", "sid", "series"),
        ("chunk", "sid", "series"),
        ("instance", "sid", "series"),
    ):
        count = run(
            f"SELECT count(*) FROM {table} WHERE {key} NOT IN (SELECT {key} FROM {owner})"
        ).get
        if count:
            yield f"{count} rows of {table} belong to nothing."
