"""Conditions on linked entities: whether there are any, and the entities they look at (pure)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from typing import Final

from broker.model.entity import TARGETS, Entity
from broker.query.ast import And, Linked, Node, Not, Or
from broker.query.predicate import compile_predicate

DEPTH: Final = 4
"""Relationships in a row that a condition may follow where each change is judged by it."""

MOST: Final = 200
"""Linked entities that are looked at for one judgement."""

Fetch = Callable[[Collection[str]], Awaitable[Iterable[Entity]]]
"""From ids to the entities among them that there are."""


class TooManyLinked(Exception):
    """A condition would have to look at more linked entities than `MOST`."""


def follows(node: Node) -> bool:
    """Tell whether a condition looks at linked entities."""
    match node:
        case Linked():
            return True
        case And(nodes) | Or(nodes):
            return any(map(follows, nodes))
        case Not(inner):
            return follows(inner)
    return False


def unlinked(node: Node) -> Node:
    """Return what of the conditions that must all hold looks at the entity alone."""
    if isinstance(node, And):
        return And(tuple(unlinked(each) for each in node.nodes))
    return And(()) if follows(node) else node


async def gather(node: Node, entity: Entity, fetch: Fetch) -> dict[str, Entity | None]:
    """Return all linked entities that decide whether `entity` satisfies `node`; None for no such.

    Raises TooManyLinked.
    """
    known: dict[str, Entity | None] = {}
    missing: set[str] = set()

    def find(entity_id: str) -> Entity | None:
        if entity_id not in known:
            missing.add(entity_id)
            return None
        return known[entity_id]

    holds = compile_predicate(node, find)
    while True:
        holds(entity)
        if not missing:
            return known
        if len(known) + len(missing) > MOST:
            raise TooManyLinked
        found = {each["id"]: each for each in await fetch(sorted(missing))}
        known |= {entity_id: found.get(entity_id) for entity_id in missing}
        missing.clear()


def looked_at(
    node: Node, entity: Entity, find: Callable[[str], Entity | None]
) -> Iterator[tuple[str, bool | None]]:
    """Yield the linked entities a condition is about: whether each satisfies its part of it.

    None tells that there is no such entity.
    """
    match node:
        case And(nodes) | Or(nodes):
            for each in nodes:
                yield from looked_at(each, entity, find)
        case Not(inner):
            yield from looked_at(inner, entity, find)
        case Linked(relationship, inner):
            holds = compile_predicate(inner, find)
            for entity_id in _targets(entity, relationship):
                linked = find(entity_id)
                yield entity_id, None if linked is None else holds(linked)
                if linked is not None:
                    yield from looked_at(inner, linked, find)


def _targets(entity: Entity, relationship: str) -> Iterator[str]:
    for instance in entity["attrs"].get(relationship, {}).values():
        member = TARGETS.get(instance["type"])
        target = () if member is None else instance[member]
        yield from (target,) if isinstance(target, str) else target
