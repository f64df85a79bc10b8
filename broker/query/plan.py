"""What an engine's indexes can do for a query: necessary conditions read off the AST.

Every function looks at the conditions that must hold together (the AND-spine). What it returns
holds for every entity that satisfies the node, and perhaps for more: the exact condition is
still to be tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from broker.query.ast import And, Compare, Geo, HasType, IdIn, Node, Not, Op, Or
from broker.query.geo import Box, bounding_boxes
from broker.query.operands import Family, Key, Operands, keyed, sort_operands

TEXT_LENGTH = 128
"""Characters of a text the index holds."""

Bound: TypeAlias = int | float | str | None


@dataclass(frozen=True, slots=True)
class IndexTerm:
    """Some number or text of the attribute is one of `values`, or lies between the bounds.

    `values` is empty where bounds are given; None is an open end. Texts are cut to what the
    index holds. All values of the attribute's instances count, whatever their kind: elements of
    arrays, texts of all languages, URIs.
    """

    kind: Literal["num", "txt"]
    attribute: str
    values: tuple[int | float | str, ...] = ()
    low: Bound = None
    low_inclusive: bool = True
    high: Bound = None
    high_inclusive: bool = True


@dataclass(frozen=True, slots=True)
class GeoTerm:
    """The box around some geometry of the attribute meets one of `boxes`.

    A box is (west, south, east, north) in degrees.
    """

    attribute: str
    boxes: tuple[Box, ...]


def spine(node: Node) -> Iterator[Node]:
    """Yield the conditions that must all hold for `node` to hold."""
    if isinstance(node, And):
        for each in node.nodes:
            yield from spine(each)
    else:
        yield node


def index_terms(node: Node) -> tuple[IndexTerm | GeoTerm, ...]:
    """Return the conditions an index on top-level attributes can serve."""
    found: list[IndexTerm | GeoTerm] = []
    for each in spine(node):
        if isinstance(each, Geo):
            boxes = bounding_boxes(each)
            if boxes is not None:
                found.append(GeoTerm(each.attribute, boxes))
        elif isinstance(each, Compare):
            term = _term(each)
            if term is not None:
                found.append(term)
    return tuple(found)


def required_types(node: Node) -> frozenset[str] | None:
    """Return types of which an entity needs at least one to satisfy `node`; None for any."""
    match node:
        case HasType(iri):
            return frozenset({iri})
        case And(nodes):
            found = [types for each in nodes if (types := required_types(each)) is not None]
            return min(found, key=len, default=None)
        case Or(nodes):
            every: frozenset[str] = frozenset()
            for each in nodes:
                types = required_types(each)
                if types is None:
                    return None
                every |= types
            return every
    return None


def required_ids(node: Node) -> frozenset[str] | None:
    """Return the ids among which an entity's id must be to satisfy `node`; None for any."""
    found: frozenset[str] | None = None
    for each in spine(node):
        if isinstance(each, IdIn):
            found = frozenset(each.ids) if found is None else found & frozenset(each.ids)
    return found


def given_type(node: Node, iri: str) -> Node:
    """Return what is left to test of `node` for entities known to have the type `iri`."""
    match node:
        case HasType(wanted) if wanted == iri:
            return And(())
        case And(nodes):
            rest = [given_type(each, iri) for each in nodes]
            return _joined(tuple(each for each in rest if each != And(())))
        case Or(nodes):
            options = tuple(given_type(each, iri) for each in nodes)
            return And(()) if And(()) in options else Or(options)
        case Not(inner):
            return Not(given_type(inner, iri))
    return node


def _joined(nodes: tuple[Node, ...]) -> Node:
    return nodes[0] if len(nodes) == 1 else And(nodes)


def _term(node: Compare) -> IndexTerm | None:
    path = node.path
    if len(path.names) != 1 or path.member is not None or path.keys:
        return None
    attribute = path.names[0]
    if node.op is Op.EQ:
        return _equality(attribute, sort_operands(node.operands))
    if node.op not in (Op.GT, Op.GE, Op.LT, Op.LE):
        return None
    found = keyed(node.operands[0])  # type: ignore[arg-type]
    if found is None:
        return None
    bound = _bound(*found)
    if bound is None:
        return None
    kind, value = bound
    # Texts are cut short in the index, so that an open end would lose what begins alike.
    closed = kind == "txt" or node.op in (Op.GE, Op.LE)
    if node.op in (Op.GT, Op.GE):
        return IndexTerm(kind, attribute, low=value, low_inclusive=closed)
    return IndexTerm(kind, attribute, high=value, high_inclusive=closed)


def _equality(attribute: str, operands: Operands) -> IndexTerm | None:
    singles = [_bound(family, key) for family, keys in operands.keys.items() for key in keys]
    ends = [(_bound(f, low), _bound(f, high)) for f, low, high in operands.ranges]
    if singles and not ends:
        kinds = {single[0] if single else None for single in singles}
        kind = kinds.pop()
        if kinds or kind is None:
            return None
        values = tuple(dict.fromkeys(single[1] for single in singles if single))
        return IndexTerm(kind, attribute, values=values)
    if len(ends) == 1 and not singles:
        low, high = ends[0]
        if low is not None and high is not None:
            return IndexTerm(low[0], attribute, low=low[1], high=high[1])
    return None


def _bound(family: Family, key: Key) -> tuple[Literal["num", "txt"], int | float | str] | None:
    """Return a key as the index holds it; None for booleans and times, which it cannot serve."""
    if family is Family.NUMBER:
        return "num", key
    if family is Family.TEXT and isinstance(key, str):
        return "txt", key[:TEXT_LENGTH]
    return None
