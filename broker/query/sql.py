# ruff: noqa: S608 - statements are put together from constants; every value is bound
"""AST → SQL condition over one row of the SQLite engine, exact on its own.

The row is `e`, with `e.tid`, `e.id` and `e.doc`: the expanded entity as JSON, in which attribute
and sub-attribute IRIs are replaced by the decimal text of their interned number. The condition
is never NULL. What it means is said in `broker.query.predicate`.

Values and keys travel as parameters. Instances are rows `d0`, `d1`, … (one alias a level), the
values compared are rows `x(key, type, value)` as json_each gives them: a scalar has no key, an
element of an array a number, a member of an object a text. Linked entities are rows `l1`, `l2`, …
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import orjson

from broker.query.ast import (
    And,
    Compare,
    Exists,
    Geo,
    HasType,
    IdIn,
    IdMatches,
    Linked,
    Node,
    Not,
    Or,
    ScopeMatches,
)
from broker.query.geo import holds_json, to_json
from broker.query.moment import clock, instant
from broker.query.regex import matches
from broker.query.sql_compare import comparison
from broker.query.sql_parts import FALSE, TRUE, Binding, Intern, Sql, chain, join, marks
from broker.query.sql_target import on_path

_MANY_IDS = 100
_OBJECTS = (
    "(CASE d0.value->>'$.type' WHEN 'Relationship' THEN '$.object'"
    " WHEN 'ListRelationship' THEN '$.objectList' END)"
)


class Connection(Protocol):
    """What registering functions needs of an SQLite connection (apsw has it)."""

    def create_scalar_function(
        self, name: str, callable: Any, numargs: int = -1, *, deterministic: bool = False
    ) -> None: ...


def register_functions(connection: Connection) -> None:
    """Register the functions that compiled conditions call. Once for each connection."""
    functions: tuple[tuple[str, Callable[..., Any], int], ...] = (
        ("machi_instant", lambda text: instant(text) if isinstance(text, str) else None, 1),
        ("machi_clock", lambda text: clock(text) if isinstance(text, str) else None, 1),
        (
            "machi_match",
            lambda pattern, text: int(matches(pattern, text)) if isinstance(text, str) else None,
            2,
        ),
        (
            "machi_geo",
            lambda condition, value: int(
                value is not None and holds_json(condition)(orjson.loads(value))
            ),
            2,
        ),
    )
    for name, function, arguments in functions:
        connection.create_scalar_function(name, function, arguments, deterministic=True)


def compile_sql(node: Node, intern: Intern) -> tuple[str, list[Binding]]:
    """Return the condition and its parameters.

    `intern` gives the number of an attribute IRI, None where the tenant never stored it.
    """
    condition = _compile(node, intern, "e")
    return condition.text, list(condition.params)


def _compile(node: Node, intern: Intern, entity: str) -> Sql:
    """Return the condition on the row with the alias `entity`."""
    match node:
        case And(nodes):
            return chain(" AND ", [_compile(each, intern, entity) for each in nodes], TRUE)
        case Or(nodes):
            return _any(nodes, intern, entity)
        case Not(inner):
            return join("(NOT ", _compile(inner, intern, entity), ")")
        case HasType(iri):
            return _has_type((iri,), entity)
        case IdIn(ids):
            return _id_in(ids, entity)
        case IdMatches(pattern):
            return Sql(f"machi_match(?, {entity}.id)", (pattern,))
        case ScopeMatches(pattern):
            return Sql(
                f"EXISTS (SELECT 1 FROM json_each({entity}.doc, '$.scope') x "
                "WHERE machi_match(?, x.value))",
                (pattern,),
            )
        case Exists(path):
            return on_path(path, intern, entity, lambda target: target.present)
        case Compare(path, op, operands):
            return on_path(path, intern, entity, lambda target: comparison(target, op, operands))
        case Geo():
            return _geo(node, intern, entity)
        case Linked():
            return _linked(node, intern, entity)


def _any(nodes: tuple[Node, ...], intern: Intern, entity: str) -> Sql:
    """Return the condition that one of them holds; an entity's types are looked at once."""
    iris = tuple(node.iri for node in nodes if isinstance(node, HasType))
    parts = [_compile(each, intern, entity) for each in nodes if not isinstance(each, HasType)]
    return chain(" OR ", [_has_type(iris, entity), *parts] if iris else parts, FALSE)


def _has_type(iris: tuple[str, ...], entity: str) -> Sql:
    return Sql(
        f"EXISTS (SELECT 1 FROM json_each({entity}.doc, '$.type') x "
        f"WHERE x.value IN ({marks(iris)}))",
        iris,
    )


def _id_in(ids: tuple[str, ...], entity: str) -> Sql:
    if len(ids) > _MANY_IDS:
        listed = orjson.dumps(ids).decode()
        return Sql(f"({entity}.id IN (SELECT value FROM json_each(?)))", (listed,))
    return Sql(f"({entity}.id IN ({marks(ids)}))", ids) if ids else FALSE


def _geo(node: Geo, intern: Intern, entity: str) -> Sql:
    number = intern(node.attribute)
    if number is None:
        return FALSE
    return Sql(
        f"EXISTS (SELECT 1 FROM json_each({entity}.doc, ?) d0 "
        "WHERE d0.value->>'$.type' = 'GeoProperty'"
        " AND machi_geo(?, d0.value->'$.value'))",
        (f'$.attrs."{number}"', to_json(node)),
    )


def _linked(node: Linked, intern: Intern, entity: str) -> Sql:
    """Look for a linked entity of the same tenant, in a row of the next alias."""
    number = intern(node.relationship)
    if number is None:
        return FALSE
    beyond = f"l{int(entity[1:] or 0) + 1}"
    return join(
        Sql(
            f"EXISTS (SELECT 1 FROM json_each({entity}.doc, ?) d0, "
            f"json_each(d0.value, {_OBJECTS}) u CROSS JOIN entity {beyond} "
            f"ON {beyond}.tid = {entity}.tid AND {beyond}.id = u.value "
            "WHERE u.type = 'text' AND ",
            (f'$.attrs."{number}"',),
        ),
        _compile(node.node, intern, beyond),
        ")",
    )
