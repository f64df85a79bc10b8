# ruff: noqa: S608 - statements are put together from constants; every value is bound
"""What a path looks at, as rows `x(key, type, value)` of SQL (see `broker.query.sql`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from broker.model.entity import DEFAULT
from broker.query.ast import Path
from broker.query.sql_parts import FALSE, TRUE, Intern, Sql, join

_PLAIN = (
    "(CASE {0}.value->>'$.type' WHEN 'ListProperty' THEN '$.valueList'"
    " WHEN 'JsonProperty' THEN '$.json' ELSE '$.value' END)"
)
_KEYED = (
    "(CASE {0}.value->>'$.type' WHEN 'ListProperty' THEN '$.valueList'"
    " WHEN 'JsonProperty' THEN '$.json' WHEN 'LanguageProperty' THEN '$.languageMap'"
    " ELSE '$.value' END)"
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a path looks at: `rows` to select from as x, and whether it is there at all.

    `instance` is the alias of the instance whose kind decides which member holds the value, or
    None where only `rows` count; `rows` then holds the plain kinds only. `uris` tells that those
    of a Relationship or VocabProperty count too.
    """

    rows: Sql
    present: Sql
    instance: str | None = None
    uris: bool = True


def on_path(path: Path, intern: Intern, entity: str, test: Callable[[Target], Sql]) -> Sql:
    """Return the condition that a target of the path passes a test; `entity` is a row's alias."""
    if not path.names:
        return test(_member(f"{entity}.doc", path.member or "", path.keys))
    sources: list[Sql] = []
    owner = f"{entity}.doc"
    for level, name in enumerate(path.names):
        number = intern(name)
        if number is None:
            return FALSE
        comma = ", " if level else ""
        sources.append(Sql(f"{comma}json_each({owner}, ?) d{level}", (f'$.attrs."{number}"',)))
        owner = f"d{level}.value"
    condition = test(_target(path, len(path.names) - 1, entity))
    return join("EXISTS (SELECT 1 FROM ", *sources, " WHERE ", condition, ")")


def _target(path: Path, last: int, entity: str) -> Target:
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


def _text(expression: str, keys: tuple[str, ...]) -> Target:
    if keys:
        return Target(Sql("(SELECT NULL AS key, NULL AS type, NULL AS value) x"), FALSE)
    rows = Sql(f"(SELECT NULL AS key, 'text' AS type, {expression} AS value) x")
    return Target(rows, Sql(f"({expression} IS NOT NULL)"))


def _member(document: str, member: str, keys: tuple[str, ...]) -> Target:
    path = Sql("?", (f"$.{member}",))
    if keys:
        return _inside(document, path, keys)
    return Target(
        join(f"json_each({document}, ", path, ") x"),
        join(f"(json_type({document}, ", path, ") IS NOT NULL)"),
    )


def _value(alias: str, keys: tuple[str, ...]) -> Target:
    if not keys:
        return Target(Sql(f"json_each({alias}.value, {_PLAIN.format(alias)}) x"), TRUE, alias)
    target = _inside(f"{alias}.value", Sql(_KEYED.format(alias)), keys)
    if keys != ("*",):
        return target
    some = f"EXISTS (SELECT 1 FROM json_each({alias}.value, '$.languageMap'))"
    present = _by_language(alias, Sql(some), target.present)
    return Target(target.rows, present, alias, uris=False)


def _inside(document: str, path: Sql, keys: tuple[str, ...]) -> Target:
    """Return what `keys` lead to inside the value at `path`.

    Members are found by comparing their keys, not by a JSON path: SQLite takes two keys for the
    same where they are alike up to a NUL character.
    """
    sources = [join(f"json_each({document}, ", path, ") k0")]
    for level in range(1, len(keys)):
        above = f"CASE k{level - 1}.type WHEN 'object' THEN k{level - 1}.value END"
        sources.append(Sql(f", json_each({above}) k{level}"))
    wanted = " AND ".join(f"k{level}.key = ?" for level in range(len(keys)))
    found = join(*sources, Sql(f" WHERE {wanted}", keys))
    last = f"k{len(keys) - 1}"
    elements = Sql(f", json_each(CASE {last}.type WHEN 'array' THEN {last}.value END) el")
    return Target(
        join(
            f"(SELECT NULL AS key, {last}.type AS type, {last}.value AS value FROM ",
            found,
            " UNION ALL SELECT el.key, el.type, el.value FROM ",
            join(*sources, elements, Sql(f" WHERE {wanted}", keys)),
            ") x",
        ),
        join("EXISTS (SELECT 1 FROM ", found, ")"),
    )


def _by_language(alias: str, language: Sql, other: Sql) -> Sql:
    kind = f"{alias}.value->>'$.type'"
    return join(f"CASE {kind} WHEN 'LanguageProperty' THEN ", language, " ELSE ", other, " END")
