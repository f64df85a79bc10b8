"""Rewrites of a query, so that hidden values cannot be probed through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from broker.query.ast import And, Compare, EntityQuery, Exists, Geo, Linked, Node, Not, Or

NOTHING = Or(())
"""Holds for no entity."""

EVERYTHING = And(())
"""Holds for every entity."""


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
    match node:
        case And(nodes):
            return And(tuple(hide(each, hidden, visible) for each in nodes))
        case Or(nodes):
            return Or(tuple(hide(each, hidden, visible) for each in nodes))
        case Not(inner):
            return Not(hide(inner, hidden, visible))
        case Linked(relationship, inner):
            if hidden(relationship):
                return NOTHING
            return Linked(relationship, And((visible, hide(inner, hidden, visible))))
        case Compare(path, _, _) | Exists(path):
            return NOTHING if any(map(hidden, path.names)) else node
        case Geo(attribute):
            return NOTHING if hidden(attribute) else node
    return node
