"""What an engine's indexes can do for a query: necessary conditions read off the AST.

Every function looks at the conditions that must hold together (the AND-spine). What it returns
holds for every entity that satisfies the node, and perhaps for more: the exact condition is
still to be tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, TypeAlias

from broker.query.ast import (
    And,
    Compare,
    Exists,
    Geo,
    HasType,
    IdIn,
    Linked,
    Node,
    Not,
    Op,
    Or,
)
from broker.query.geo import Box, bounding_boxes
from broker.query.operands import Family, Key, Operands, keyed, sort_operands

TEXT_LENGTH = 128
"""Characters of a text the index holds."""

Bound: TypeAlias = int | float | str | None

_ORDERINGS = frozenset({Op.GT, Op.GE, Op.LT, Op.LE})


class Exact(IntEnum):
    """Which comparisons the index rows of an attribute decide on their own.

    A value in an array equals like any other, but is not ordered; a value in an array within an
    array does neither, though the index holds it.
    """

    NOTHING = 0
    EQUALITY = 1
    ORDER = 2
    SINGLE = 3
    """All there is of the attribute is one number an entity, so that the rows also say in which
    order the entities are, and how many."""
    NEVER = 4
    """More than rows ever are: what a comparison needs that they cannot decide."""


@dataclass(slots=True)
class IndexTerm:
    """Some number or text of the attribute is one of `values`, or lies between the bounds.

    `values` is empty where bounds are given; None is an open end. Texts are cut to what the
    index holds. All values of the attribute's instances count, whatever their kind: elements of
    arrays, texts of all languages, URIs. `node` is the condition this was read off, which the
    term decides where the rows of the attribute are as exact as `needs`.
    """

    kind: Literal["num", "txt"]
    attribute: str
    values: tuple[int | float | str, ...] = ()
    low: Bound = None
    low_inclusive: bool = True
    high: Bound = None
    high_inclusive: bool = True
    node: Node | None = field(default=None, compare=False)
    needs: Exact = field(default=Exact.NEVER, compare=False)


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
            term = index_term(each)
            if term is not None:
                found.append(term)
    return tuple(found)


def index_term(node: Compare) -> IndexTerm | None:
    """Return the condition an index on top-level attributes can serve, None where none can."""
    path = node.path
    if len(path.names) != 1 or path.member is not None or path.keys:
        return None
    if node.op is Op.EQ:
        return _equality(node, sort_operands(node.operands))
    return _ordering(node) if node.op in _ORDERINGS else None


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


def given_types(node: Node, iris: Set[str]) -> Node:
    """Return what is left to test of `node` for entities known to have one of these types."""
    match node:
        case HasType(wanted) if iris <= {wanted}:
            return And(())
        case And(nodes):
            rest = [given_types(each, iris) for each in nodes]
            return _joined(tuple(each for each in rest if each != And(())))
        case Or(nodes):
            if iris <= {each.iri for each in nodes if isinstance(each, HasType)}:
                return And(())
            options = tuple(given_types(each, iris) for each in nodes)
            return And(()) if And(()) in options else Or(options)
        case Not(inner):
            return Not(given_types(inner, iris))
    return node


def without(node: Node, met: Node) -> Node:
    """Return what is left to test of `node` where `met`, one of its spine, holds."""
    if node is met:
        return And(())
    if not isinstance(node, And):
        return node
    rest = (without(each, met) for each in node.nodes)
    return _joined(tuple(each for each in rest if each != And(())))


def attributes(node: Node) -> Iterator[str]:
    """Yield the IRIs of all attributes and sub-attributes a query names."""
    match node:
        case And(nodes) | Or(nodes):
            for each in nodes:
                yield from attributes(each)
        case Not(inner):
            yield from attributes(inner)
        case Compare(path) | Exists(path):
            yield from path.names
        case Linked(relationship, inner):
            yield relationship
            yield from attributes(inner)
        case Geo(attribute):
            yield attribute


def _joined(nodes: tuple[Node, ...]) -> Node:
    return nodes[0] if len(nodes) == 1 else And(nodes)


def _ordering(node: Compare) -> IndexTerm | None:
    found = keyed(node.operands[0])  # type: ignore[arg-type]
    bound = None if found is None else _bound(*found)
    if bound is None:
        return None
    kind, value = bound
    attribute, needs = node.path.names[0], _needs(Exact.ORDER, value)
    # Such a text is cut short, and an open end would lose what begins alike.
    closed = needs is Exact.NEVER or node.op in (Op.GE, Op.LE)
    if node.op in (Op.GT, Op.GE):
        return IndexTerm(kind, attribute, (), value, closed, None, True, node, needs)
    return IndexTerm(kind, attribute, (), None, True, value, closed, node, needs)


def _equality(node: Compare, operands: Operands) -> IndexTerm | None:
    attribute = node.path.names[0]
    singles = [_bound(family, key) for family, keys in operands.keys.items() for key in keys]
    ends = [(_bound(f, low), _bound(f, high)) for f, low, high in operands.ranges]
    if singles and not ends:
        kinds = {single[0] if single else None for single in singles}
        kind = kinds.pop()
        if kinds or kind is None:
            return None
        values = tuple(dict.fromkeys(single[1] for single in singles if single))
        needs = _needs(Exact.EQUALITY, *values)
        return IndexTerm(kind, attribute, values, node=node, needs=needs)
    if len(ends) == 1 and not singles:
        low, high = ends[0]
        if low is not None and high is not None:
            # That of a URI is a text in the index, and within no range.
            exact = Exact.ORDER if low[0] == "txt" else Exact.EQUALITY
            needs = _needs(exact, low[1], high[1])
            return IndexTerm(low[0], attribute, low=low[1], high=high[1], node=node, needs=needs)
    return None


def _needs(exact: Exact, *bounds: int | float | str) -> Exact:
    """Return `exact`, or NEVER where a text is so long that the index holds only its start."""
    long = any(each.__class__ is str and len(each) >= TEXT_LENGTH for each in bounds)
    return Exact.NEVER if long else exact


def _bound(family: Family, key: Key) -> tuple[Literal["num", "txt"], int | float | str] | None:
    """Return a key as the index holds it; None for booleans and times, which it cannot serve."""
    if family is Family.NUMBER:
        return "num", key
    if family is Family.TEXT and isinstance(key, str):
        return "txt", key[:TEXT_LENGTH]
    return None
