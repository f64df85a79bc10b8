"""Comparisons of a target with operands, as SQL (see `broker.query.sql`)."""

from __future__ import annotations

from typing import Any

from broker.query.ast import Op
from broker.query.operands import Family, Operands, keyed, sort_operands
from broker.query.sql_parts import FALSE, Sql, chain, exists, join, marks
from broker.query.sql_target import Target

_URIS = (
    "(CASE {0}.value->>'$.type' WHEN 'Relationship' THEN '$.object'"
    " WHEN 'ListRelationship' THEN '$.objectList' ELSE '$.vocab' END)"
)
_TEXT_FUNCTION = {Family.INSTANT: "machi_instant", Family.CLOCK: "machi_clock"}
_NUMBER = "x.type IN ('integer', 'real')"
_TEXT = "x.type = 'text'"


def comparison(target: Target, op: Op, operands: tuple[Any, ...]) -> Sql:
    """Return the condition that a target compares so with the operands."""
    if op is Op.EQ:
        return _equality(target, sort_operands(operands))
    if op is Op.NE:
        equal = _equality(target, sort_operands(operands))
        return join("(", target.present, " AND NOT ", equal, ")")
    (operand,) = operands
    if op is Op.MATCH:
        return _on_scalars(target, Sql(f"{_TEXT} AND machi_match(?, x.value)", (operand,)))
    if op is Op.NOT_MATCH:
        return _not_match(target, operand)
    return _on_scalars(target, _ordering(op, operand))


def _equality(target: Target, operands: Operands) -> Sql:
    scalar = _equal_scalar(operands)
    plain = exists(target.rows, join("typeof(x.key) <> 'text' AND ", scalar))
    if target.instance is None:
        return plain
    alias = target.instance
    texts = operands.keys.get(Family.TEXT, [])
    uris = FALSE
    if texts and target.uris:
        uris = exists(
            Sql(f"json_each({alias}.value, {_URIS.format(alias)}) x"),
            Sql(f"x.value IN ({marks(texts)})", tuple(texts)),
        )
    languages = FALSE
    if operands.textual():
        languages = exists(
            Sql(f"json_tree({alias}.value, '$.languageMap') x"), join(f"{_TEXT} AND ", scalar)
        )
    return _by_kind(alias, plain, languages, uris)


def _on_scalars(target: Target, test: Sql) -> Sql:
    plain = exists(target.rows, join("x.key IS NULL AND ", test))
    if target.instance is None or not test.text.startswith(_TEXT):
        return plain
    languages = exists(_languages(target.instance), test)
    return _by_kind(target.instance, plain, languages, FALSE)


def _not_match(target: Target, pattern: str) -> Sql:
    found = Sql(f"{_TEXT} AND machi_match(?, x.value)", (pattern,))
    missed = Sql(f"{_TEXT} AND NOT machi_match(?, x.value)", (pattern,))
    plain = exists(target.rows, join("x.key IS NULL AND ", missed))
    if target.instance is None:
        return plain
    rows = _languages(target.instance)
    languages = join("(", exists(rows, missed), " AND NOT ", exists(rows, found), ")")
    return _by_kind(target.instance, plain, languages, FALSE)


def _languages(alias: str) -> Sql:
    return Sql(f"json_each({alias}.value, '$.languageMap') x")


def _by_kind(alias: str, plain: Sql, languages: Sql, uris: Sql) -> Sql:
    if languages is FALSE and uris is FALSE:
        return plain
    return join(
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


def _equal_scalar(operands: Operands) -> Sql:
    parts: list[Sql] = []
    for family, keys in operands.keys.items():
        if family is Family.BOOLEAN:
            names = sorted({"true" if key else "false" for key in keys})
            parts.append(Sql(f"x.type IN ({marks(names)})", tuple(names)))
        else:
            parts.append(Sql(f"({_operand(family)} IN ({marks(keys)}))", tuple(keys)))
    parts += [
        Sql(f"({_operand(family)} BETWEEN ? AND ?)", (low, high))
        for family, low, high in operands.ranges
    ]
    return chain(" OR ", parts, FALSE)


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
        return FALSE
    return Sql(f"{_operand(found[0])} {op.value} ?", (found[1],))
