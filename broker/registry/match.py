"""Which registrations are about what is asked (§5.10.2.4, §5.11.2.4, §5.12); pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from broker.model.entity import DEFAULT, Entity
from broker.model.names import NGSI_LD
from broker.query.ast import And, Compare, Exists, Geo, Linked, Node, Not, Or
from broker.query.predicate import compile_predicate
from broker.query.regex import compile_pattern
from broker.query.temporal import Temporal
from broker.registry.model import EntityInfo, Information, Registration
from broker.subscriptions.model import Selector

_SPACES = ("location", "observationSpace", "operationSpace")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the registry: registrations of sources that may have it.

    `attributes` are those asked for by name, and those that `q` and the geoquery look at.
    """

    selectors: tuple[Selector, ...] = ()
    attributes: frozenset[str] = frozenset()
    geo: Geo | None = None
    scope: Node | None = None
    csf: Node | None = None
    temporal: Temporal | None = None


def matches(registration: Registration, wanted: Wanted, now: str) -> bool:
    """Tell whether a registration is about what is asked."""
    if registration.expired(now) or not _in_time(registration, wanted.temporal):
        return False
    if not any(_informs(each, wanted) for each in registration.information):
        return False
    described = describe(registration)
    if any(
        node is not None and not compile_predicate(node)(described)
        for node in (wanted.scope, wanted.csf)
    ):
        return False
    return wanted.geo is None or _possible(wanted.geo, described)


def relevant(registration: Registration, wanted: Wanted) -> list[Any]:
    """Return the elements of `information`, as clients are shown them, that are asked for."""
    pairs = zip(registration.information, registration.members["information"], strict=True)
    return [shown for parsed, shown in pairs if _informs(parsed, wanted)]


def describe(registration: Registration) -> Entity:
    """Return a registration as an entity whose attributes are its members, to be queried."""
    members = registration.members
    attrs: dict[str, Any] = {}
    for name, value in members.items():
        if name in _SPACES:
            bare = value["value"] if value["type"] == "GeoProperty" else value
            attrs[NGSI_LD + name] = {DEFAULT: {"type": "GeoProperty", "value": bare}}
        elif name not in ("id", "type", "scope", "contextSourceInfo"):
            attrs[NGSI_LD + name] = {DEFAULT: {"type": "Property", "value": value}}
    for iri, value in registration.properties.items():
        wrapped = isinstance(value, dict) and value.get("type") == "Property" and "value" in value
        plain = value["value"] if wrapped else value
        attrs[iri] = {DEFAULT: {"type": "Property", "value": plain}}
    scope = members.get("scope", ())
    return {
        "id": registration.id,
        "type": [NGSI_LD + "ContextSourceRegistration"],
        "scope": [scope] if isinstance(scope, str) else list(scope),
        "createdAt": registration.created_at,
        "modifiedAt": registration.modified_at,
        "attrs": attrs,
    }


def attributes_of(node: Node) -> frozenset[str]:
    """Return the attributes a query looks at."""
    return frozenset(_attributes(node))


def _attributes(node: Node) -> Iterator[str]:
    match node:
        case And(nodes) | Or(nodes):
            for each in nodes:
                yield from _attributes(each)
        case Not(inner):
            yield from _attributes(inner)
        case Compare(path) | Exists(path):
            yield from path.names[:1]
        case Linked(relationship):
            yield relationship
        case Geo(attribute):
            yield attribute


def _informs(information: Information, wanted: Wanted) -> bool:
    """Tell whether an element of `information` is about the entities and attributes asked for."""
    if wanted.selectors and information.entities:
        pairs = ((one, info) for one in wanted.selectors for info in information.entities)
        if not any(_selects(one, info) for one, info in pairs):
            return False
    offered, asked = information.attributes, wanted.attributes
    return not asked or not offered or not asked.isdisjoint(offered)


def _selects(selector: Selector, info: EntityInfo) -> bool:
    """Tell whether some entity could be both what is asked for and what is registered (§5.12)."""
    if selector.types is not None and info.types:
        kind: Entity = {"id": "", "type": list(info.types), "attrs": {}}
        if not compile_predicate(selector.types)(kind):
            return False
    if info.id is None and info.pattern is None:
        return True
    if not selector.ids and selector.pattern is None:
        return True
    if info.id is not None:
        return info.id in selector.ids or (
            selector.pattern is not None and found(selector.pattern, info.id)
        )
    assert info.pattern is not None
    return selector.pattern is not None or any(found(info.pattern, one) for one in selector.ids)


def found(pattern: str, text: str) -> bool:
    """Tell whether an idPattern is found in an id."""
    return compile_pattern(pattern).search(text) is not None


def _in_time(registration: Registration, temporal: Temporal | None) -> bool:
    """Tell whether the times a source knows of are those asked for (§5.10.2.4)."""
    if temporal is None:
        return not registration.temporal
    observed = temporal.property == "observedAt"
    interval = registration.observation if observed else registration.management
    if interval is None:
        return False
    end = interval.end
    if temporal.relation == "before":
        return interval.start <= temporal.at
    if temporal.relation == "after":
        return end is None or end >= temporal.at
    assert temporal.end is not None
    return interval.start <= temporal.end and (end is None or end >= temporal.at)


_WEAKER = {"within": "intersects", "overlaps": "intersects", "equals": "contains"}
"""What a region must be to a reference so that a place in it may stand in a relation to it."""


def _possible(geo: Geo, described: Entity) -> bool:
    """Tell whether the registered region satisfies a geoquery, or may have places that do."""
    if compile_predicate(geo)(described):
        return True
    if geo.relation in _WEAKER:
        return compile_predicate(replace(geo, relation=_WEAKER[geo.relation]))(described)
    if geo.relation == "disjoint":
        has = compile_predicate(replace(geo, relation="intersects"))(described)
        return has and not compile_predicate(replace(geo, relation="within"))(described)
    if geo.relation == "near" and not geo.maximum:
        return any(compile_predicate(geo)(corner) for corner in _corners(geo, described))
    return False


def _corners(geo: Geo, described: Entity) -> Iterator[Entity]:
    """Yield the positions of the registered region: one of them is the farthest from a point."""
    for instance in described["attrs"].get(geo.attribute, {}).values():
        if instance["type"] != "GeoProperty":
            continue
        level = [instance["value"]["coordinates"]]
        while level:
            item = level.pop()
            if isinstance(item[0], list):
                level += item
                continue
            value = {"type": "Point", "coordinates": item}
            corner = {DEFAULT: {"type": "GeoProperty", "value": value}}
            yield {**described, "attrs": {geo.attribute: corner}}
