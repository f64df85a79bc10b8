"""The table `outbox`: one row for each change that is due to somebody.

A row has the number of the change, to whom it is still due, and the entity after an update; so a
change costs one row at the end of the table, however many it is due to. To whom it is due is a
list of pairs (subscription, epoch), 16 bytes each. A pair of an older epoch than its
subscription's was cancelled, and is about to be swept. A row stays while there are pairs in it or
dead letters about it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, TypeAlias

from broker.store.sqlite.connection import Run

Pair: TypeAlias = tuple[int, int]
"""A subscription's number, and its epoch."""

SIZE: Final = 16
"""Bytes of a pair."""

GONE: Final = -1
"""The epoch of a periodic row that died."""

_DROP: Final = (
    "DELETE FROM outbox WHERE seq = ?1 AND NOT EXISTS (SELECT 1 FROM dead WHERE seq = ?1) "
    "RETURNING 1"
)


def pack(pairs: Iterable[Pair]) -> bytes:
    """Return pairs as they are stored."""
    numbers = [number for pair in pairs for number in pair]
    return struct.pack(f"<{len(numbers)}q", *numbers)


def unpack(packed: bytes) -> list[Pair]:
    """Return the pairs of a row."""
    return list(struct.iter_unpack("<qq", packed))


def add(many: Callable[..., Any], rows: Iterable[tuple[int, bytes, bytes | None]]) -> None:
    """Write rows of changes that are due: number, pairs, and the entity after an update."""
    many("INSERT INTO outbox (seq, due, doc) VALUES (?, ?, ?)", rows)


def due(run: Run, seq: int) -> list[Pair]:
    """Return to whom a change is still due."""
    packed: bytes | None = run("SELECT due FROM outbox WHERE seq = ?", (seq,)).get
    return [] if packed is None else unpack(packed)


def take(run: Run, seq: int, pairs: Collection[Pair], *, keep: bool = False) -> list[Pair]:
    """Take pairs out of a row; return those that were there.

    `keep` the row though nothing is left in it, for the dead letter that is about to be.
    """
    before = due(run, seq)
    left = [pair for pair in before if pair not in pairs]
    if len(left) == len(before):
        return []
    if left or keep or run(_DROP, (seq,)).get is None:
        run("UPDATE outbox SET due = ? WHERE seq = ?", (pack(left), seq))
    return [pair for pair in before if pair in pairs]


def put_back(run: Run, seq: int, pair: Pair) -> None:
    """Make a change due again."""
    run("UPDATE outbox SET due = ? WHERE seq = ?", (pack([*due(run, seq), pair]), seq))


def free(run: Run, seq: int) -> None:
    """Delete a row that is due to nobody, unless a dead letter is about it."""
    if not due(run, seq):
        run(_DROP, (seq,)).fetchall()
