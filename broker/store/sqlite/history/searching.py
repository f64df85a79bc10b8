"""Which entities have history: a walk over heads in order of their ids, in one read transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import orjson

from broker.query.ast import And, HasType, IdIn, Node, Or
from broker.query.predicate import compile_predicate
from broker.store.history import ALL, EVERYTHING, Found, Head, Search
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.connection import Run, runner
from broker.store.sqlite.history.reading import Reading, lines_of
from broker.store.sqlite.names import Names

STEP: Final = 200
"""Heads read at a time."""

HEAD: Final = "p.id, p.types, p.created, p.modified, p.deleted"

Walk = Callable[[str | None], list[tuple[Any, ...]]]
"""From the id of the head before to the next heads."""


def search_heads(budget: Budget, tid: int, names: Names, search: Search) -> Found:
    """Return one page of the heads a search asks for."""
    run = runner(budget.connection)
    matches = compile_predicate(search.where)
    window = replace(search.window, last=None)
    demanding = search.which != ALL or window != EVERYTHING
    reading = Reading(budget, window)
    heads: list[Head] = []
    count = 0
    for head in _heads(budget, run, tid, names, search):
        if not matches({"id": head.id, "type": head.types, "attrs": {}}):
            continue
        if demanding:
            lines = lines_of(run, tid, head.id, search.which, names)
            if not any(reading.any(line) for line in lines):
                continue
        count += 1
        if search.offset < count <= search.offset + search.limit:
            heads.append(head)
        if not search.count and count >= search.offset + search.limit:
            break
    return Found(heads, count if search.count else None)


def to_head(row: tuple[Any, ...], names: Names) -> Head:
    """Return the head of a row of `HEAD`."""
    entity_id, types, created, modified, deleted = row
    return Head(entity_id, iris_of(types, names), created, modified, deleted)


def iris_of(types: str, names: Names) -> tuple[str, ...]:
    """Return the types a head lists."""
    return tuple(names.iris[str(nid)] for nid in orjson.loads(types))


def _heads(budget: Budget, run: Run, tid: int, names: Names, search: Search) -> Iterator[Head]:
    walk = _walk(run, tid, names, search)
    after = search.after
    while rows := walk(after):
        for row in rows:
            budget.check()
            yield to_head(row, names)
        after = rows[-1][0]


def _walk(run: Run, tid: int, names: Names, search: Search) -> Walk:
    """Return the way through as few heads as the condition allows."""
    beyond = "<" if search.descending else ">"
    order = "DESC" if search.descending else "ASC"
    ids, types = _narrowed(search.where)
    source = "past p WHERE p.tid = ?"
    values: list[Any] = [tid]
    if ids is not None:
        source += " AND p.id IN (SELECT value FROM json_each(?))"
        values = [tid, orjson.dumps(ids).decode()]
    elif types is not None:
        known = [nid for nid in map(names.nid, types) if nid is not None]
        listed = ", ".join("?" * len(known))
        source = (
            f"(SELECT DISTINCT id, pid FROM ptype WHERE type IN ({listed})) y "
            "CROSS JOIN past p ON p.pid = y.pid WHERE true"
        )
        values = [*known]
    key = "y.id" if ids is None and types is not None else "p.id"

    def walk(after: str | None) -> list[tuple[Any, ...]]:
        condition, more = "", []
        if after is not None:
            condition, more = f"AND {key} {beyond} ?", [after]
        rows: list[tuple[Any, ...]] = run(
            f"SELECT {HEAD} FROM {source} {condition} ORDER BY {key} {order} LIMIT {STEP}",
            (*values, *more),
        ).fetchall()
        return rows

    return walk


def _narrowed(where: Node) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return ids, and types, of which an entity has to have one; None for any."""
    ids: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    for node in where.nodes if isinstance(where, And) else (where,):
        match node:
            case IdIn(listed):
                ids = listed
            case HasType(iri):
                types = (iri,)
            case Or(nodes) if nodes and all(isinstance(each, HasType) for each in nodes):
                types = tuple(each.iri for each in nodes if isinstance(each, HasType))
            case And(_):
                inner = _narrowed(node)
                ids, types = inner[0] or ids, inner[1] or types
            case _:
                pass
    return ids, types
