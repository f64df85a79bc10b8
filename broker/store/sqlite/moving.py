"""Bringing index rows that waited into the file; the last word on each counts.

Rows are of one attribute, oldest first (`broker.store.sqlite.waiting`). To bring the same rows
again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeAlias

from broker.store.sqlite.waiting import WaitingRows

Many: TypeAlias = Callable[..., Any]
"""The `executemany` of a cursor."""

Pair: TypeAlias = tuple[Any, int]
"""A value and an entity that has it."""

TOGETHER: Final = 32
"""Rows that one statement adds."""

_VALUE: Final = itemgetter(0)
_ENTITY: Final = itemgetter(0)
_TYPE: Final = itemgetter(1)


def write_values(many: Many, table: str, path: int, rows: WaitingRows) -> None:
    """Bring numbers or texts into their table, in its order: neighbours share pages."""
    types = set(map(_TYPE, rows.whose))
    for nid in sorted(types):
        gone, there = _last(rows if len(types) == 1 else _of_type(rows, nid))
        where = f"type = {nid} AND path = {path} AND value = ? AND eid = ?"
        many(f"DELETE FROM {table} WHERE {where}", _ordered(gone))
        insert, row = f"INSERT OR IGNORE INTO {table} VALUES ", f"({nid}, {path}, ?, ?)"
        flat, size = list(chain.from_iterable(_ordered(there))), 2 * TOGETHER
        full = len(flat) // size * size
        parts = [flat[start : start + size] for start in range(0, full, size)]
        many(insert + ", ".join([row] * TOGETHER), parts)
        many(insert + row, [flat[start : start + 2] for start in range(full, len(flat), 2)])


def _of_type(rows: WaitingRows, nid: int) -> WaitingRows:
    """Return those of some rows that are for one type."""
    own = [row for row in zip(*rows, strict=True) if row[2][1] == nid]
    gained, lost, whose = zip(*own, strict=True)
    return WaitingRows(list(gained), list(lost), list(whose))


def _last(rows: WaitingRows) -> tuple[list[Pair], list[Pair]]:
    """Return the values with their entities that are gone in the end, and those that are there.

    Rows are of one type. Where each entity has one, none takes back what another did.
    """
    gained, lost, whose = rows
    eids = [*map(_ENTITY, whose)]
    if len(set(eids)) == len(eids):
        gone = [pair for pair in zip(lost, eids, strict=True) if pair[0] is not None]
        return gone, [pair for pair in zip(gained, eids, strict=True) if pair[0] is not None]
    last: dict[Pair, bool] = {}
    for value, was, eid in zip(gained, lost, eids, strict=True):
        if was is not None:
            last[was, eid] = False
        if value is not None:
            last[value, eid] = True
    gone = [pair for pair, added in last.items() if not added]
    return gone, [pair for pair, added in last.items() if added]


def _ordered(pairs: list[Pair]) -> list[Pair]:
    """Return pairs in the order of their values. What has the same may come in any order."""
    try:
        return sorted(pairs, key=_VALUE)
    except TypeError:
        # The mark of many values is no number or text: nearly in order will do.
        return sorted(pairs, key=lambda pair: isinstance(pair[0], bytes))
