"""Index terms as SQL: the entities (`eid`) an index offers for one necessary condition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Any

import orjson

from broker.query.plan import GeoTerm, IndexTerm
from broker.store.sqlite.boxes import OWNERS
from broker.store.sqlite.connection import Run
from broker.store.sqlite.index import MANY, number_key
from broker.store.sqlite.pending import Pending, table_of

TABLES = {"num": "anum", "txt": "atxt"}


@dataclass(slots=True)
class Candidates:
    """A SELECT of `eid` (some perhaps twice) that covers all entities of some types."""

    text: str
    bindings: tuple[Any, ...]


@dataclass(slots=True)
class Probe:
    """A term an index could serve, and the number of its attribute.

    `waiting` are the entities that may satisfy it by index rows not in the file yet, of which
    `doubtful` may only be about to; of any in `touched`, the file may hold rows that are out of
    date.
    """

    term: IndexTerm | GeoTerm
    path: int
    waiting: list[int]
    touched: Set[int]
    doubtful: list[int]


@dataclass(slots=True)
class Offer:
    """What an index offers, and how many rows, counted up to a bound.

    It is `listed` where `candidates` are the entities themselves; `few` are they, if they are.
    `exact` tells that the rows decide the term they serve, wherever they are up to date.
    """

    probe: Probe
    candidates: Candidates
    exact: bool
    count: int
    few: list[int] | None
    listed: bool


def probe(term: IndexTerm | GeoTerm, path: int, pending: Pending, committed: int) -> Probe:
    """Return the probe for a term; on the event loop only.

    `committed` is the newest change known to be in the file.
    """
    waiting = pending.find(term, path)
    if isinstance(term, GeoTerm):
        return Probe(term, path, waiting, frozenset(), [])
    newest = pending.newest(table_of(term), path)
    doubtful = [eid for eid in waiting if newest[eid][1][2] > committed]
    return Probe(term, path, waiting, newest.keys(), doubtful)


def listed(eids: str) -> Candidates:
    """Return the SELECT of entities that are known already: a JSON array of them."""
    return Candidates("SELECT value FROM json_each(?)", (eids,))


def gathered(run: Run, offered: Candidates, most: int) -> tuple[str, int]:
    """Return what an index offers, up to a bound, as a JSON array, and how many rows it is."""
    found: tuple[str, int] = run(
        f"SELECT json_group_array(eid), count(*) FROM (SELECT eid FROM ({offered.text}) "
        f"LIMIT {most})",
        offered.bindings,
    ).fetchall()[0]
    return found


def counted(run: Run, offered: Candidates, most: int) -> int:
    """Return how many rows an index offers, counted up to a bound."""
    count: int = run(
        f"SELECT count(*) FROM (SELECT 1 FROM ({offered.text}) LIMIT {most})", offered.bindings
    ).get
    return count


def candidates(
    term: IndexTerm | GeoTerm,
    path: int,
    types: Iterable[int],
    waiting: Sequence[int],
    *,
    many: bool = True,
) -> Candidates:
    """Return the SELECT for a term on the attribute interned as `path`.

    `waiting` are the entities whose index rows are not in the file yet. Without `many` it leaves
    out attributes of too many values for the index, where there are known to be none.
    """
    parts: list[str] = []
    bindings: list[Any] = []
    if isinstance(term, GeoTerm):
        for nid in types:
            for west, south, east, north in term.boxes:
                parts.append(OWNERS)
                bindings += [east, west, north, south, nid, nid, path, path]
    else:
        part, values = _values(term, (MANY,) if many else ())
        for nid in types:
            parts += [f"{text} AND type = ? AND path = ?" for text in part]
            for each in values:
                bindings += [*each, nid, path]
    if waiting:
        more = listed(orjson.dumps(waiting).decode())
        parts.append(more.text)
        bindings += more.bindings
    return Candidates(" UNION ALL ".join(parts), tuple(bindings))


def _values(term: IndexTerm, many: tuple[bytes, ...]) -> tuple[list[str], list[list[Any]]]:
    start = f"SELECT eid FROM {TABLES[term.kind]} WHERE value "
    if term.values:
        marks = ", ".join("?" * (len(term.values) + len(many)))
        return [f"{start} IN ({marks})"], [[*map(_key, term.values), *many]]
    conditions, bindings = [], []
    if term.low is not None:
        conditions.append(">= ?" if term.low_inclusive else "> ?")
        bindings.append(_key(term.low))
    if term.high is not None:
        conditions.append("<= ?" if term.high_inclusive else "< ?")
        bindings.append(_key(term.high))
    ranges = start + " AND value ".join(conditions)
    return [ranges, *(f"{start} = ?" for _ in many)], [bindings, *([mark] for mark in many)]


def _key(value: Any) -> Any:
    return number_key(value) if value.__class__ is int else value
