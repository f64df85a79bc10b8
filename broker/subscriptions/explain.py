"""Why a subscription is told of a change or not: each condition in order, held or not (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from broker.model.entity import Entity
from broker.query.ast import And, Compare, Exists, Geo, Linked, Node, Not, Or
from broker.query.linked import looked_at
from broker.query.predicate import compile_predicate
from broker.query.words import words
from broker.subscriptions.conditions import Conditions, selector_node
from broker.subscriptions.model import Selector, Subscription, Trigger
from broker.subscriptions.triggers import BITS, Event

Shorten = Callable[[str], str]
Linking: TypeAlias = Mapping[str, Entity | None]
"""Linked entities by id, None where there is none of that id."""
NONE: Final[Linking] = {}


@dataclass(frozen=True, slots=True)
class Step:
    """One condition: whether it held, and a code with values that `explain_words` words."""

    condition: str
    held: bool
    code: str
    values: dict[str, Any] = field(default_factory=dict)


def steps_of_status(subscription: Subscription, at: str, now: str) -> Iterator[Step]:
    """Yield what the subscription itself has to be like; `at` is the time of the change."""
    expires = subscription.expires_at
    if expires is not None and at >= expires:
        yield Step("status", False, "expired", {"at": expires})
    elif not subscription.is_active:
        yield Step("status", False, "paused")
    elif expires is not None and now >= expires:
        yield Step("status", True, "activeThen", {"at": expires})
    else:
        yield Step("status", True, "active")
    if subscription.time_interval is not None:
        yield Step("timeInterval", False, "periodic", {"seconds": subscription.time_interval})


def steps_of_change(
    subscription: Subscription, event: Event, shorten: Shorten, linked: Linking = NONE
) -> Iterator[Step]:
    """Yield what is asked of a change: the entity, what happened, and to which attributes.

    `linked` has the linked entities that `q` looks at.
    """
    conditions = Conditions(subscription)
    yield step_of_entities(subscription, event.entity, shorten)
    happened = [trigger.value for trigger in Trigger if BITS[trigger.value] & event.happened]
    values = {
        "happened": happened,
        "wanted": [trigger.value for trigger in subscription.triggers],
    }
    triggered = conditions.triggered(event)
    yield Step(
        "notificationTrigger", triggered, "triggered" if triggered else "notTriggered", values
    )
    if subscription.watched is not None:
        watched = conditions.watches(event)
        told = {
            "watched": sorted(map(shorten, subscription.watched)),
            "changed": sorted(map(shorten, event.attributes)),
        }
        yield Step("watchedAttributes", watched, "watched" if watched else "notWatched", told)
    yield from steps_of_queries(subscription, event.entity, shorten, linked)


def steps_of_queries(
    subscription: Subscription, entity: Entity, shorten: Shorten, linked: Linking = NONE
) -> Iterator[Step]:
    """Yield q, geoQ and scopeQ, as far as they are given."""
    asked = (("q", subscription.q), ("geoQ", subscription.geo), ("scopeQ", subscription.scope))
    for name, node in asked:
        if node is None:
            continue
        text = words(node, shorten)
        held = compile_predicate(node, linked.get)(entity)
        met = dict(looked_at(node, entity, linked.get))
        if held:
            satisfying = sorted(entity_id for entity_id, holds in met.items() if holds)
            code = "linkedHolds" if satisfying else "queryHolds"
            yield Step(name, True, code, {"query": text, "linked": satisfying})
            continue
        lacking = sorted({shorten(iri) for iri in _lacking(node, entity)})
        if name == "scopeQ" and not entity.get("scope"):
            yield Step(name, False, "noScope", {"query": text})
        elif lacking:
            yield Step(name, False, "attributeMissing", {"query": text, "missing": lacking})
        elif met:
            code = "linkedMissing" if set(met.values()) == {None} else "linkedFails"
            yield Step(name, False, code, {"query": text, "linked": sorted(met)})
        else:
            yield Step(name, False, "queryFails", {"query": text})


def step_of_entities(subscription: Subscription, entity: Entity, shorten: Shorten) -> Step:
    """Return whether the entity is selected, and if not what is wrong with the closest selector."""
    if not subscription.entities:
        return Step("entities", True, "anyEntity")
    closest: Step | None = None
    for selector in subscription.entities:
        step = _selected(selector, entity, shorten)
        if step.held:
            return step
        if closest is None or _CLOSENESS[step.code] > _CLOSENESS[closest.code]:
            closest = step
    assert closest is not None
    return closest


_CLOSENESS: Final = {"otherId": 0, "patternFails": 0, "otherType": 1}


def _selected(selector: Selector, entity: Entity, shorten: Shorten) -> Step:
    values: dict[str, Any] = {"id": entity["id"], "types": list(map(shorten, entity["type"]))}
    if compile_predicate(selector_node(selector))(entity):
        return Step("entities", True, "selected", values)
    if selector.ids and entity["id"] not in selector.ids:
        return Step("entities", False, "otherId", {**values, "wanted": list(selector.ids[:5])})
    if not selector.ids and selector.pattern is not None:
        pattern = selector_node(Selector(None, (), selector.pattern))
        if not compile_predicate(pattern)(entity):
            return Step("entities", False, "patternFails", {**values, "wanted": selector.pattern})
    asked = "" if selector.types is None else words(selector.types, shorten)
    return Step("entities", False, "otherType", {**values, "wanted": asked})


def _lacking(node: Node, entity: Entity) -> Iterator[str]:
    """Yield attributes that a condition names and the entity does not have."""
    match node:
        case And(nodes) | Or(nodes):
            for each in nodes:
                yield from _lacking(each, entity)
        case Compare(path) | Exists(path):
            if path.names and path.names[0] not in entity["attrs"]:
                yield path.names[0]
        case Geo(attribute) | Linked(attribute):
            if attribute not in entity["attrs"]:
                yield attribute
        case Not():
            return
