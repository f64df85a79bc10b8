"""Bodies of the temporal API → facts of history (§5.2.20, §4.5.6 to §4.5.8). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from broker.model.attribute import (
    SPECIAL_IRIS,
    given_twice,
    is_multiple,
    parse_instances,
    parse_special,
)
from broker.model.entity import NULL, PRIMARY, Instance, Json
from broker.model.kinds import IGNORED
from broker.model.limits import TYPES
from broker.model.names import (
    ENTITY_MEMBERS,
    Names,
    check_attribute_name,
    check_uri,
    parse_type,
)
from broker.model.parse import BODY, parse_entity_id
from broker.model.place import At, bad, show
from broker.model.primary import HISTORY, is_null
from broker.model.scopes import parse_scope
from broker.model.times import check_datetime, sortable
from broker.store.history import SCOPE, Fact
from broker.temporal.kinds import PLURAL, WRAPPED


@dataclass(frozen=True, slots=True)
class Told:
    """What a body tells of the history of an entity."""

    types: tuple[str, ...]
    facts: tuple[Fact, ...]


def parse_evolution(body: Json, context: Names) -> tuple[str, Told]:
    """Return the id of an EntityTemporal and what it tells. Raises BadRequestData."""
    return parse_entity_id(body), _told(body, context, typed=True)


def parse_more(body: Json, context: Names) -> Told:
    """Return what an EntityTemporal fragment adds. Raises BadRequestData."""
    told = _told(body, context, typed=False)
    if not told.types and not told.facts:
        raise bad(
            BODY, "There is nothing in it to add.", "Name at least one attribute with instances."
        )
    return told


def parse_replacement(attribute: str, name: str, body: Json, context: Names) -> Fact:
    """Return the one instance in a body that takes the place of another (§5.6.14).

    The body is a fragment with the attribute and its one instance, or that instance alone.
    Raises BadRequestData.
    """
    place: At = BODY
    if type(body) is dict and (name in body or attribute in body):
        given = name if name in body else attribute
        others = [member for member in body if member not in (given, "id", "type", "@context")]
        if others:
            raise bad(
                (BODY, others[0]),
                "A fragment that modifies an instance has one attribute, that of the path.",
                f"Send only {given}.",
            )
        place, body = (BODY, given), body[given]
    facts = list(_facts(attribute, body, place, context))
    if len(facts) != 1:
        raise bad(place, f"One instance is needed here; there are {len(facts)}.", "Send one.")
    return facts[0]


def _told(body: Json, context: Names, *, typed: bool) -> Told:
    if type(body) is not dict:
        raise bad(BODY, f"A JSON object is needed here; this is {show(body)}.", "Send one object.")
    member = "type" if "type" in body else "@type"
    types: tuple[str, ...] = ()
    if member in body:
        types = tuple(parse_type(body[member], (BODY, member), context, TYPES))
    elif typed:
        raise bad(BODY, "The entity has no type.", 'Add a type, for example "type": "Bridge".')
    expiry = None
    if "expiresAt" in body:
        expiry = check_datetime(body["expiresAt"], (BODY, "expiresAt"))
    facts = list(_scopes(body["scope"], (BODY, "scope"))) if "scope" in body else []
    seen: set[str] = set()
    for term, value in body.items():
        if term in ENTITY_MEMBERS:
            continue
        here = (BODY, term)
        iri = context.expand(check_attribute_name(term, here))
        if iri in seen:
            raise given_twice(iri, here)
        seen.add(iri)
        facts += _facts(iri, value, here, context)
    if expiry is not None:
        for fact in facts:
            _expire(fact.instance, expiry)
    return Told(types, tuple(facts))


def _expire(instance: Instance, expiry: str) -> None:
    """Let an instance expire with the history it came in, where it does not before (§4.22)."""
    own = instance.get("expiresAt")
    if own is None or sortable(own) > sortable(expiry):
        instance["expiresAt"] = expiry


def _facts(iri: str, value: Any, at: At, context: Names) -> Iterator[Fact]:
    """Yield the instances of an attribute: one, or a list of none or more, of any dataset."""
    if value == []:
        return
    groups = [value] if type(value) is dict else value
    if type(groups) is list and all(_is_simplified(group) for group in groups):
        for index, group in enumerate(groups):
            place = at if type(value) is dict else (at, index)
            for item in _spelt_out(group, place):
                yield _fact(iri, item, place, context)
        return
    if type(value) is not list or not is_multiple(value):
        yield _fact(iri, value, at, context)
        return
    for index, item in enumerate(value):
        yield _fact(iri, item, (at, index), context)


def _is_simplified(group: Any) -> bool:
    """Tell whether this is an attribute with its temporal values (§4.5.9)."""
    if type(group) is not dict or group.get("type") not in PLURAL:
        return False
    return PLURAL[group["type"]] in group and PRIMARY[group["type"]] not in group


def _spelt_out(group: dict[str, Any], at: At) -> Iterator[dict[str, Any]]:
    """Yield an instance for each [value, time] of an attribute with its temporal values."""
    kind = group["type"]
    plural, member = PLURAL[kind], PRIMARY[kind]
    shared = {"type": kind}
    for name, value in group.items():
        if name == "datasetId":
            shared[name] = value
        elif name not in ("type", plural):
            raise bad(
                (at, name),
                f"An attribute with {plural} has no member {show(name)}.",
                "Leave it out, or send instances.",
            )
    pairs = group[plural]
    for index, pair in enumerate(pairs if type(pairs) is list else [None]):
        if type(pair) is not list or len(pair) != 2:
            raise bad(
                (at, plural),
                f"{plural} is a list of [value, time]; {show(pair)} at {index} is none.",
                f'Send for example "{plural}": [[…, "2020-07-03T19:10:00Z"]].',
            )
        value, time = pair
        if member in WRAPPED and type(value) is dict and value.keys() == {member}:
            value = value[member]
        yield {**shared, member: value, "observedAt": time}


def _fact(iri: str, value: Any, at: At, context: Names) -> Fact:
    if iri in SPECIAL_IRIS:
        instances = parse_special(iri, value, at, context, HISTORY)
    else:
        instances = parse_instances(value, at, context, HISTORY)
    ((dataset, instance),) = instances.items()
    assert instance is not None
    kind = instance["type"]
    deleted = is_null(kind, instance[PRIMARY[kind]])
    return Fact(iri, instance, dataset, _instance_id(value, at), deleted)


def _instance_id(value: Any, at: At) -> str | None:
    if type(value) is not dict or "instanceId" not in value:
        return None
    example = "urn:ngsi-ld:instance:1"
    return check_uri(value["instanceId"], (at, "instanceId"), "An instanceId", example)


def _scopes(value: Any, at: At) -> Iterator[Fact]:
    """Yield the scopes given: plain, or as a Property's history (§4.5.6)."""
    if type(value) is dict:
        yield _scope(value, at)
    elif type(value) is list and value and all(type(item) is dict for item in value):
        for index, item in enumerate(value):
            yield _scope(item, (at, index))
    else:
        yield Fact(SCOPE, {"type": "Property", "value": parse_scope(value, at)})


def _scope(value: dict[str, Any], at: At) -> Fact:
    if value.get("type", "Property") != "Property" or "value" not in value:
        raise bad(at, "An instance of a scope is a Property with a value.", 'Send {"value": "/A"}.')
    for member in value:
        if member not in ("type", "value", "observedAt") and member not in IGNORED:
            raise bad(
                (at, member),
                f"An instance of a scope has no member {show(member)}.",
                "Leave it out; only value and observedAt are taken.",
            )
    given = value["value"]
    deleted = given in ([], NULL)
    scopes = [] if deleted else parse_scope(given, (at, "value"))
    instance: Instance = {"type": "Property", "value": scopes}
    if "observedAt" in value:
        instance["observedAt"] = check_datetime(value["observedAt"], (at, "observedAt"))
    return Fact(SCOPE, instance, instance_id=_instance_id(value, at), deleted=deleted)
