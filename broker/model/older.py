"""Entities as older versions of NGSI-LD know them (§4.3.6.8). Pure."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from broker.model.entity import DEFAULT, NULL, PRIMARY, Attributes, Entity, Instance
from broker.model.names import Names

Version: TypeAlias = tuple[int, int]

CURRENT: Final[Version] = (1, 9)

_MEMBERS: Final[dict[str, Version]] = {
    "expiresAt": (1, 9),
    "valueType": (1, 9),
    "objectType": (1, 8),
    "observedAt": (1, 3),
    "unitCode": (1, 3),
}
"""Members of an instance → the version they came with."""

_KINDS: Final[dict[str, tuple[Version, str]]] = {
    "JsonProperty": ((1, 8), "Property"),
    "VocabProperty": ((1, 8), "Property"),
    "ListProperty": ((1, 8), "Property"),
    "ListRelationship": ((1, 8), "Relationship"),
    "LanguageProperty": ((1, 4), "Property"),
}
"""Kinds of attributes → the version they came with, and the kind that stands for them before."""

_ENTITY: Final[dict[str, Version]] = {"expiresAt": (1, 9), "scope": (1, 4)}
_MULTIPLE: Final[Version] = (1, 3)
"""The version that brought several types, and several instances of an attribute."""


def as_of(entity: Entity, version: Version, names: Names) -> Entity:
    """Return the entity as a version knows it; the same object where nothing has to change.

    Terms of a VocabProperty become text by `names`. What is newer and has no older form is left
    out.
    """
    if version >= CURRENT:
        return entity
    result = {
        member: value for member, value in entity.items() if version >= _ENTITY.get(member, (0, 0))
    }
    if version < _MULTIPLE:
        result["type"] = entity["type"][:1]
    result["attrs"] = _attributes(entity["attrs"], version, names)
    same = result["attrs"] is entity["attrs"] and len(result) == len(entity)
    return entity if same and result["type"] == entity["type"] else result


def _attributes(attrs: Attributes, version: Version, names: Names) -> Attributes:
    result: dict[str, dict[str, Instance]] = {}
    changed = False
    for iri, instances in attrs.items():
        kept = dict(instances)
        if version < _MULTIPLE and kept.keys() != {DEFAULT}:
            kept = {DEFAULT: kept.get(DEFAULT) or next(iter(kept.values()))}
        result[iri] = {
            dataset: _instance(instance, version, names) for dataset, instance in kept.items()
        }
        changed = changed or kept.keys() != instances.keys()
        changed = changed or any(result[iri][d] is not instances[d] for d in kept if d in instances)
    return result if changed else attrs


def _instance(instance: Instance, version: Version, names: Names) -> Instance:
    result: dict[str, Any] = {
        member: value
        for member, value in instance.items()
        if version >= _MEMBERS.get(member, (0, 0))
    }
    kind = instance["type"]
    since, older = _KINDS.get(kind, ((0, 0), kind))
    if version < since:
        value = _plain(result.pop(PRIMARY[kind]), kind, names)
        before = result.pop(previous(kind), None)
        result = {"type": older, PRIMARY[older]: value, **_without_type(result)}
        if before is not None:
            result[previous(older)] = _plain(before, kind, names)
    if "attrs" in instance:
        result["attrs"] = _attributes(instance["attrs"], version, names)
    same = version >= since and len(result) == len(instance)
    return instance if same and result.get("attrs") is instance.get("attrs") else result


def previous(kind: str) -> str:
    """Return the member with the value that an attribute of a kind had before (§5.8.6)."""
    primary = PRIMARY[kind]
    return "previous" + primary[0].upper() + primary[1:]


def _plain(value: Any, kind: str, names: Names) -> Any:
    """Return the value of a newer kind of attribute as one of a Property or Relationship."""
    if kind == "VocabProperty":
        return (
            [names.compact(iri) for iri in value] if type(value) is list else names.compact(value)
        )
    return NULL if value == {"@none": NULL} else value


def _without_type(instance: Instance) -> Instance:
    return {member: value for member, value in instance.items() if member != "type"}
