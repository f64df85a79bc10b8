"""Conditions on history: which entities they select, and which instances they leave (§5.7.4.4).

A condition is asked of an entity that has all its instances within the time range at once: it
holds where some instance satisfies it, of whatever moment. Of an attribute that is asked about,
those instances stay with which alone the whole condition would still hold. A condition on the
scope leaves only what lies in a time at which the entity had such a scope (§4.18). Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from broker.model.entity import Entity, Instance
from broker.model.times import timestamp
from broker.query.ast import (
    And,
    Compare,
    Exists,
    Geo,
    HasType,
    IdIn,
    IdMatches,
    Node,
    Not,
    Or,
    ScopeMatches,
)
from broker.query.predicate import compile_predicate
from broker.store.history import Moment, TimeProperty
from broker.temporal.evolution import Evolution, Told, held, time_of

TRUE: Final = And(())
_FALSE: Final = Or(())
_HEAD: Final = frozenset({HasType, IdIn, IdMatches})


class Several(list[tuple[str, Instance]]):
    """Instances of one attribute as an entity holds them, but many of one dataset."""

    def items(self) -> Iterator[tuple[str, Instance]]:
        """Return (dataset, instance)."""
        return iter(self)

    def values(self) -> Iterator[Instance]:
        """Return the instances."""
        return (instance for _, instance in self)


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of a query, by what they look at.

    `head` looks at types and ids, `scope` at the scope alone, `rest` at attributes.
    """

    head: Node = TRUE
    scope: Node = TRUE
    rest: Node = TRUE

    @property
    def simple(self) -> bool:
        """Whether types and ids decide."""
        return self.scope == TRUE and self.rest == TRUE

    def attributes(self) -> frozenset[str]:
        """Return the attributes they look at."""
        return attributes_of(self.rest)


def split(node: Node) -> Conditions:
    """Return the conditions of a node by what they look at."""
    head: list[Node] = []
    scope: list[Node] = []
    rest: list[Node] = []
    for each in _conjuncts(node):
        kinds = {type(leaf) for leaf in _leaves(each)}
        if _negated(each):
            rest.append(each)
        elif kinds <= _HEAD:
            head.append(each)
        elif kinds == {ScopeMatches}:
            scope.append(each)
        else:
            rest.append(each)
    return Conditions(And(tuple(head)), And(tuple(scope)), And(tuple(rest)))


def restricted(
    evolution: Evolution, conditions: Conditions, timeproperty: TimeProperty | None
) -> bool:
    """Leave in an evolution what satisfies the conditions; tell whether it is selected.

    `evolution.scopes` has to be all that is known of the scope.
    """
    if conditions.scope != TRUE:
        _at_scopes(evolution, conditions.scope, timeproperty)
    if conditions.rest == TRUE:
        return any(evolution.attributes.values())
    entity = _entity(evolution, conditions.rest)
    if not compile_predicate(conditions.rest)(entity):
        return False
    for iri in conditions.attributes() & evolution.attributes.keys():
        alone = compile_predicate(_specialised(conditions.rest, iri, entity))
        whole: Several = entity["attrs"].get(iri, Several())
        kept = {
            index
            for index, pair in zip(_living(evolution.attributes[iri]), whole, strict=True)
            if alone({**entity, "attrs": {iri: Several([pair])}})
        }
        told = evolution.attributes[iri]
        evolution.attributes[iri] = [each for index, each in enumerate(told) if index in kept]
    return any(evolution.attributes.values())


def attributes_of(node: Node) -> frozenset[str]:
    """Return the attributes a condition looks at."""
    found = set()
    for leaf in _leaves(node):
        if isinstance(leaf, Geo):
            found.add(leaf.attribute)
        elif isinstance(leaf, Compare | Exists) and leaf.path.names:
            found.add(leaf.path.names[0])
    return frozenset(found)


def _conjuncts(node: Node) -> Iterator[Node]:
    if isinstance(node, And):
        for each in node.nodes:
            yield from _conjuncts(each)
    else:
        yield node


def _leaves(node: Node) -> Iterator[Node]:
    match node:
        case And(nodes) | Or(nodes):
            for each in nodes:
                yield from _leaves(each)
        case Not(inner):
            yield from _leaves(inner)
        case _:
            yield node


def _negated(node: Node) -> bool:
    match node:
        case And(nodes) | Or(nodes):
            return any(map(_negated, nodes))
        case Not():
            return True
    return False


def _specialised(node: Node, attribute: str, entity: Entity) -> Node:
    """Return a condition in which only one attribute is open; the rest is as in `entity`."""
    match node:
        case And(nodes):
            return And(tuple(_specialised(each, attribute, entity) for each in nodes))
        case Or(nodes):
            return Or(tuple(_specialised(each, attribute, entity) for each in nodes))
        case Not(inner):
            return Not(_specialised(inner, attribute, entity))
    if attribute in attributes_of(node):
        return node
    return TRUE if compile_predicate(node)(entity) else _FALSE


def _entity(evolution: Evolution, node: Node) -> Entity:
    head = evolution.head
    times = _times if _asks_for_times(node) else _as_it_is
    attrs = {
        iri: Several((told[index][0], times(told[index][1])) for index in _living(told))
        for iri, told in evolution.attributes.items()
    }
    entity: Entity = {
        "id": head.id,
        "type": list(head.types),
        "createdAt": timestamp(head.created),
        "modifiedAt": timestamp(head.modified),
        "attrs": {iri: instances for iri, instances in attrs.items() if instances},
    }
    scopes = [one.instance["value"] for one in evolution.scopes if one.deleted is None]
    if scopes:
        entity["scope"] = [scope for some in scopes for scope in some]
    return entity


def _living(told: list[Told]) -> list[int]:
    """Return the positions of instances that are no deletions."""
    return [index for index, (_, moment) in enumerate(told) if moment.deleted is None]


def _asks_for_times(node: Node) -> bool:
    return any(
        isinstance(leaf, Compare | Exists) and leaf.path.member in ("createdAt", "modifiedAt")
        for leaf in _leaves(node)
    )


def _as_it_is(moment: Moment) -> Instance:
    return moment.instance


def _times(moment: Moment) -> Instance:
    return {
        **moment.instance,
        "createdAt": timestamp(moment.created),
        "modifiedAt": timestamp(moment.modified),
    }


def _at_scopes(evolution: Evolution, node: Node, timeproperty: TimeProperty | None) -> None:
    """Leave only instances of times at which the scope satisfied `node`."""
    holds = compile_predicate(node)
    timed = held(evolution.scopes, timeproperty)
    starts = [at for at, _ in timed]
    right = [one.deleted is None and holds({"scope": one.instance["value"]}) for _, one in timed]
    within = _within(starts, right)
    for told in evolution.attributes.values():
        told[:] = [each for each in told if within(time_of(each[1], timeproperty))]


def _within(starts: list[int], right: list[bool]) -> Callable[[Any], bool]:
    spans = [
        (start, starts[index + 1] if index + 1 < len(starts) else None)
        for index, start in enumerate(starts)
        if right[index]
    ]

    def test(at: int | None) -> bool:
        return at is not None and any(
            start <= at and (end is None or at < end) for start, end in spans
        )

    return test
