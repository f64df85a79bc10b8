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
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import orjson

from broker.model.entity import DEFAULT
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
    Op,
    Or,
    Path,
    ScopeMatches,
)
from broker.query.geo import holds_json, to_json
from broker.query.moment import clock, instant
from broker.query.operands import Family, Operands, keyed, sort_operands
from broker.query.regex import matches

Binding: TypeAlias = int | float | str
Intern: TypeAlias = Callable[[str], int | None]

_MANY_IDS = 100
_PLAIN = (
    "(CASE {0}.value->>'$.type' WHEN 'ListProperty' THEN '$.valueList'"
    " WHEN 'JsonProperty' THEN '$.json' ELSE '$.value' END)"
)
_KEYED = (
    "(CASE {0}.value->>'$.type' WHEN 'ListProperty' THEN '$.valueList'"
    " WHEN 'JsonProperty' THEN '$.json' WHEN 'LanguageProperty' THEN '$.languageMap'"
    " ELSE '$.value' END)"
)
_URIS = (
    "(CASE {0}.value->>'$.type' WHEN 'Relationship' THEN '$.object'"
    " WHEN 'ListRelationship' THEN '$.objectList' ELSE '$.vocab' END)"
)
_OBJECTS = (
    "(CASE d0.value->>'$.type' WHEN 'Relationship' THEN '$.object'"
    " WHEN 'ListRelationship' THEN '$.objectList' END)"
)
_TEXT_FUNCTION = {Family.INSTANT: "machi_instant", Family.CLOCK: "machi_clock"}
_NUMBER = "x.type IN ('integer', 'real')"
_TEXT = "x.type = 'text'"


@dataclass(frozen=True, slots=True)
class Sql:
    """SQL text and the values of its `?` in order."""

    text: str
    params: tuple[Binding, ...] = ()


_TRUE = Sql("1")
_FALSE = Sql("0")


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
            return _chain(" AND ", [_compile(each, intern, entity) for each in nodes], _TRUE)
        case Or(nodes):
            return _chain(" OR ", [_compile(each, intern, entity) for each in nodes], _FALSE)
        case Not(inner):
            return _join("(NOT ", _compile(inner, intern, entity), ")")
        case HasType(iri):
            return Sql(
                f"EXISTS (SELECT 1 FROM json_each({entity}.doc, '$.type') x WHERE x.value = ?)",
                (iri,),
            )
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
            return _on_path(path, intern, entity, lambda target: target.present)
        case Compare(path, op, operands):
            return _on_path(path, intern, entity, lambda target: _comparison(target, op, operands))
        case Geo():
            return _geo(node, intern, entity)
        case Linked():
            return _linked(node, intern, entity)


def _join(*parts: str | Sql) -> Sql:
    text = "".join(part if isinstance(part, str) else part.text for part in parts)
    params = [value for part in parts if isinstance(part, Sql) for value in part.params]
    return Sql(text, tuple(params))


def _chain(operator: str, parts: list[Sql], empty: Sql) -> Sql:
    """Join conditions as a balanced tree, for SQLite limits the depth of an expression."""
    if not parts:
        return empty
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    left = _chain(operator, parts[:half], empty)
    return _join("(", left, operator, _chain(operator, parts[half:], empty), ")")


def _id_in(ids: tuple[str, ...], entity: str) -> Sql:
    if len(ids) > _MANY_IDS:
        listed = orjson.dumps(ids).decode()
        return Sql(f"({entity}.id IN (SELECT value FROM json_each(?)))", (listed,))
    return Sql(f"({entity}.id IN ({_marks(ids)}))", ids) if ids else _FALSE


def _marks(values: tuple[Any, ...] | list[Any]) -> str:
    return ", ".join("?" * len(values))


def _geo(node: Geo, intern: Intern, entity: str) -> Sql:
    number = intern(node.attribute)
    if number is None:
        return _FALSE
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
        return _FALSE
    beyond = f"l{int(entity[1:] or 0) + 1}"
    return _join(
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


@dataclass(frozen=True, slots=True)
class _Target:
    """What a path looks at: `rows` to select from as x, and whether it is there at all.

    `instance` is the alias of the instance whose kind decides which member holds the value, or
    None where only `rows` count; `rows` then holds the plain kinds only.
    """

    rows: Sql
    present: Sql
    instance: str | None = None


def _on_path(path: Path, intern: Intern, entity: str, test: Callable[[_Target], Sql]) -> Sql:
    if not path.names:
        return test(_member(f"{entity}.doc", path.member or "", path.keys))
    sources: list[Sql] = []
    owner = f"{entity}.doc"
    for level, name in enumerate(path.names):
        number = intern(name)
        if number is None:
            return _FALSE
        comma = ", " if level else ""
        sources.append(Sql(f"{comma}json_each({owner}, ?) d{level}", (f'$.attrs."{number}"',)))
        owner = f"d{level}.value"
    condition = test(_target(path, len(path.names) - 1, entity))
    return _join("EXISTS (SELECT 1 FROM ", *sources, " WHERE ", condition, ")")


def _target(path: Path, last: int, entity: str) -> _Target:
    alias = f"d{last}"
    if path.member is None:
        return _value(alias, path.keys)
    if path.member == "datasetId":
        return _text(f"nullif({alias}.key, '{DEFAULT}')", path.keys)
    created = [f"d{level}.value->>'$.createdAt'" for level in range(last, -1, -1)]
    created.append(f"{entity}.doc->>'$.createdAt'")
    if path.member == "createdAt":
        return _text(f"coalesce({', '.join(created)})", path.keys)
    if path.member == "modifiedAt":
        modified = f"{alias}.value->>'$.modifiedAt'"
        return _text(f"coalesce({', '.join([modified, *created])})", path.keys)
    return _member(f"{alias}.value", path.member, path.keys)


def _text(expression: str, keys: tuple[str, ...]) -> _Target:
    if keys:
        return _Target(Sql("(SELECT NULL AS key, NULL AS type, NULL AS value) x"), _FALSE)
    rows = Sql(f"(SELECT NULL AS key, 'text' AS type, {expression} AS value) x")
    return _Target(rows, Sql(f"({expression} IS NOT NULL)"))


def _member(document: str, member: str, keys: tuple[str, ...]) -> _Target:
    path = Sql("?", (f"$.{member}",))
    if keys:
        return _inside(document, path, keys)
    return _Target(
        _join(f"json_each({document}, ", path, ") x"),
        _join(f"(json_type({document}, ", path, ") IS NOT NULL)"),
    )


def _value(alias: str, keys: tuple[str, ...]) -> _Target:
    if not keys:
        return _Target(Sql(f"json_each({alias}.value, {_PLAIN.format(alias)}) x"), _TRUE, alias)
    target = _inside(f"{alias}.value", Sql(_KEYED.format(alias)), keys)
    if keys != ("*",):
        return target
    some = f"EXISTS (SELECT 1 FROM json_each({alias}.value, '$.languageMap'))"
    return _Target(target.rows, _by_language(alias, Sql(some), target.present), alias)


def _inside(document: str, path: Sql, keys: tuple[str, ...]) -> _Target:
    """Return what `keys` lead to inside the value at `path`.

    Members are found by comparing their keys, not by a JSON path: SQLite takes two keys for the
    same where they are alike up to a NUL character.
    """
    sources = [_join(f"json_each({document}, ", path, ") k0")]
    for level in range(1, len(keys)):
        above = f"CASE k{level - 1}.type WHEN 'object' THEN k{level - 1}.value END"
        sources.append(Sql(f", json_each({above}) k{level}"))
    wanted = " AND ".join(f"k{level}.key = ?" for level in range(len(keys)))
    found = _join(*sources, Sql(f" WHERE {wanted}", keys))
    last = f"k{len(keys) - 1}"
    elements = Sql(f", json_each(CASE {last}.type WHEN 'array' THEN {last}.value END) el")
    return _Target(
        _join(
            f"(SELECT NULL AS key, {last}.type AS type, {last}.value AS value FROM ",
            found,
            " UNION ALL SELECT el.key, el.type, el.value FROM ",
            _join(*sources, elements, Sql(f" WHERE {wanted}", keys)),
            ") x",
        ),
        _join("EXISTS (SELECT 1 FROM ", found, ")"),
    )


def _by_language(alias: str, language: Sql, other: Sql) -> Sql:
    kind = f"{alias}.value->>'$.type'"
    return _join(f"CASE {kind} WHEN 'LanguageProperty' THEN ", language, " ELSE ", other, " END")


def _comparison(target: _Target, op: Op, operands: tuple[Any, ...]) -> Sql:
    if op is Op.EQ:
        return _equality(target, sort_operands(operands))
    if op is Op.NE:
        equal = _equality(target, sort_operands(operands))
        return _join("(", target.present, " AND NOT ", equal, ")")
    (operand,) = operands
    if op is Op.MATCH:
        return _on_scalars(target, Sql(f"{_TEXT} AND machi_match(?, x.value)", (operand,)))
    if op is Op.NOT_MATCH:
        return _not_match(target, operand)
    return _on_scalars(target, _ordering(op, operand))


def _equality(target: _Target, operands: Operands) -> Sql:
    scalar = _equal_scalar(operands)
    plain = _exists(target.rows, _join("typeof(x.key) <> 'text' AND ", scalar))
    if target.instance is None:
        return plain
    alias = target.instance
    texts = operands.keys.get(Family.TEXT, [])
    uris = _FALSE
    if texts:
        uris = _exists(
            Sql(f"json_each({alias}.value, {_URIS.format(alias)}) x"),
            Sql(f"x.value IN ({_marks(texts)})", tuple(texts)),
        )
    languages = _FALSE
    if operands.textual():
        languages = _exists(
            Sql(f"json_tree({alias}.value, '$.languageMap') x"), _join(f"{_TEXT} AND ", scalar)
        )
    return _by_kind(alias, plain, languages, uris)


def _on_scalars(target: _Target, test: Sql) -> Sql:
    plain = _exists(target.rows, _join("x.key IS NULL AND ", test))
    if target.instance is None or not test.text.startswith(_TEXT):
        return plain
    languages = _exists(_languages(target.instance), test)
    return _by_kind(target.instance, plain, languages, _FALSE)


def _not_match(target: _Target, pattern: str) -> Sql:
    found = Sql(f"{_TEXT} AND machi_match(?, x.value)", (pattern,))
    missed = Sql(f"{_TEXT} AND NOT machi_match(?, x.value)", (pattern,))
    plain = _exists(target.rows, _join("x.key IS NULL AND ", missed))
    if target.instance is None:
        return plain
    rows = _languages(target.instance)
    languages = _join("(", _exists(rows, missed), " AND NOT ", _exists(rows, found), ")")
    return _by_kind(target.instance, plain, languages, _FALSE)


def _languages(alias: str) -> Sql:
    return Sql(f"json_each({alias}.value, '$.languageMap') x")


def _by_kind(alias: str, plain: Sql, languages: Sql, uris: Sql) -> Sql:
    if languages is _FALSE and uris is _FALSE:
        return plain
    return _join(
        f"CASE {alias}.value->>'$.type' WHEN 'LanguageProperty' THEN ",
        languages,
        *(
            part
            for kind in ("Relationship", "VocabProperty", "ListRelationship")
            for part in (f" WHEN '{kind}' THEN ", uris)
        ),
        " ELSE ",
        plain,
        " END",
    )


def _exists(rows: Sql, condition: Sql) -> Sql:
    return _join("EXISTS (SELECT 1 FROM ", rows, " WHERE ", condition, ")")


def _equal_scalar(operands: Operands) -> Sql:
    parts: list[Sql] = []
    for family, keys in operands.keys.items():
        if family is Family.BOOLEAN:
            names = sorted({"true" if key else "false" for key in keys})
            parts.append(Sql(f"x.type IN ({_marks(names)})", tuple(names)))
        else:
            parts.append(Sql(f"({_operand(family)} IN ({_marks(keys)}))", tuple(keys)))
    parts += [
        Sql(f"({_operand(family)} BETWEEN ? AND ?)", (low, high))
        for family, low, high in operands.ranges
    ]
    return _chain(" OR ", parts, _FALSE)


def _operand(family: Family) -> str:
    """Return the guard and the expression that operands of a family are compared with."""
    if family is Family.NUMBER:
        return f"{_NUMBER} AND x.value"
    if family is Family.TEXT:
        return f"{_TEXT} AND x.value"
    return f"{_TEXT} AND {_TEXT_FUNCTION[family]}(x.value)"


def _ordering(op: Op, operand: Any) -> Sql:
    found = keyed(operand)
    if found is None or found[0] is Family.BOOLEAN:
        return _FALSE
    return Sql(f"{_operand(found[0])} {op.value} ?", (found[1],))
