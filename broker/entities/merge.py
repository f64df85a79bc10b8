"""Merge: JSON Merge Patch (RFC 7396) with NGSI-LD nulls (§5.5.12, §5.6.17). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from broker.entities.stamp import set_times, stamped
from broker.entities.target import check_size
from broker.model.attributes import edited
from broker.model.entity import NULL, PRIMARY, Attributes, Entity, Instance
from broker.model.kinds import check_members
from broker.model.names import Names
from broker.model.place import At, bad
from broker.model.primary import MERGE, parse_language_map, parse_primary


@dataclass(frozen=True, slots=True)
class _Request:
    now: str
    observed_at: str | None
    lang: str | None
    names: Names | None


def merge(
    entity: Entity,
    fragment: Entity,
    now: str,
    *,
    observed_at: str | None = None,
    lang: str | None = None,
    names: Names | None = None,
) -> Entity:
    """Return the entity with a fragment (`parse_fragment` with `merge`) merged in.

    `observed_at` is given to merged attributes that have an observedAt and get none from the
    fragment. `lang` is the language of plain strings sent for a LanguageProperty. `names` is
    the request's @context where the fragment was simplified: a value then takes the kind of
    the attribute it meets. Raises BadRequestData where kinds differ otherwise, or where a new
    attribute has no value.
    """
    request = _Request(now, observed_at, lang, names)
    result = dict(entity)
    types = entity["type"]
    added = [iri for iri in fragment.get("type", ()) if iri not in types]
    if added:
        result["type"] = [*types, *added]
    for member in ("scope", "expiresAt"):
        if member in fragment:
            result[member] = fragment[member]
    attrs = _merged_attributes(
        entity["attrs"], fragment["attrs"], entity["createdAt"], "body:", request
    )
    check_size(attrs, entity["attrs"])
    result = {member: value for member, value in result.items() if value is not None}
    result["attrs"] = attrs
    result["modifiedAt"] = now
    return result


def merge_value(target: Any, patch: Any) -> Any:
    """Return `target` with `patch` merged in as RFC 7396 does, NGSI-LD Null for its null."""
    if type(patch) is not dict:
        return patch
    result = dict(target) if type(target) is dict else {}
    for key, value in patch.items():
        if type(value) is str and value == NULL:
            result.pop(key, None)
        else:
            result[key] = merge_value(result.get(key), value)
    return result


def _merged_attributes(
    attrs: Attributes,
    patch: dict[str, dict[str, Instance | None]],
    owner_created: str,
    at: At,
    request: _Request,
) -> Attributes:
    changes: dict[str, dict[str, Instance] | None] = {}
    top = type(at) is str
    for iri, instances in patch.items():
        here = (at, iri)
        after = dict(attrs.get(iri, {}))
        for dataset, instance in instances.items():
            old = after.get(dataset)
            if instance is None:
                after.pop(dataset, None)
            elif old is None:
                after[dataset] = stamped(_new(instance, here), owner_created, request.now, None)
            else:
                fitting = _fitting(old["type"], instance, here, request)
                merged = _merged(old, fitting, owner_created, here, request)
                if top and request.observed_at and "observedAt" in old.keys() - fitting.keys():
                    merged["observedAt"] = request.observed_at
                after[dataset] = merged
        changes[iri] = after or None
    return edited(attrs, changes)


def _merged(
    old: Instance, patch: Instance, owner_created: str, at: At, request: _Request
) -> Instance:
    kind = old["type"]
    result = dict(old)
    for member, value in patch.items():
        if member == "type" or member == "attrs":
            continue
        if value is None:
            result.pop(member, None)
        elif member in _DEEP and kind != "GeoProperty":
            result[member] = merge_value(old[member], value)
        else:
            result[member] = value
    check_members(kind, result, at)
    created = old.get("createdAt", owner_created)
    set_times(result, owner_created, created, request.now)
    if "attrs" in patch:
        before = old.get("attrs", {})
        subs = _merged_attributes(before, patch["attrs"], created, at, request)
        check_size(subs, before)
        result["attrs"] = subs
        if not subs:
            del result["attrs"]
    return result


def _new(instance: Instance, at: At) -> Instance:
    """Return an instance that has nothing to be merged into, its nested nulls taken out."""
    kind = instance.get("type")
    if kind is None or PRIMARY[kind] not in instance:
        raise bad(
            at,
            "The attribute does not exist yet, and the fragment has no value for it.",
            "Send the attribute with its value, or check its name and datasetId.",
        )
    primary = PRIMARY[kind]
    result = {**instance, primary: merge_value(None, instance[primary])}
    if "attrs" in instance:
        result["attrs"] = {
            iri: {dataset: _new(sub, (at, iri)) for dataset, sub in subs.items() if sub is not None}
            for iri, subs in instance["attrs"].items()
        }
    return result


def _fitting(kind: str, patch: Instance, at: At, request: _Request) -> Instance:
    """Return the fragment of an instance as one of the stored kind. Raises BadRequestData."""
    given = patch.get("type", kind)
    if given == kind:
        return patch
    value = patch.get(PRIMARY[given])
    if kind == "LanguageProperty" and given == "Property" and request.lang is not None:
        parsed = parse_language_map({request.lang: value}, at, nested_nulls=True)
    elif request.names is not None and (given == "Property" or _is_plain(kind, given)):
        parsed = parse_primary(kind, value, at, request.names, MERGE)
    else:
        raise bad(
            at,
            f"The attribute is a {kind}; the request takes it for a {given}.",
            f"Send {PRIMARY[kind]}, or replace the attribute with PUT to change its kind."
            + (" For text in one language say which: ?lang=ja." if kind == _LANGUAGE else ""),
        )
    others = {
        member: item
        for member, item in patch.items()
        if member != "type" and member != PRIMARY[given]
    }
    return {**others, PRIMARY[kind]: parsed}


def _is_plain(kind: str, given: str) -> bool:
    """Tell whether a geometry meets a Property, for which it is a value like any other."""
    return kind == "Property" and given == "GeoProperty"


_LANGUAGE = "LanguageProperty"
_DEEP = frozenset(("value", "json", "languageMap"))
