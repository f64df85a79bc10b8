"""Conditions in words, for people who wonder what their query says (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

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
    Moment,
    Node,
    Not,
    Op,
    Or,
    Path,
    Range,
    Scalar,
    ScopeMatches,
)

_OPERATORS: Final = {
    Op.EQ: "is",
    Op.NE: "is there and is not",
    Op.GT: "is greater than",
    Op.GE: "is at least",
    Op.LT: "is less than",
    Op.LE: "is at most",
    Op.MATCH: "contains a match of",
    Op.NOT_MATCH: "is there and contains no match of",
}
_SHOWN: Final = 5
"""Ids and operands that are named before the rest is counted."""

Shorten = Callable[[str], str]


def words(node: Node, shorten: Shorten) -> str:
    """Return a condition as a sentence without an end; `shorten` makes names of IRIs."""
    match node:
        case And(nodes):
            return _joined(nodes, " and ", shorten) if nodes else "anything at all"
        case Or(nodes):
            return _joined(nodes, " or ", shorten) if nodes else "nothing at all"
        case Not(Exists(path)):
            return f"there is no {_path(path, shorten)}"
        case Not(inner):
            return f"not ({words(inner, shorten)})"
        case HasType(iri):
            return f"it has the type {shorten(iri)} ({iri})"
        case IdIn(ids):
            return f"its id is {_choice(ids)}"
        case IdMatches(pattern):
            return f"its id contains a match of the pattern {pattern}"
        case ScopeMatches(pattern):
            return f"one of its scopes contains a match of the pattern {pattern}"
        case Exists(path):
            return f"there is {_path(path, shorten)}"
        case Compare(path, op, operands):
            return f"{_path(path, shorten)} {_OPERATORS[op]} {_choice(map(_operand, operands))}"
        case Geo():
            return _geo(node, shorten)
        case Linked(relationship, inner):
            return f"{shorten(relationship)} leads to an entity of which holds: " + words(
                inner, shorten
            )
    return repr(node)


def conditions(node: Node) -> Iterable[Node]:
    """Return the parts of a condition that must all hold."""
    return node.nodes if isinstance(node, And) else (node,)


def _joined(nodes: tuple[Node, ...], word: str, shorten: Shorten) -> str:
    parts = [
        f"({words(each, shorten)})" if isinstance(each, And | Or) else words(each, shorten)
        for each in nodes
    ]
    return word.join(parts)


def _path(path: Path, shorten: Shorten) -> str:
    names = [shorten(iri) for iri in path.names]
    whole = ".".join([*names, *([path.member] if path.member else [])])
    return whole + "".join(f"[{key}]" for key in path.keys)


def _choice(values: Iterable[str]) -> str:
    found = list(values)
    shown = " or ".join(found[:_SHOWN])
    return shown if len(found) <= _SHOWN else f"{shown} or one of {len(found) - _SHOWN} more"


def _operand(operand: Scalar | Range) -> str:
    if isinstance(operand, Range):
        return f"from {_operand(operand.low)} to {_operand(operand.high)}"
    if isinstance(operand, Moment):
        return f"the time {operand.text}"
    return orjson.dumps(operand).decode()


def _geo(node: Geo, shorten: Shorten) -> str:
    kind = node.geometry.get("type", "geometry") if isinstance(node.geometry, dict) else "geometry"
    name = shorten(node.attribute)
    if node.relation == "near" and node.distance is not None:
        bound = "at most" if node.maximum else "at least"
        return f"{name} is {bound} {node.distance:g} m from the {kind} given"
    return f"{name} {node.relation} the {kind} given"
