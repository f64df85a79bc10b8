"""Bringing index rows that waited into the file; the last word on each counts.

Rows are of one attribute, oldest first (`broker.store.sqlite.pending.Row`). To bring the same rows
again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeAlias

from broker.store.sqlite.pending import Row

Many: TypeAlias = Callable[..., Any]
"""The `executemany` of a cursor."""

Pair: TypeAlias = tuple[Any, int]
"""A value and an entity that has it."""

TOGETHER: Final = 32
"""Rows that one statement adds."""

_VALUE: Final = itemgetter(0)
_ENTITY: Final = itemgetter(1)
_TYPE: Final = itemgetter(2)
_LOST: Final = itemgetter(3)
_LOSS: Final = itemgetter(3, 1)
_GAIN: Final = itemgetter(0, 1)


def write_values(many: Many, table: str, path: int, rows: Sequence[Row]) -> None:
    """Bring numbers or texts into their table, in its order: neighbours share pages."""
    types = set(map(_TYPE, rows))
    for nid in sorted(types):
        own = rows if len(types) == 1 else [row for row in rows if row[2] == nid]
        gone, there = _last(own)
        where = f"type = {nid} AND path = {path} AND value = ? AND eid = ?"
        many(f"DELETE FROM {table} WHERE {where}", gone)
        insert, row = f"INSERT OR IGNORE INTO {table} VALUES ", f"({nid}, {path}, ?, ?)"
        flat, size = list(chain.from_iterable(there)), 2 * TOGETHER
        full = len(flat) // size * size
        parts = [flat[start : start + size] for start in range(0, full, size)]
        many(insert + ", ".join([row] * TOGETHER), parts)
        many(insert + row, [flat[start : start + 2] for start in range(full, len(flat), 2)])


def _last(rows: Sequence[Row]) -> tuple[Iterable[Pair], Iterable[Pair]]:
    """Return the values with their entities that are gone in the end, and those that are there.

    Rows are of one type. Where each entity has one, none takes back what another did.
    """
    if len(set(map(_ENTITY, rows))) == len(rows):
        lost = [row for row in rows if row[3] is not None]
        gained = [row for row in rows if row[0] is not None]
        return map(_LOSS, _ordered(lost, _LOST)), map(_GAIN, _ordered(gained, _VALUE))
    last: dict[Pair, bool] = {}
    for value, eid, _, was, _, _ in rows:
        if was is not None:
            last[was, eid] = False
        if value is not None:
            last[value, eid] = True
    gone = [pair for pair, added in last.items() if not added]
    there = [pair for pair, added in last.items() if added]
    return _ordered(gone, _VALUE), _ordered(there, _VALUE)


def _ordered(rows: list[Any], value: Callable[[Any], Any]) -> list[Any]:
    """Return rows in the order of their values. What has the same may come in any order."""
    try:
        return sorted(rows, key=value)
    except TypeError:
        # The mark of many values is no number or text: nearly in order will do.
        return sorted(rows, key=lambda row: isinstance(value(row), bytes))
