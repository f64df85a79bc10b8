"""Rewrites of a query, so that hidden values cannot be probed through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from broker.query.ast import And, Compare, EntityQuery, Exists, Geo, Linked, Node, Not, Or

NOTHING = Or(())
"""Holds for no entity."""

EVERYTHING = And(())
"""Holds for every entity."""

Shown: TypeAlias = Callable[[tuple[str, ...]], Node]
"""From the IRIs of an attribute and the sub-attributes below it to the entities that show it."""


def hide_all(
    query: EntityQuery, hidden: Callable[[str], bool], visible: Node = EVERYTHING
) -> EntityQuery:
    """Return the query as it reads where the attributes `hidden` names were absent.

    An order by a hidden attribute falls out: none would have it. `visible` holds for the
    entities that are to be seen; others are neither found nor seen through a relationship.
    """
    order = tuple(each for each in query.order if not any(map(hidden, each.path.names)))
    where = And((hide(query.where, hidden, visible), visible))
    return replace(query, where=where, order=order)


def hide(node: Node, hidden: Callable[[str], bool], visible: Node = EVERYTHING) -> Node:
    """Return `node` as it reads where the attributes `hidden` names were absent.

    A condition on a hidden attribute or sub-attribute is false in itself, before any negation:
    `!secret` then holds for all, and says nothing.
    """
    return shade(node, lambda names: NOTHING if any(map(hidden, names)) else EVERYTHING, visible)


def shade(node: Node, shown: Shown, visible: Node) -> Node:
    """Return `node` as it reads where each attribute is absent from some entities.

    `shown` says of which entities an attribute, or a sub-attribute below it, is to be seen: a
    condition on it is false of the others in itself, before any negation. `visible` holds for
    the entities that are seen at all, `shown` need not repeat it.
    """
    match node:
        case And(nodes):
            return And(tuple(shade(each, shown, visible) for each in nodes))
        case Or(nodes):
            return Or(tuple(shade(each, shown, visible) for each in nodes))
        case Not(inner):
            return Not(shade(inner, shown, visible))
        case Linked(relationship, inner):
            there = And((visible, shade(inner, shown, visible)))
            return _where(shown, (relationship,), Linked(relationship, there))
        case Compare(path, _, _) | Exists(path):
            return _where(shown, path.names, node)
        case Geo(attribute):
            return _where(shown, (attribute,), node)
    return node


def _where(shown: Shown, names: tuple[str, ...], node: Node) -> Node:
    if not names:
        return node
    where = shown(names)
    if where in (EVERYTHING, NOTHING):
        return node if where == EVERYTHING else NOTHING
    return And((where, node))
