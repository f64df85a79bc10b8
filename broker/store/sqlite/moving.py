"""Bringing index rows that waited into the file; the last word on each counts.

Rows are (value, entity, type, whether it is added, change) of one attribute, oldest first
(`broker.store.sqlite.pending`). To bring the same rows again changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, Final, TypeAlias

import orjson

from broker.store.sqlite.connection import Run
from broker.store.sqlite.pending import Waits

Many: TypeAlias = Callable[..., Any]
"""The `executemany` of a cursor."""

TOGETHER: Final = 32
"""Rows that one statement adds."""

_ADDED: Final = itemgetter(3)
_VALUE: Final = itemgetter(0)
_TYPE: Final = itemgetter(2)

_ADD = (
    "INSERT INTO box (west, east, south, north, bid, type, path, eid) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_KEY = "INSERT INTO boxkey (bid, type, path, eid) VALUES (?, ?, ?, ?)"
_MOVE = "UPDATE box SET west = ?, east = ?, south = ?, north = ? WHERE bid = ?"
_KNOWN = (
    "SELECT eid, bid FROM boxkey WHERE eid IN (SELECT value FROM json_each(?)) "
    "AND type = ? AND path = ?"
)


def write_values(many: Many, table: str, path: int, rows: Sequence[Waits]) -> None:
    """Bring numbers or texts into their table."""
    there: Iterable[tuple[Any, ...]] = rows
    if not all(map(_ADDED, rows)):
        last = {(value, eid, nid): added for value, eid, nid, added, _ in rows}
        gone = [row for row, added in last.items() if not added]
        there = [row for row, added in last.items() if added]
        for nid, pairs in _by_type(gone):
            where = f"type = {nid} AND path = {path} AND value = ? AND eid = ?"
            many(f"DELETE FROM {table} WHERE {where}", pairs)
    for nid, pairs in _by_type(there):
        insert, row = f"INSERT OR IGNORE INTO {table} VALUES ", f"({nid}, {path}, ?, ?)"
        full = len(pairs) // TOGETHER * TOGETHER
        flat, size = list(chain.from_iterable(pairs[:full])), 2 * TOGETHER
        parts = [flat[start : start + size] for start in range(0, len(flat), size)]
        many(insert + ", ".join([row] * TOGETHER), parts)
        many(insert + row, pairs[full:])


def _by_type(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, list[tuple[Any, int]]]]:
    """Yield types with their values and entities in the order of the table, which share pages.

    Given are (value, entity, type, …). What has one value may come in any order.
    """
    try:
        ordered = sorted(rows, key=_VALUE)
    except TypeError:
        # The mark of many values is no number or text: nearly in order will do.
        ordered = sorted(rows, key=lambda row: isinstance(row[0], bytes))
    ordered.sort(key=_TYPE)
    for nid, group in groupby(ordered, _TYPE):
        yield nid, [row[:2] for row in group]


def write_boxes(run: Run, many: Many, path: int, rows: Sequence[Waits]) -> None:
    """Bring boxes into the R*Tree, where an entity has one at most by type."""
    last = {(eid, nid): box if added else None for box, eid, nid, added, _ in rows}
    # The table that the R*Tree keeps its rows in has the newest number at its end.
    newest: int = run("SELECT max(rowid) FROM box_rowid").get or 0
    for nid in {nid for _, nid in last}:
        boxes = {eid: box for (eid, type_), box in last.items() if type_ == nid}
        eids = orjson.dumps(list(boxes)).decode()
        known: dict[int, int] = dict(run(_KNOWN, (eids, nid, path)).fetchall())
        gone = [(known[eid],) for eid, box in boxes.items() if box is None and eid in known]
        many("DELETE FROM box WHERE bid = ?", gone)
        many(
            "DELETE FROM boxkey WHERE eid = ? AND type = ? AND path = ?",
            [(eid, nid, path) for eid, box in boxes.items() if box is None],
        )
        there = [(eid, box) for eid, box in boxes.items() if box is not None]
        many(_MOVE, [(*box, known[eid]) for eid, box in there if eid in known])
        fresh = [(eid, box) for eid, box in there if eid not in known]
        added = [(*box, newest + n, nid, path, eid) for n, (eid, box) in enumerate(fresh, 1)]
        many(_ADD, added)
        many(_KEY, [row[4:] for row in added])
        newest += len(fresh)
