"""One attribute of a request body: normalized, concise or mixed → expanded (§4.5.2, §4.5.3)."""

from __future__ import annotations

from typing import Any, TypeAlias

from broker.model.entity import DEFAULT, NULL, PRIMARY, Instance
from broker.model.geometry import is_geometry, parse_geometry
from broker.model.kinds import (
    FORBIDDEN,
    IGNORED,
    KIND_OF,
    MEMBERS,
    PRIMARIES,
    check_kind,
    check_members,
    misplaced_primary,
)
from broker.model.limits import ATTRIBUTES, INSTANCES, SUB_DEPTH, TYPES, check_value
from broker.model.names import (
    ENTITY_MEMBERS,
    NGSI_LD,
    RESERVED_IRIS,
    RESERVED_SUB_IRIS,
    SHORT_NAME,
    Names,
    check_attribute_name,
    check_dataset,
    expand_name,
    is_short_attribute_name,
    is_uri,
    parse_type,
    reserved,
)
from broker.model.place import At, bad, show
from broker.model.primary import Mode, is_null, parse_primary
from broker.model.times import check_datetime, is_datetime

Instances: TypeAlias = dict[str, Instance | None]
"""Instances by dataset; None stands for the NGSI-LD Null."""

GEO_ONLY = frozenset(NGSI_LD + name for name in ("location", "observationSpace", "operationSpace"))
PROOF = NGSI_LD + "ngsildproof"
SPECIAL_IRIS = RESERVED_IRIS | GEO_ONLY | {PROOF}
"""Attributes that `parse_special` parses."""

PLAIN = 4096
"""Names of attributes that are remembered of a @context."""


def parse_attributes(
    body: dict[str, Any], at: At, context: Names, mode: Mode
) -> dict[str, Instances]:
    """Return the attributes of an entity body; its other members are left alone."""
    plain = context.plain
    attrs: dict[str, Instances] = {}
    for term, value in body.items():
        iri, special = plain.get(term), False
        if iri is None:
            if term in ENTITY_MEMBERS:
                continue
            iri = _attribute_iri(term, (at, term), context)
            special = iri in SPECIAL_IRIS
        if iri in attrs:
            raise given_twice(iri, (at, term))
        if special:
            attrs[iri] = parse_special(iri, value, (at, term), context, mode)
        elif type(value) is dict and _is_expanded(value):
            attrs[iri] = {DEFAULT: value}
        else:
            attrs[iri] = parse_instances(value, (at, term), context, mode)
    if len(attrs) > ATTRIBUTES:
        raise bad(
            at,
            f"There are {len(attrs)} attributes; an entity may have {ATTRIBUTES}.",
            "Split the entity, or put related values into one compound value.",
        )
    return attrs


def _attribute_iri(term: str, at: At, context: Names) -> str:
    """Return the IRI an attribute's name stands for; remember it if there is no more to it."""
    if len(term) > SHORT_NAME or not is_short_attribute_name(term):
        return context.expand(check_attribute_name(term, at))
    iri = context.expand(term)
    if iri not in SPECIAL_IRIS:
        if len(context.plain) >= PLAIN:
            context.plain.clear()
        context.plain[term] = iri
    return iri


def _is_expanded(body: dict[str, Any]) -> bool:
    """Tell whether a body is a common instance that can be stored just as it came.

    Says yes only to a Property with a scalar or a Relationship with one target, with nothing
    but observedAt and unitCode beside it: most of what a broker is ever sent.
    """
    kind = body.get("type")
    members = len(body) - 2
    if kind == "Property":
        value = body.get("value")
        scalar = value.__class__
        if scalar is str:
            if value == NULL:
                return False
        elif scalar not in _NUMBERS:
            return False
        if not members:
            return True
        unit = body.get("unitCode")
        if unit is not None:
            if unit.__class__ is not str or not unit or unit == NULL:
                return False
            if members == 1:
                return True
            members -= 1
    elif kind == "Relationship":
        target = body.get("object")
        if target == NULL or not is_uri(target):
            return False
    else:
        return False
    return not members or (members == 1 and is_datetime(body.get("observedAt")))


def parse_special(iri: str, body: Any, at: At, context: Names, mode: Mode) -> Instances:
    """Parse an attribute whose kind the data model sets; refuse reserved names."""
    if iri in RESERVED_IRIS:
        raise reserved(iri, at)
    if type(body) is dict and len(body) == 2 and body.get("type") == "GeoProperty":
        value = body.get("value")
        if iri in GEO_ONLY and type(value) is dict:
            return {DEFAULT: {"type": "GeoProperty", "value": parse_geometry(value, (at, "value"))}}
    instances = parse_instances(body, at, context, mode)
    if iri == PROOF:
        check_proof(instances, at)
    else:
        check_geo_only(iri, instances, at)
    return instances


def check_geo_only(iri: str, instances: Instances, at: At) -> None:
    """Refuse an attribute of GEO_ONLY that is anything but a GeoProperty."""
    for instance in instances.values():
        if instance is not None and instance.get("type", "GeoProperty") != "GeoProperty":
            raise bad(
                at,
                f"{iri[len(NGSI_LD) :]} must be a GeoProperty; this is a {instance['type']}.",
                'Send a geometry, for example {"type": "GeoProperty", "value": '
                '{"type": "Point", "coordinates": [130.76, 32.21]}}.',
            )


def check_proof(instances: Instances, at: At) -> None:
    """Refuse an `ngsildproof` that is no Property with an object as its value (§4.5.2.2)."""
    for instance in instances.values():
        if instance is not None and (
            instance.get("type", "Property") != "Property"
            or type(instance.get("value", {})) is not dict
        ):
            raise bad(
                at,
                "ngsildproof must be a Property whose value is an object, the proof.",
                'Send {"type": "Property", "value": {"type": "DataIntegrityProof", …}, '
                '"entityIdSealed": …, "entityTypeSealed": …}.',
            )


def parse_instances(body: Any, at: At, context: Names, mode: Mode, depth: int = 0) -> Instances:
    """Return the instances of one attribute by dataset; None where one is the NGSI-LD Null."""
    if type(body) is not list or not is_multiple(body):
        dataset, instance = _parse_instance(body, at, context, mode, depth)
        return {dataset: instance}
    if len(body) > INSTANCES:
        raise bad(
            at,
            f"There are {len(body)} instances; an attribute may have {INSTANCES}.",
            "Split them over several attributes or entities.",
        )
    instances: Instances = {}
    for index, item in enumerate(body):
        here = (at, index)
        dataset, instance = _parse_instance(item, here, context, mode, depth)
        if dataset in instances:
            which = "no datasetId" if dataset == DEFAULT else f"the datasetId {show(dataset)}"
            raise bad(
                here,
                f"Two instances of the attribute have {which}.",
                "Give each instance of an attribute its own datasetId; one may have none.",
            )
        instances[dataset] = instance
    return instances


def is_multiple(items: list[Any]) -> bool:
    """Tell whether an array holds instances of an attribute rather than being a value.

    It does where all its elements are instances by their form, or where one of them is and
    carries a datasetId, which nothing but an instance has.
    """
    found = False
    others = False
    for item in items:
        if type(item) is not dict or not _has_form(item):
            others = True
        elif "datasetId" in item:
            return True
        else:
            found = True
    return found and not others


def _has_form(body: dict[str, Any]) -> bool:
    kind = body.get("type", body.get("@type"))
    if type(kind) is str and kind in PRIMARY:
        return True
    return kind is None and not PRIMARIES.isdisjoint(body)


def _parse_instance(
    body: Any, at: At, context: Names, mode: Mode, depth: int
) -> tuple[str, Instance | None]:
    if depth > SUB_DEPTH:
        raise bad(
            at,
            f"Sub-attributes are nested more than {SUB_DEPTH} levels deep.",
            "Flatten the attribute, or relate it to an entity of its own.",
        )
    if type(body) is not dict:
        return DEFAULT, _parse_value(body, at, context, mode)
    kind, explicit = _kind(body, at, mode)
    if kind == "Property" and not explicit and "value" not in body:
        check_value(body, at, nested_nulls=mode.nested)
        return DEFAULT, {"type": "Property", "value": body}
    if kind == "GeoProperty" and not explicit and "value" not in body:
        return DEFAULT, {
            "type": "GeoProperty",
            "value": parse_primary("GeoProperty", body, at, context, mode),
        }
    return _parse_members(body, kind, explicit, at, context, mode, depth)


def _parse_value(value: Any, at: At, context: Names, mode: Mode) -> Instance | None:
    """Return the Property that a bare scalar or array stands for (§4.5.2.3)."""
    if type(value) is str and value == NULL:
        if mode.nulls:
            return None
        raise null_refused(at)
    return {"type": "Property", "value": parse_primary("Property", value, at, context, mode)}


def _kind(body: dict[str, Any], at: At, mode: Mode) -> tuple[str | None, bool]:
    """Return the kind of an instance and whether the client named it (§4.5.2.3).

    None where a fragment leaves it open; what its members are for is then known only when
    they meet the stored instance.
    """
    present = [member for member in body if member in PRIMARIES]
    named = body.get("type")
    if "@type" in body:
        if "type" in body:
            raise twice("type", at)
        named = body["@type"]
    if named is not None:
        if not present and is_geometry(body):
            return "GeoProperty", False
        if "@value" in body and "value" not in body:
            return "Property", False
        if type(named) is str and named == "GeometryCollection" and not present:
            raise bad(
                (at, "type"),
                "A GeometryCollection is not allowed in NGSI-LD.",
                "Use one of the other geometry types, or one attribute instance per geometry.",
            )
        return check_kind(named, at), True
    if "type" in body or "@type" in body:
        check_kind(None, at)
    if len(present) > 1:
        raise misplaced_primary(present[1], None, at)
    if mode.fragment and not mode.nested:
        return None, False
    if not present:
        return (None if mode.fragment and _is_fragment(body) else "Property"), False
    if present[0] == "value" and is_geometry(body["value"]):
        return "GeoProperty", False
    return KIND_OF[present[0]], False


def _is_fragment(body: dict[str, Any]) -> bool:
    """Tell members to be merged into an attribute from a compound value to be merged into its.

    Neither has a `type` nor a value member; a member of the data model, or a sub-attribute
    that names its kind, decides.
    """
    return not MEMBERS.isdisjoint(body) or any(
        type(item) is dict and type(item.get("type")) is str and item["type"] in PRIMARY
        for item in body.values()
    )


def _parse_members(
    body: dict[str, Any],
    kind: str | None,
    explicit: bool,
    at: At,
    context: Names,
    mode: Mode,
    depth: int,
) -> tuple[str, Instance | None]:
    member = PRIMARY[kind] if kind else next((m for m in body if m in PRIMARIES), None)
    instance: Instance = {}
    if kind is not None and (explicit or not mode.fragment or mode.nested):
        instance["type"] = kind
    removed = False
    if member is not None and member in body:
        value = body[member]
        as_kind = kind or KIND_OF[member]
        removed = is_null(as_kind, value)
        if removed and mode.history:
            instance[member], removed = value, False
        elif removed and not mode.nulls:
            raise null_refused((at, member))
        elif not removed:
            instance[member] = parse_primary(as_kind, value, (at, member), context, mode)
    elif not mode.fragment:
        raise bad(
            at,
            f"A {kind} needs a member {member}.",
            f'Add "{member}", or correct the type of the attribute.',
        )
    dataset = _parse_others(body, member, instance, at, context, mode, depth)
    if kind is not None:
        check_members(kind, instance, at)
    return dataset, None if removed else instance


def _parse_others(
    body: dict[str, Any],
    primary: str | None,
    instance: Instance,
    at: At,
    context: Names,
    mode: Mode,
    depth: int,
) -> str:
    """Put every member but the primary one into `instance`; return the dataset."""
    dataset = DEFAULT
    subs: dict[str, Instances] = {}
    for member, value in body.items():
        if member == primary or member == "type" or member == "@type" or member in IGNORED:
            continue
        here = (at, member)
        if member == "datasetId":
            dataset = check_dataset(value, here)
        elif member in _PROOF and at[-1] == "ngsildproof":
            instance[member] = _parse_proof(member, value, here, context)
        elif member in MEMBERS:
            instance[member] = _parse_member(member, value, here, context, mode)
        elif member in FORBIDDEN:
            raise misplaced_primary(member, instance.get("type"), at)
        else:
            iri = context.expand(check_attribute_name(member, here))
            if iri in RESERVED_SUB_IRIS:
                raise reserved(member, here)
            if iri in subs:
                raise given_twice(iri, here)
            whole = mode if mode.nested else Mode(nulls=mode.nulls)
            subs[iri] = parse_instances(value, here, context, whole, depth + 1)
            if iri == PROOF:
                check_proof(subs[iri], here)
    if len(subs) > ATTRIBUTES:
        raise bad(
            at,
            f"There are {len(subs)} sub-attributes; an attribute may have {ATTRIBUTES}.",
            "Put related values into one compound value.",
        )
    if subs:
        instance["attrs"] = subs
    return dataset


def _parse_member(member: str, value: Any, at: At, context: Names, mode: Mode) -> Any:
    if type(value) is str and value == NULL:
        if mode.nulls:
            return None
        raise null_refused(at)
    if member == "observedAt" or member == "expiresAt":
        return check_datetime(value, at)
    if member == "objectType":
        return parse_type(value, at, context, TYPES)
    if member == "valueType":
        return expand_name(value, at, context)
    if type(value) is not str or not value:
        raise bad(
            at,
            f"A unitCode must be a string; this is {show(value)}.",
            'Use a UN/CEFACT code, for example "CEL" or "MTR".',
        )
    return value


def _parse_proof(member: str, value: Any, at: At, context: Names) -> str:
    if member == "entityTypeSealed":
        return expand_name(value, at, context)
    if type(value) is not str:
        raise bad(at, f"{member} must be a string.", "Give the id of the sealed entity.")
    return value


def twice(member: str, at: At) -> Exception:
    """Return the error for a member that is there under both of its names."""
    return bad(
        (at, f"@{member}"),
        f"{member} and @{member} are one member, and it is there twice.",
        "Keep one of them.",
    )


def null_refused(at: At) -> Exception:
    """Return the error for an NGSI-LD Null where the operation takes none (§5.5.4)."""
    return bad(
        at,
        f"{NULL!r} removes something and cannot be used in this operation.",
        "Leave the member out. Use the null with PATCH or batch update and merge, to remove "
        "attributes or members of an existing entity.",
    )


def given_twice(iri: str, at: At) -> Exception:
    """Return the error for an attribute that stands in a body under two names."""
    return bad(
        at,
        f"The attribute {iri} is given twice, under two names of the @context.",
        "Send the attribute once; for several values use an array of instances with datasetId.",
    )


_PROOF = frozenset(("entityIdSealed", "entityTypeSealed"))
_NUMBERS = frozenset((int, float, bool))
