"""NGSI-LD request bodies → the expanded entity (§4.5.1, §5.5.4).

Input may be normalized, concise or a mixture. Nothing is copied that can be kept: the result
shares parts with the body, which the caller gives away.
"""

from __future__ import annotations

from typing import Any

from broker.model.attribute import (
    PROOF,
    SPECIAL_IRIS,
    Instances,
    check_proof,
    null_refused,
    parse_attributes,
    parse_instances,
    parse_special,
    twice,
)
from broker.model.entity import NULL, Entity, Json
from broker.model.limits import TYPES
from broker.model.names import ENTITY_MEMBERS, Names, check_entity_id, parse_type
from broker.model.place import At, bad, show
from broker.model.primary import CREATE, MERGE, UPDATE, Mode
from broker.model.scopes import parse_scope
from broker.model.simplified import parse_simplified
from broker.model.times import check_datetime

BODY = "body:"


def parse_entity(
    body: Json, context: Names, *, entity_id: str | None = None, place: At = BODY
) -> Entity:
    """Return the entity of a create, replace or batch item, without system times.

    With `entity_id` (replace) the body's own id is neither needed nor looked at. Nulls are
    refused. Raises BadRequestData.
    """
    members = _check_object(body, place)
    if entity_id is None:
        entity_id = parse_entity_id(members, place)
    entity: Entity = {"id": entity_id, "type": _parse_types(members, place, context)}
    if "scope" in members:
        scope = members["scope"]
        if type(scope) is str and scope == NULL:
            raise null_refused((place, "scope"))
        entity["scope"] = parse_scope(scope, (place, "scope"))
    if "expiresAt" in members:
        entity["expiresAt"] = check_datetime(members["expiresAt"], (place, "expiresAt"))
    entity["attrs"] = parse_attributes(members, place, context, CREATE)
    return entity


def parse_fragment(
    body: Json,
    context: Names,
    *,
    nulls: bool,
    merge: bool = False,
    simplified: bool = False,
    place: At = BODY,
) -> Entity:
    """Return the fragment of an append, update or merge: {"type"?, "scope"?, …, "attrs"}.

    What the client removes is None: `scope`, `expiresAt`, an instance, a member of one.
    Without `nulls` (append) the NGSI-LD Null is refused. With `merge` attributes may lack
    type and value, and nulls inside compound values are left there for the merge; with
    `simplified` the body is simplified (merge only). The id is ignored. Raises BadRequestData
    for bad content and for a fragment that changes nothing.
    """
    members = _check_object(body, place)
    fragment: Entity = {}
    if not ENTITY_MEMBERS.isdisjoint(members):
        fragment = _parse_members(members, context, nulls, place)
    if simplified:
        attrs = parse_simplified(members, place, context, nulls=nulls)
    else:
        mode = MERGE if merge and nulls else UPDATE if nulls else CREATE
        attrs = parse_attributes(members, place, context, mode)
    if not attrs and not fragment:
        raise _nothing(place)
    fragment["attrs"] = attrs
    return fragment


def _parse_members(members: dict[str, Any], context: Names, nulls: bool, place: At) -> Entity:
    """Return what a fragment says of the entity besides its attributes."""
    for member in ("id", "@id", "type", "@type"):
        if members.get(member) == NULL:
            raise bad(
                (place, member),
                f"The {member} of an entity cannot be removed.",
                "Leave it out.",
            )
    fragment: Entity = {}
    if "type" in members or "@type" in members:
        fragment["type"] = _parse_types(members, place, context)
    for member, parse in (("scope", parse_scope), ("expiresAt", check_datetime)):
        if member in members:
            value = members[member]
            if type(value) is not str or value != NULL:
                fragment[member] = parse(value, (place, member))
            elif nulls:
                fragment[member] = None
            else:
                raise null_refused((place, member))
    return fragment


def parse_attribute(
    name_iri: str,
    body: Json,
    context: Names,
    *,
    nulls: bool,
    partial: bool,
    place: At = BODY,
) -> Instances:
    """Return the instances of one attribute by dataset, for PUT or, `partial`, for PATCH.

    A partial instance may lack its value, and has `type` only where the client names it; what
    it means is decided where it meets the stored one. None stands for what is removed. Raises
    BadRequestData.
    """
    if partial:
        if body != NULL and not _check_object(body, place):
            raise _nothing(place)
        mode = Mode(nulls=nulls, fragment=True)
        instances = parse_instances(body, place, context, mode)
        if any(instance == {} for instance in instances.values()):
            raise _nothing(place)
        if name_iri == PROOF:
            check_proof(instances, place)
        return instances
    mode = Mode(nulls=nulls)
    if name_iri in SPECIAL_IRIS:
        return parse_special(name_iri, body, place, context, mode)
    return parse_instances(body, place, context, mode)


def parse_entity_id(body: Json, place: At = BODY) -> str:
    """Return the id of an entity body, a batch item for instance. Raises BadRequestData."""
    members = _check_object(body, place)
    member = "id" if "id" in members else "@id"
    if member not in members:
        raise bad(
            place,
            "The entity has no id.",
            'Add an id that is a URI, for example "id": "urn:ngsi-ld:Bridge:mizunote".',
        )
    return check_entity_id(members[member], (place, member))


def _parse_types(members: dict[str, Any], place: At, context: Names) -> list[str]:
    member = "type" if "type" in members else "@type"
    if member not in members:
        raise bad(
            place,
            "The entity has no type.",
            'Add a type, for example "type": "Bridge".',
        )
    return parse_type(members[member], (place, member), context, TYPES)


def _check_object(body: Json, place: At) -> dict[str, Any]:
    if type(body) is not dict:
        raise bad(
            place,
            f"A JSON object is needed here; this is {show(body)}.",
            "Send one object: {…}.",
        )
    if "@id" in body and "id" in body:
        raise twice("id", place)
    if "@type" in body and "type" in body:
        raise twice("type", place)
    return body


def _nothing(place: At) -> Exception:
    return bad(
        place,
        "There is nothing in it to write.",
        "Name at least one attribute or member to change.",
    )
