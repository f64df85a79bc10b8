"""Which registrations cannot stand beside each other, or beside our own entities (§5.9.2.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from broker.errors import Conflict
from broker.model.entity import Entity
from broker.query.ast import And, Exists, HasType, IdIn, IdMatches, Node, Or, Path
from broker.registry.match import found
from broker.registry.model import PROXIED, EntityInfo, Information, Mode, Registration


def check_others(registration: Registration, others: Iterable[Registration], now: str) -> None:
    """Refuse a registration of what is somebody else's already. Raises Conflict.

    What an exclusive source has, no other exclusive or redirect one may have. Registrations of
    the past do not compete with those of the present, nor with what has expired.
    """
    if registration.mode not in PROXIED:
        return
    for other in others:
        competes = other.id != registration.id and other.mode in PROXIED
        exclusive = Mode.EXCLUSIVE in (registration.mode, other.mode)
        alike = other.temporal == registration.temporal and not other.expired(now)
        if competes and exclusive and alike and _overlap(registration, other):
            raise Conflict(
                f"The registration {other.id} has some of these attributes of the same entity, "
                "and only one of them may.",
                place="body:/information",
                remedy="Change or delete that registration, or use the mode inclusive.",
            )


def named(registration: Registration) -> Iterator[tuple[str, EntityInfo, Information]]:
    """Yield the ids of entities that a registration names, with what it says of them."""
    for information in registration.information:
        for info in information.entities:
            if info.id is not None:
                yield info.id, info, information


def check_own(registration: Registration, entities: Iterable[Entity]) -> None:
    """Refuse an exclusive registration of attributes that we have. Raises Conflict."""
    for entity in entities:
        for entity_id, _, information in named(registration):
            if entity_id == entity["id"] and not information.attributes.isdisjoint(entity["attrs"]):
                raise own_data(entity_id)


def own_data(entity_id: str) -> Conflict:
    """Return the error for a registration of what we have ourselves."""
    return Conflict(
        f"The entity {entity_id} is here and is part of what is registered.",
        place="body:/information",
        remedy="Delete it, or what is registered of it, first; or use the mode inclusive.",
    )


def own_entities(registration: Registration) -> Node:
    """Return the condition on our entities that are part of what is registered."""
    return Or(tuple(_matching(each) for each in registration.information))


def _matching(information: Information) -> Node:
    nodes: list[Node] = []
    if information.entities:
        nodes.append(Or(tuple(map(_selected, information.entities))))
    if information.attributes:
        paths = (Path((iri,)) for iri in sorted(information.attributes))
        nodes.append(Or(tuple(Exists(path) for path in paths)))
    return And(tuple(nodes))


def _selected(info: EntityInfo) -> Node:
    nodes: list[Node] = []
    if info.types:
        nodes.append(Or(tuple(map(HasType, info.types))))
    if info.id is not None:
        nodes.append(IdIn((info.id,)))
    elif info.pattern is not None:
        nodes.append(IdMatches(info.pattern))
    return And(tuple(nodes))


def _overlap(one: Registration, other: Registration) -> bool:
    """Tell whether two registrations, of which one is exclusive, share an attribute."""
    exclusive, second = (one, other) if one.mode is Mode.EXCLUSIVE else (other, one)
    return any(
        _has(theirs, entity_id, info.types)
        and (not theirs.attributes or not ours.attributes.isdisjoint(theirs.attributes))
        for entity_id, info, ours in named(exclusive)
        for theirs in second.information
    )


def _has(information: Information, entity_id: str, types: tuple[str, ...]) -> bool:
    """Tell whether an entity may be among those registered; without types it may have any."""
    if not information.entities:
        return True
    for info in information.entities:
        if types and info.types and set(types).isdisjoint(info.types):
            continue
        if info.id is not None:
            if info.id == entity_id:
                return True
        elif info.pattern is None or found(info.pattern, entity_id):
            return True
    return False
