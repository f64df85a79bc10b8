"""AST → MongoDB filter document on stored entities (pure).

The filter of a node selects every entity that satisfies it. Where it may select more, the filter
is not `exact`, and the predicate (`broker.query.predicate`) decides on what it selects: that is
so for geometries, which MongoDB compares by other rules, and for regular expressions it does not
read as RE2 does. What a stored entity looks like is said in `documents`, what its targets are in
`targets`.

Filters use only what is documented to mean the same on every server: `$and`, `$or`, `$nor`,
`$elemMatch`, `$in`, `$nin`, `$not`, `$exists`, comparisons and, for patterns that are plain
enough, `$regex`. Conditions on one target stand side by side in its `$elemMatch`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

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
from broker.query.geo import Box, bounding_boxes
from broker.query.great_circle import RADIUS, haversine
from broker.query.operands import Family, Operands, keyed, sort_operands
from broker.store.mongodb.targets import path_key

Document: TypeAlias = dict[str, Any]
Find: TypeAlias = Callable[[Node], Iterable[str]]
"""From a condition to the ids of the entities that satisfy it."""

NEVER: Final[Document] = {"_id": {"$in": []}}

FIELDS: Final = {
    Family.NUMBER: "n",
    Family.TEXT: "s",
    Family.BOOLEAN: "b",
    Family.INSTANT: "i",
    Family.CLOCK: "c",
}
_WRITTEN: Final = (Family.TEXT, Family.INSTANT, Family.CLOCK)
"""What the texts of a LanguageProperty can be compared as."""
_ORDER: Final = {Op.GT: "$gt", Op.GE: "$gte", Op.LT: "$lt", Op.LE: "$lte"}

WIDE: Final = 20.0
"""Degrees from which on no circle is drawn around a box."""
_SLACK: Final = 0.02
"""How much wider a circle is than the points looked at of the box's border."""

_ATOM: Final = (
    r"(?:\\[.\-/+*?()\[\]{}|^$\\]|[A-Za-z0-9_ :/%@,;=~#&\"'<>-]|[^\x00-\x7f]|\.|\[[A-Za-z0-9_]+\])"
)
_PLAIN_PATTERN: Final = re.compile(rf"\^?(?:{_ATOM}[*+?]?)*\$?")


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter document; `exact` where it selects nothing but what satisfies the node."""

    document: Document
    exact: bool = True


NONE: Final = Filter(NEVER)


def compile_filter(node: Node, find: Find, *, sphere: bool = False) -> Filter:
    """Return the filter of a node. `find` answers the conditions on linked entities.

    With `sphere` the server has an index on the sphere, and points are looked for by it.
    """
    match node:
        case And(nodes):
            return _and([compile_filter(each, find, sphere=sphere) for each in nodes])
        case Or(nodes):
            return _or([compile_filter(each, find, sphere=sphere) for each in nodes])
        case Not(inner):
            found = compile_filter(inner, find, sphere=sphere)
            return Filter({"$nor": [found.document]}) if found.exact else Filter({}, False)
        case HasType(iri):
            return Filter({"types": iri})
        case IdIn(ids):
            return Filter({"id": {"$in": list(ids)}})
        case IdMatches(pattern):
            return _pattern("id", pattern)
        case ScopeMatches(pattern):
            return _pattern("scopes", pattern)
        case Exists(path):
            return Filter(_some(path))
        case Compare(path, op, operands):
            return _compare(path, op, operands)
        case Geo():
            return _geo(node, sphere)
        case Linked(relationship, inner):
            return Filter(_some(Path((relationship,)), r={"$in": list(find(inner))}))


def _and(parts: Sequence[Filter]) -> Filter:
    told = [part.document for part in parts if part.document]
    exact = all(part.exact for part in parts)
    if len(told) < 2:
        return Filter(told[0] if told else {}, exact)
    return Filter({"$and": told}, exact)


def _or(parts: Sequence[Filter]) -> Filter:
    if not parts:
        return NONE
    exact = all(part.exact for part in parts)
    if any(not part.document for part in parts):
        return Filter({}, exact)
    return Filter(_either([part.document for part in parts]), exact)


def _either(documents: Sequence[Document]) -> Document:
    return documents[0] if len(documents) == 1 else {"$or": list(documents)}


def _some(path: Path, **conditions: Any) -> Document:
    """Return the filter of entities with a target of this path that meets all conditions."""
    key = path_key(path.names, path.member, path.keys)
    return {"targets": {"$elemMatch": {"p": key, **conditions}}}


def _compare(path: Path, op: Op, operands: tuple[Any, ...]) -> Filter:
    if op is Op.EQ:
        ways = list(_equal(sort_operands(operands)))
        return Filter(_either([_some(path, **way) for way in ways])) if ways else NONE
    if op is Op.NE:
        return Filter(_some(path, **_unequal(sort_operands(operands))))
    (operand,) = operands
    if op is Op.MATCH:
        return _matching(path, operand)
    if op is Op.NOT_MATCH:
        return _not_matching(path, operand)
    found = keyed(operand)
    if found is None or found[0] is Family.BOOLEAN:
        return NONE
    family, bound = found
    condition = {_ORDER[op]: bound}
    ways = [{FIELDS[family]: condition}]
    if family in _WRITTEN:
        ways.append({f"l{FIELDS[family]}": {"$elemMatch": condition}})
    return Filter(_either([_some(path, **way) for way in ways]))


def _equal(operands: Operands) -> Iterable[Document]:
    """Yield the conditions of which a target that equals an operand meets one."""
    for family, keys in operands.keys.items():
        for field in _fields(family):
            yield {field: {"$in": list(keys)}}
    for family, low, high in operands.ranges:
        within = {"$gte": low, "$lte": high}
        for field in _fields(family):
            yield {field: within if field.islower() and len(field) == 1 else {"$elemMatch": within}}


def _unequal(operands: Operands) -> Document:
    """Return the conditions of a target that equals no operand: `_equal`, negated."""
    conditions: dict[str, list[Document]] = {}
    for family, keys in operands.keys.items():
        for field in _fields(family):
            conditions.setdefault(field, []).append({"$nin": list(keys)})
    for family, low, high in operands.ranges:
        within = {"$gte": low, "$lte": high}
        for field in _fields(family):
            refused = within if len(field) == 1 and field.islower() else {"$elemMatch": within}
            conditions.setdefault(field, []).append({"$not": refused})
    single = {field: listed[0] for field, listed in conditions.items() if len(listed) == 1}
    several = [
        {field: condition}
        for field, listed in conditions.items()
        if len(listed) > 1
        for condition in listed
    ]
    return {**single, "$and": several} if several else single


def _fields(family: Family) -> tuple[str, ...]:
    """Return where a value equal to an operand of the family may be."""
    field = FIELDS[family]
    plain = (field, field.upper())
    return (*plain, f"l{field}") if family in _WRITTEN else plain


def _matching(path: Path, pattern: str) -> Filter:
    plain = translate(pattern)
    condition: Document = {"$exists": True} if plain is None else {"$regex": plain}
    ways = [_some(path, s=condition), _some(path, ls=condition)]
    return Filter(_either(ways), plain is not None)


def _not_matching(path: Path, pattern: str) -> Filter:
    plain = translate(pattern)
    refused = {} if plain is None else {"$not": {"$regex": plain}}
    condition = {"$exists": True, **refused}
    ways = [_some(path, s=condition), _some(path, ls=condition)]
    return Filter(_either(ways), plain is not None)


def _pattern(field: str, pattern: str) -> Filter:
    plain = translate(pattern)
    if plain is None:
        return Filter({field: {"$exists": True}}, False)
    return Filter({field: {"$regex": plain}})


def translate(pattern: str) -> str | None:
    """Return an RE2 pattern as PCRE2 reads it alike, None where the two might differ.

    Only literals, dots, plain classes, simple quantifiers and anchors at both ends. `$` is the
    very end in RE2, but also stands before a last line break in PCRE2.
    """
    if _PLAIN_PATTERN.fullmatch(pattern) is None:
        return None
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        return f"{pattern}(?!\\n)"
    return pattern


def _geo(node: Geo, sphere: bool) -> Filter:
    """Return the filter of entities whose geometry's box meets one around the reference.

    On a `sphere` index points are looked for in a circle around the box.
    """
    key = path_key((node.attribute,))
    boxes = bounding_boxes(node)
    if boxes is None:
        return Filter({"places": {"$elemMatch": {"p": key}}}, False)
    ways: list[Document] = []
    for box in boxes:
        near = {"p": key, **_meets(box)}
        circle = _circle(box) if sphere else None
        if circle is None:
            ways.append(near)
        else:
            ways.append({**near, "point": {"$geoWithin": {"$centerSphere": circle}}})
            ways.append({**near, "point": {"$exists": False}})
    return Filter(_either([{"places": {"$elemMatch": way}} for way in ways]), False)


def _meets(box: Box) -> Document:
    west, south, east, north = box
    return {
        "west": {"$lte": east},
        "east": {"$gte": west},
        "south": {"$lte": north},
        "north": {"$gte": south},
    }


def _circle(box: Box) -> list[Any] | None:
    """Return [[longitude, latitude], radians] of a circle around a box; None for a wide box."""
    west, south, east, north = box
    if east - west > WIDE or north - south > WIDE:
        return None
    x, y = (west + east) / 2, (south + north) / 2
    border = [(a, b) for a in (west, x, east) for b in (south, y, north)]
    reach = max(haversine(x, y, a, b) for a, b in border) / RADIUS
    return [[x, y], reach * (1 + _SLACK) + 1e-6]
