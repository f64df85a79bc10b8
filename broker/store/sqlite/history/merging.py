"""Merging hot rows into chunks, a slice at a time.

Chunks of a series never overlap. What is later than the last of them begins a new one, which first
takes in those before it while they are not much bigger: so each row is packed again only a few
times, and small chunks do not pile up. What comes late goes into the chunk that reaches over it.

One time may fill several chunks, since what is not observed has the time it was told at. Rows are
in the order of time and number, and so are the chunks: those of one time rise by their own numbers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from broker.store.sqlite.budget import Budget
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.history.chunks import MOST, pieces, unpack
from broker.store.sqlite.history.removing import replace_chunk
from broker.store.sqlite.history.rows import HOT, Row, from_hot

SLICE_SECONDS = 0.004

FEWEST: Final = 32
"""Hot rows of a series that are worth the packing of a chunk."""

AT_ONCE: Final = 2_000
"""Series that are looked through in one read."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is found of some series: up to which number, how many hot rows, who has enough."""

    last: int
    hot: int
    sids: list[int]


def look(budget: Budget, after: int) -> Look | None:
    """Look through the series behind a number; None where there are no more."""
    run = runner(budget.connection)
    last = run(
        "SELECT max(sid) FROM (SELECT sid FROM series WHERE sid > ? ORDER BY sid LIMIT ?)",
        (after, AT_ONCE),
    ).get
    if last is None:
        return None
    hot = run("SELECT count(*) FROM moment WHERE sid > ? AND sid <= ?", (after, last)).get
    sids = []
    if hot >= FEWEST:
        sids = run(
            "SELECT sid FROM moment WHERE sid > ? AND sid <= ? "
            "GROUP BY sid HAVING count(*) >= ? ORDER BY sid DESC",
            (after, last, FEWEST),
        ).fetchall()
    return Look(last, hot, [sid for (sid,) in sids])


def merge_slice(run: Run, sids: list[int], *, whole: bool) -> int:
    """Merge hot rows of the last of `sids` for a few milliseconds; return how many rows.

    Series that are done are taken from the list. `whole` fills chunks up, however often that
    packs a row again.
    """
    end, moved = time.monotonic() + SLICE_SECONDS, 0
    while sids:
        count, done = merge_series(run, sids[-1], whole=whole)
        moved += count
        if done:
            sids.pop()
        if time.monotonic() > end:
            break
    return moved


def merge_series(run: Run, sid: int, *, whole: bool) -> tuple[int, bool]:
    """Merge the earliest hot rows of a series, a chunk's worth at most.

    Returns how many, and whether the series is done.
    """
    rows = [
        from_hot(*values)
        for values in run(
            f"SELECT {HOT} FROM moment WHERE sid = ? ORDER BY time, iid LIMIT ?", (sid, MOST)
        )
    ]
    done = len(rows) < MOST
    later = _into_their_chunks(run, sid, rows)
    if later and later[0] is not rows[0]:
        rows, done = rows[: len(rows) - len(later)], False
    elif later or (whole and done):
        _behind_the_last(run, sid, later, whole=whole)
    if rows:
        run("DELETE FROM moment WHERE sid = ? AND (time, iid) <= (?, ?)", (sid, *rows[-1].key))
    return len(rows), done


def _into_their_chunks(run: Run, sid: int, rows: list[Row]) -> list[Row]:
    """Put the first rows into the chunk that reaches over them; return the rest.

    All are the rest where there is no such chunk.
    """
    if not rows:
        return []
    cids, last = _reaching(run, sid, rows[0])
    if not cids:
        return rows
    count = sum(row.time <= last for row in rows)
    merged = sorted([*_unpacked(run, cids), *rows[:count]], key=lambda row: row.key)
    half = (len(merged) + 1) // 2 if MOST < len(merged) <= 2 * MOST else MOST
    write_chunks(run, sid, cids, pieces(merged, half))
    return rows[count:]


def _reaching(run: Run, sid: int, row: Row) -> tuple[list[int], int]:
    """Return the first chunk that may have what comes behind a row, and its last time.

    With it come those that begin at the time it ends: the rows of that time are in all of them.
    """
    found = run(
        "SELECT cid, last FROM chunk WHERE sid = ? AND (last > ? OR (last = ? AND high_iid > ?)) "
        "ORDER BY first, cid LIMIT 1",
        (sid, row.time, *row.key),
    ).get
    if found is None:
        return [], row.time
    cid, last = found
    cids = [cid]
    while following := run(
        "SELECT cid, last FROM chunk WHERE sid = ? AND first = ? AND cid NOT IN "
        f"({', '.join(map(str, cids))}) ORDER BY cid",
        (sid, last),
    ).fetchall():
        cids += [cid for cid, _ in following]
        last = max(end for _, end in following)
    return cids, last


def _unpacked(run: Run, cids: Iterable[int]) -> list[Row]:
    """Return the rows of chunks."""
    rows: list[Row] = []
    for cid in cids:
        rows += unpack(run("SELECT body FROM chunk WHERE cid = ?", (cid,)).get)
    return rows


def _behind_the_last(run: Run, sid: int, rows: list[Row], *, whole: bool) -> None:
    """Put rows into new chunks at the end, with as many of those before as is worth while."""
    taken: list[int] = []
    size = len(rows)
    for cid, n in run(
        "SELECT cid, n FROM chunk WHERE sid = ? ORDER BY first DESC, cid DESC", (sid,)
    ).fetchall():
        if n >= MOST or not (whole or n <= 2 * size):
            break
        taken.append(cid)
        size += n
    if not rows and len(taken) < 2:
        return
    before = _unpacked(run, reversed(taken))
    write_chunks(run, sid, taken, pieces([*before, *rows], MOST))


def write_chunks(run: Run, sid: int, taken: list[int], parts: Iterable[list[Row]]) -> None:
    """Write chunks in the place of others, with numbers that rise."""
    free = sorted(taken, reverse=True)
    for part in parts:
        replace_chunk(run, free.pop() if free else None, sid, part)
    for cid in free:
        run("DELETE FROM chunk WHERE cid = ?", (cid,))
