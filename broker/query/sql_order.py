# ruff: noqa: S608 - statements are put together from constants; every value is bound
"""Orders → SQL: the key of each, and the terms of ORDER BY (see `broker.query.ordering`).

The row is `e` as in `broker.query.sql`. A key is a number, or a BLOB, which SQLite puts behind
all numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from broker.model.entity import DEFAULT, PRIMARY
from broker.query.ast import Order, Path
from broker.query.geo import metres_from_json
from broker.query.order import behind
from broker.query.ordering import sql_value_key
from broker.query.sql import Connection
from broker.query.sql_parts import Intern, Sql

_MISSING: Final = "x'09'"
_PRIMARY = (
    "CASE {0}.value->>'$.type' "
    + " ".join(
        f"WHEN '{kind}' THEN '$.{member}'" for kind, member in PRIMARY.items() if member != "value"
    )
    + " ELSE '$.value' END"
)


def register_order_functions(connection: Connection) -> None:
    """Register the functions that compiled orders call. Once for each connection."""
    functions: tuple[tuple[str, Callable[..., Any], int], ...] = (
        ("machi_order", sql_value_key, 3),
        ("machi_behind", lambda tag, kind, value: behind(sql_value_key(tag, kind, value)), 3),
        ("machi_distance", lambda from_, value: metres_from_json(from_)(orjson.loads(value)), 2),
    )
    for name, function, arguments in functions:
        connection.create_scalar_function(name, function, arguments, deterministic=True)


def compile_keys(orders: Sequence[Order], intern: Intern) -> list[Sql]:
    """Return the expression for the key of each order."""
    return [_key(order, intern) for order in orders]


def terms(orders: Sequence[Order], columns: Sequence[str]) -> str:
    """Return the terms of ORDER BY, given the columns that hold the keys."""
    return ", ".join(_term(order, column) for order, column in zip(orders, columns, strict=True))


def _term(order: Order, column: str) -> str:
    if not order.descending and order.reference is None:
        return column
    near = f" WHEN typeof({column}) = 'blob' THEN 1" if order.reference is not None else ""
    group = f"CASE WHEN {column} = {_MISSING} THEN 3 WHEN {column} = x'08' THEN 2{near} ELSE 0 END"
    return f"{group}, {column}{' DESC' if order.descending else ''}"


def _key(order: Order, intern: Intern) -> Sql:
    path = order.path
    if not path.names:
        if path.keys:
            return Sql(_MISSING)
        return _expression(order, *_entity_member(path.member or ""), "''")
    sources, params = [], []
    owner, ranks = "e.doc", []
    for level, name in enumerate(path.names):
        number = intern(name)
        if number is None:
            return Sql(_MISSING)
        sources.append(f"json_each({owner}, ?) d{level}")
        params.append(f'$.attrs."{number}"')
        owner = f"d{level}.value"
        ranks += [f"d{level}.key <> '{DEFAULT}'", f"d{level}.id"]
    kind, value, more, keys = _target(path, len(path.names) - 1)
    whole = path.member is None and not path.keys
    attribute = f"d{len(path.names) - 1}.value->>'$.type'" if whole else "''"
    found = _expression(order, kind, value, attribute)
    conditions = "".join(f" AND k{level}.key = ?" for level in range(len(keys)))
    general = Sql(
        f"coalesce((SELECT {found.text} FROM {', '.join([*sources, *more])} "
        f"WHERE {kind} IS NOT NULL{conditions} ORDER BY {', '.join(ranks)} LIMIT 1), {_MISSING})",
        (*found.params, *params, *keys),
    )
    if not whole or len(params) > 1 or order.reference is not None:
        return general
    return _number_first(f'{params[0]}."{DEFAULT}".value', general)


def _number_first(path: str, general: Sql) -> Sql:
    """Return a key that is found with less work where it is the number of a default instance."""
    return Sql(
        "coalesce((SELECT x.value FROM json_each(e.doc, ?) x "
        f"WHERE x.key IS NULL AND x.type IN ('integer', 'real')), {general.text})",
        (path, *general.params),
    )


def _expression(order: Order, kind: str, value: str, attribute: str) -> Sql:
    """Return the key of the value with a JSON type, in an attribute of some kind."""
    if order.reference is None:
        return Sql(
            f"CASE WHEN {kind} IN ('integer', 'real') THEN {value} "
            f"ELSE machi_order(?, {kind}, {value}) END",
            (order.collation,),
        )
    return Sql(
        f"CASE {attribute} WHEN 'GeoProperty' THEN machi_distance(?, {value}) "
        f"ELSE machi_behind(?, {kind}, {value}) END",
        (orjson.dumps(order.reference).decode(), order.collation),
    )


def _entity_member(member: str) -> tuple[str, str]:
    if member == "id":
        return "'text'", "e.id"
    path = f"'$.{member}'"
    if member not in ("type", "scope"):
        return f"json_type(e.doc, {path})", f"e.doc->>{path}"
    only = f"json_array_length(e.doc, {path}) = 1"
    return (
        f"CASE WHEN {only} THEN 'text' ELSE json_type(e.doc, {path}) END",
        f"CASE WHEN {only} THEN e.doc->>'$.{member}[0]' ELSE e.doc->>{path} END",
    )


def _target(path: Path, last: int) -> tuple[str, str, list[str], tuple[str, ...]]:
    """Return JSON type and value of the target, and for keys more sources and what they are."""
    alias = f"d{last}"
    if path.keys:
        if path.member is not None:
            return "NULL", "NULL", [], ()
        sources = [f"json_each({alias}.value, {_PRIMARY.format(alias)}) k0"]
        for level in range(1, len(path.keys)):
            above = f"CASE k{level - 1}.type WHEN 'object' THEN k{level - 1}.value END"
            sources.append(f"json_each({above}) k{level}")
        end = f"k{len(path.keys) - 1}"
        return f"{end}.type", f"{end}.value", sources, path.keys
    if path.member is None:
        at = _PRIMARY.format(alias)
        return f"json_type({alias}.value, {at})", f"{alias}.value->>({at})", [], ()
    text = _system(path.member, alias, last)
    if text is not None:
        return f"CASE WHEN {text} IS NOT NULL THEN 'text' END", text, [], ()
    at = f"'$.{path.member}'"
    return f"json_type({alias}.value, {at})", f"{alias}.value->>{at}", [], ()


def _system(member: str, alias: str, last: int) -> str | None:
    """Return the expression of a member that an instance may leave to what is above it."""
    if member == "datasetId":
        return f"nullif({alias}.key, '{DEFAULT}')"
    created = [f"d{level}.value->>'$.createdAt'" for level in range(last, -1, -1)]
    created.append("e.doc->>'$.createdAt'")
    if member == "createdAt":
        return f"coalesce({', '.join(created)})"
    if member == "modifiedAt":
        return f"coalesce({alias}.value->>'$.modifiedAt', {', '.join(created)})"
    return None
