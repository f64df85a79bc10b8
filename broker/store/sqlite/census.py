"""Types and attributes in figures, counted slice by slice from the documents."""

from __future__ import annotations

from typing import Final, TypeAlias

import orjson

from broker.model.census import Census, Types
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.connection import runner
from broker.store.sqlite.names import Names

SLICE: Final = 2_000
"""Entities of one read."""

Counted: TypeAlias = tuple[
    str | None, list[tuple[int, str | None, int]], list[tuple[int, str | None, str, str, int]]
]
"""The last id of a slice, None for an empty one; entities by type; instances by type, attribute
and kind. A type is its number, or 0 with a JSON list of several."""

_SLICE = (
    "(SELECT e.id, e.type, e.doc, CASE e.type WHEN 0 THEN e.doc->>'$.type' END AS types "
    "FROM entity e WHERE e.tid = ? AND e.id > ? ORDER BY e.id LIMIT ?) s"
)


def count_slice(budget: Budget, tid: int, after: str) -> Counted:
    """Count the entities of a tenant behind an id."""
    run = runner(budget.connection)
    given = (tid, after, SLICE)
    last: str | None = run(f"SELECT max(s.id) FROM {_SLICE}", given).get
    if last is None:
        return None, [], []
    entities = run(
        f"SELECT s.type, s.types, count(*) FROM {_SLICE} GROUP BY 1, 2", given
    ).fetchall()
    instances = run(
        f"SELECT s.type, s.types, a.key, i.value->>'$.type', count(*) FROM {_SLICE}, "
        "json_each(s.doc, '$.attrs') a, json_each(a.value) i GROUP BY 1, 2, 3, 4",
        given,
    ).fetchall()
    return last, entities, instances


def tally(census: Census, counted: Counted, names: Names) -> None:
    """Add a slice to a census. Names are looked up: on the event loop only."""
    _, entities, instances = counted
    for nid, types, count in entities:
        census.entities[_types(nid, types, names)] += count
    for nid, types, key, kind, count in instances:
        census.instances[_types(nid, types, names), names.iris[key], kind] += count


def _types(nid: int, types: str | None, names: Names) -> Types:
    return (names.iris[str(nid)],) if types is None else tuple(sorted(set(orjson.loads(types))))
