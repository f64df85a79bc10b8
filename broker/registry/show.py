"""Registrations as clients are shown them (§5.2.9), with the names of the asking request."""

from __future__ import annotations

from typing import Any

from broker.model.names import Names
from broker.registry.model import Registration


def shown(
    registration: Registration, context: Names, *, sys_attrs: bool = False, secrets: bool = True
) -> dict[str, Any]:
    """Return a registration with short names.

    `secrets` tells that contextSourceInfo may be shown, which has keys to the source at times.
    """
    told = dict(registration.members)
    told["information"] = [_information(each, context) for each in told["information"]]
    if not secrets:
        told.pop("contextSourceInfo", None)
    for iri, value in registration.properties.items():
        told[context.compact(iri)] = value
    if sys_attrs:
        told["createdAt"] = registration.created_at
        told["modifiedAt"] = registration.modified_at
    return told


def _information(given: dict[str, Any], context: Names) -> dict[str, Any]:
    told = dict(given)
    if "entities" in told:
        told["entities"] = [_entity_info(each, context) for each in told["entities"]]
    for name in ("propertyNames", "relationshipNames"):
        if name in told:
            told[name] = list(map(context.compact, told[name]))
    return told


def _entity_info(given: dict[str, Any], context: Names) -> dict[str, Any]:
    types = given.get("type")
    if types is None:
        return given
    if isinstance(types, str):
        return {**given, "type": context.compact(types)}
    return {**given, "type": list(map(context.compact, types))}
