"""Retention inside the writing transaction: a few chunks of one series at a time.

What was resampled already is passed over without being opened: its chunk says so. A slice ends
where a period ends, so that no period is resampled in two parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from broker.store.history import Resampled
from broker.store.keeping import Span
from broker.store.sqlite.connection import Run
from broker.store.sqlite.history.chunks import MOST, pieces, unpack
from broker.store.sqlite.history.merging import write_chunks
from broker.store.sqlite.history.removing import forget_names, replace_chunk
from broker.store.sqlite.history.rows import DELETED, NAME, OBSERVED, Row
from broker.store.thinning import thin

CHUNKS = 4
"""Chunks opened in one slice."""

FORGOTTEN = 64
"""Chunks removed in one slice."""

LOWEST = -(1 << 62)


class Done(NamedTuple):
    """What a slice did: everything before `upto` is as it should be; `fewer` moments are left."""

    upto: int
    fewer: int


def thin_slice(run: Run, sid: int, spans: Sequence[Span], after: int, scope: bool) -> Done:
    """Do what is due of a series from the time `after` on; return how far it came.

    Hot rows before the last span's end must have been merged. `scope` tells that the series is of
    a scope, which is only forgotten. The end is reached where `upto` is the last span's end.
    """
    index = next(i for i, span in enumerate(spans) if span.end > after)
    span = spans[index]
    if span.period is None:
        return _forget(run, sid, after, span.end)
    if scope:
        return Done(span.end, 0)
    first = run(
        "SELECT min(first) FROM chunk WHERE sid = ? AND last >= ? AND first < ? AND period < ?",
        (sid, after, span.end, span.period),
    ).get
    if first is None:
        return Done(span.end, 0)
    start = max(after, first // span.period * span.period)
    return _resample(run, sid, start, span.end, span.period)


def _forget(run: Run, sid: int, after: int, end: int) -> Done:
    """Remove some chunks that are before `end`, then what is in the one that reaches over it.

    They are opened only where a client gave names in the series.
    """
    named = run("SELECT EXISTS (SELECT 1 FROM instance WHERE sid = ?)", (sid,)).get
    most = CHUNKS if named else FORGOTTEN
    chunks = run(
        "SELECT cid, n FROM chunk WHERE sid = ? AND last < ? ORDER BY first LIMIT ?",
        (sid, end, most),
    ).fetchall()
    for cid, _ in chunks:
        if named:
            blob = run("SELECT body FROM chunk WHERE cid = ?", (cid,)).get
            forget_names(run, sid, unpack(blob))
        run("DELETE FROM chunk WHERE cid = ?", (cid,))
    fewer = sum(n for _, n in chunks)
    if len(chunks) == most:
        return Done(after, fewer)
    for cid, blob in run(
        "SELECT cid, body FROM chunk WHERE sid = ? AND first < ?", (sid, end)
    ).fetchall():
        rows = unpack(blob)
        kept = [row for row in rows if row.time >= end]
        forget_names(run, sid, (row for row in rows if row.time < end))
        replace_chunk(run, cid, sid, kept)
        fewer += len(rows) - len(kept)
    return Done(end, fewer)


def _resample(run: Run, sid: int, start: int, end: int, period: int) -> Done:
    """Resample some chunks from `start` on, to the end of a period or to `end`."""
    count = CHUNKS
    while True:
        chunks = run(
            "SELECT cid, last, body FROM chunk WHERE sid = ? AND last >= ? AND first < ? "
            "ORDER BY first, cid LIMIT ?",
            (sid, start, end, count),
        ).fetchall()
        upto = end
        if len(chunks) == count:
            upto = min(end, chunks[-1][1] // period * period)
        if upto > start:
            break
        count *= 2
    rows = [row for _, _, blob in chunks for row in unpack(blob)]
    due = [row for row in rows if start <= row.time < upto]
    made = thin(due, period, _is_observed, _merged)
    if any(one is not other for one, other in zip(made, due, strict=False)) or len(made) < len(due):
        kept = [row for row in rows if not start <= row.time < upto]
        staying = {id(row) for row in made}
        forget_names(run, sid, (row for row in due if id(row) not in staying))
        written = sorted([*kept, *made], key=lambda row: row.key)
        write_chunks(run, sid, [cid for cid, _, _ in chunks], pieces(written, MOST))
    return Done(upto, len(due) - len(made))


def _is_observed(row: Row) -> bool | None:
    return None if row.flags & DELETED else bool(row.flags & OBSERVED)


def _merged(group: list[Row], start: int, figures: Resampled) -> Row:
    """Return the row that stands for several."""
    source = next((row for row in reversed(group) if row.number is not None), group[-1])
    left_out = ("observedAt", NAME)
    instance = {m: value for m, value in source.instance.items() if m not in left_out}
    if figures.mean is not None:
        instance["value"] = figures.mean
    observed = group[-1].flags & OBSERVED
    created = min(row.created for row in group) if observed else start
    modified = max(row.modified for row in group) if observed else start
    return Row(start, group[-1].iid, observed, created, modified, instance, figures)
