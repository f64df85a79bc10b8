"""Boxes of geometries in the R*Tree: of an entity one at most by type and attribute.

A box tells whose it is by its number: that of the entity, then one of its own. Type and attribute
are two dimensions of the tree. So what a search asks for is decided, and named, by the tree's nodes
alone; a row of another table for each box, which an additional column is, takes six times as long.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from broker.store.sqlite.connection import Run
from broker.store.sqlite.moving import Many
from broker.store.sqlite.waiting import WaitingRows

BITS: Final = 20
"""Of a box's number, those that are its own."""
MOST: Final = (1 << BITS) - 1

REACH: Final = 0.25
"""How far a type or attribute reaches to both sides of its number: boxes must have a size.

The tree's numbers have 24 bits. So up to `names.MOST_NAMES` none reaches another.
"""

REACHING: Final = (
    "west <= ? AND east >= ? AND south <= ? AND north >= ? "
    "AND types_from <= ? AND types_to >= ? AND paths_from <= ? AND paths_to >= ?"
)
"""Which boxes reach so far: four sides, twice the type, twice the attribute."""

ENTITY: Final = f"bid >> {BITS}"
"""The entity that a box is of."""

OWNERS: Final = f"SELECT {ENTITY} AS eid FROM box WHERE {REACHING}"
"""The entities they are of. Those that meet a box reach to its east, west, north and south."""

_PUT: Final = (
    "INSERT OR REPLACE INTO box (west, east, south, north, types_from, types_to, paths_from, "
    "paths_to, bid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_KEY: Final = "INSERT INTO boxkey (bid, type, path, eid) VALUES (?, ?, ?, ?)"
_KNOWN: Final = (
    "SELECT eid, bid FROM boxkey WHERE eid IN (SELECT value FROM json_each(?)) "
    "AND type = ? AND path = ?"
)
_NEWEST: Final = (
    "SELECT value, (SELECT max(rowid) FROM box_rowid "
    f"WHERE rowid BETWEEN value << {BITS} AND (value << {BITS}) + {MOST}) FROM json_each(?)"
)
_GAP: Final = (
    "SELECT min(rowid) + 1 FROM box_rowid r WHERE rowid >= ? "
    "AND NOT EXISTS (SELECT 1 FROM box_rowid n WHERE n.rowid = r.rowid + 1)"
)


def write_boxes(run: Run, many: Many, path: int, rows: WaitingRows) -> None:
    """Bring boxes of an attribute into the R*Tree; rows are oldest first, the last one counts."""
    last = {whose[:2]: box for box, whose in zip(rows.gained, rows.whose, strict=True)}
    for nid in {nid for _, nid in last}:
        boxes = {eid: box for (eid, type_), box in last.items() if type_ == nid}
        known: dict[int, int] = dict(run(_KNOWN, (_json(boxes), nid, path)).fetchall())
        gone = [eid for eid, box in boxes.items() if box is None]
        many("DELETE FROM box WHERE bid = ?", [(known[eid],) for eid in gone if eid in known])
        many(
            "DELETE FROM boxkey WHERE eid = ? AND type = ? AND path = ?",
            [(eid, nid, path) for eid in gone],
        )
        there = {eid: box for eid, box in boxes.items() if box is not None}
        fresh = dict(_numbered(run, [eid for eid in there if eid not in known]))
        known |= fresh
        sides = (nid - REACH, nid + REACH, path - REACH, path + REACH)
        many(_PUT, [(*box, *sides, known[eid]) for eid, box in there.items()])
        many(_KEY, [(bid, nid, path, eid) for eid, bid in fresh.items()])


def _numbered(run: Run, eids: list[int]) -> list[tuple[int, int]]:
    """Return entities with the number that the next box of each gets."""
    newest = run(_NEWEST, (_json(eids),)).fetchall() if eids else []
    return [(eid, _next(run, eid, bid)) for eid, bid in newest]


def _next(run: Run, eid: int, newest: int | None) -> int:
    if newest is None:
        return eid << BITS
    if newest & MOST < MOST:
        return newest + 1
    first: int = eid << BITS
    if not run("SELECT 1 FROM box_rowid WHERE rowid = ?", (first,)).get:
        return first
    gap: int = run(_GAP, (first,)).get
    return gap


def _json(eids: Any) -> str:
    return orjson.dumps(list(eids)).decode()
