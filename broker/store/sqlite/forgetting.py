"""Forgetting what the feed tells of an entity that was deleted, slice by slice."""

from __future__ import annotations

from typing import Final

import orjson

from broker.model.change import emptied
from broker.store.contract import Kind
from broker.store.refusals import encode
from broker.store.sqlite.connection import Run

SLICE: Final = 500
"""Changes that are forgotten in one transaction."""


def forget_slice(run: Run, tid: int, entity_id: str, most: int) -> tuple[list[int], bool] | None:
    """Blank a slice of the changes before an entity's newest deletion up to the change `most`.

    Returns their numbers, and whether there are more; None without a deletion. Blank rows keep the
    feed without a gap. The deletion leads to what is left, so that whoever was interrupted goes on
    from there.
    """
    deletion = _deletion(run, tid, entity_id, most)
    if deletion is None:
        return None
    seq, last, at, prior = deletion
    gone: list[int] = []
    while last and len(gone) < SLICE:
        before = run("SELECT last FROM change WHERE seq = ? AND tid = ?", (last, tid)).get
        if before is None:
            last = 0
            break
        gone.append(last)
        last = before
    for each in gone:
        run(
            "UPDATE change SET tid = 0, entity = '', last = 0, delta = NULL, prior = NULL "
            "WHERE seq = ?",
            (each,),
        )
    kept = encode(emptied(orjson.loads(prior), at))
    run("UPDATE change SET last = ?, prior = ? WHERE seq = ?", (last, kept, seq))
    return gone, bool(last)


def _deletion(run: Run, tid: int, entity_id: str, most: int) -> tuple[int, int, str, bytes] | None:
    """Return number, previous change, time and entity of the newest deletion up to `most`."""
    seq: int | None = run(
        "SELECT seq FROM entity WHERE tid = ?1 AND id = ?2 "
        "UNION ALL SELECT seq FROM grave WHERE tid = ?1 AND id = ?2",
        (tid, entity_id),
    ).get
    while seq:
        row = run(
            "SELECT kind, last, at, prior FROM change WHERE seq = ? AND tid = ?", (seq, tid)
        ).get
        if row is None:
            return None
        kind, last, at, prior = row
        if kind == Kind.DELETE and seq <= most:
            return seq, last, at, prior
        seq = last
    return None
