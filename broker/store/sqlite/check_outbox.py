"""Whether the outbox of a data file agrees with itself and with the feed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from broker.store.sqlite import bundles
from broker.store.sqlite.connection import Run

Change = tuple[int, str]
"""A change's tenant and kind."""


def outbox_problems(run: Run) -> Iterator[str]:
    """Yield what does not agree: rows, kept entities, dead letters, books."""
    epochs: dict[int, tuple[int, int]] = {
        sid: (tid, epoch) for sid, tid, epoch in run("SELECT sid, tid, epoch FROM subscription")
    }
    upto = dict(run("SELECT sid, upto FROM ledger").fetchall())
    dead = Counter(sid for (sid,) in run("SELECT sid FROM dead"))
    waiting: Counter[int] = Counter()
    unsaved: Counter[int] = Counter()
    for seq, packed, kept in run("SELECT seq, due, doc IS NOT NULL FROM outbox").fetchall():
        if not isinstance(packed, bytes) or len(packed) % bundles.SIZE:
            yield f"To whom change {seq} is due cannot be read."
            continue
        pairs = bundles.unpack(packed)
        change = run("SELECT tid, kind FROM change WHERE seq = ?", (seq,)).get
        about = run("SELECT sid FROM dead WHERE seq = ?", (seq,)).fetchall()
        yield from _row(seq, pairs, bool(kept), change, bool(about))
        for sid, epoch in pairs:
            if sid in epochs and epochs[sid][1] == epoch:
                waiting[sid] += 1
                unsaved[sid] += seq > upto.get(sid, 0)
                if change is not None and change[0] != epochs[sid][0]:
                    yield f"Change {seq} waits for subscription {sid} of another tenant."
    for sid, epoch in run("SELECT sid, epoch FROM period").fetchall():
        if sid in epochs and epochs[sid][1] == epoch:
            waiting[sid] += 1
    yield from _letters(run)
    for sid in epochs.keys() - upto.keys():
        yield f"Subscription {sid} has no books."
    for sid, *figures in run(
        "SELECT sid, queued, delivered, dead, expired, cancelled, withheld, superseded FROM ledger"
    ).fetchall():
        if sid and sid not in epochs:
            yield f"There are books of subscription {sid}, which does not exist."
        yield from _books(sid, figures, waiting[sid], unsaved[sid], dead[sid])


def _row(
    seq: int, pairs: list[bundles.Pair], kept: bool, change: Change | None, dead: bool
) -> Iterator[str]:
    if change is None:
        yield f"Change {seq} waits to be told and is not in the feed."
    elif (change[1] == "update") != kept:
        there = "kept" if kept else "not kept"
        yield f"The entity after change {seq}, a {change[1]}, is {there} for the outbox."
    if not pairs and not dead:
        yield f"Change {seq} is in the outbox and due to nobody."
    if len(set(pairs)) != len(pairs):
        yield f"Change {seq} is due to a subscription twice."


def _letters(run: Run) -> Iterator[str]:
    for sid, seq in run(
        "SELECT d.sid, d.seq FROM dead d "
        "WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.seq = d.seq) "
        "AND NOT EXISTS (SELECT 1 FROM period p WHERE p.sid = d.sid AND p.seq = d.seq)"
    ).fetchall():
        yield f"The dead letter of subscription {sid} about change {seq} has lost its content."


def _books(sid: int, figures: list[Any], waiting: int, unsaved: int, letters: int) -> Iterator[str]:
    queued, *settled = figures
    whose = f"of subscription {sid}" if sid else "of removed subscriptions"
    if queued + unsaved != sum(settled) + waiting:
        yield (
            f"The books {whose} do not balance: {queued + unsaved} queued, {sum(settled)} settled, "
            f"{waiting} waiting."
        )
    if min(queued, *settled) < 0:
        yield f"The books {whose} have a negative figure."
    if letters > settled[1]:
        yield f"There are {letters} dead letters {whose}; the books know of {settled[1]}."
