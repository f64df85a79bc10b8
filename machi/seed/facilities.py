"""Facilities with spaces to book and locks, from `facilities.json`. Pure."""

from __future__ import annotations

from typing import Any, Final

from machi.seed.parts import Entity, facts, position, prop, relation, texts, urn

SCHOOL: Final = "学校"


def facility_entities() -> list[Entity]:
    """Return a Building, a BookableSpace and a SmartLock for each facility.

    No lock is connected, so that the state of each is `unknown`.
    """
    known = facts("facilities")
    return [
        entity
        for facility in known["facilities"]
        for entity in (
            _building(facility, known),
            _space(facility, known),
            _lock(facility, known),
        )
    ]


def _urn(entity_type: str, facility: dict[str, Any], known: dict[str, Any]) -> str:
    return urn(entity_type, facility["local"], known["municipalityCode"])


def _building(facility: dict[str, Any], known: dict[str, Any]) -> Entity:
    category = "school" if SCHOOL in facility["name"]["ja"] else "sports_hall"
    return {
        "id": _urn("Building", facility, known),
        "type": "Building",
        "name": texts(facility["name"]),
        "sdmBuilding:category": prop([category]),
        "address": prop({**known["address"], "streetAddress": facility["streetAddress"]}),
        "location": position(facility["position"], approximate=False),
    }


def _space(facility: dict[str, Any], known: dict[str, Any]) -> Entity:
    return {
        "id": _urn("BookableSpace", facility, known),
        "type": "BookableSpace",
        "name": texts(facility["name"]),
        "spaceKind": prop(facility["spaceKind"]),
        "slotMinutes": prop(known["slotMinutes"]),
        "refBuilding": relation(_urn("Building", facility, known)),
        "refLock": relation([_urn("SmartLock", facility, known)]),
    }


def _lock(facility: dict[str, Any], known: dict[str, Any]) -> Entity:
    box = facility["lockKind"] == "keyBox"
    return {
        "id": _urn("SmartLock", facility, known),
        "type": ["Device", "SmartLock"],
        "controlledProperty": prop(["lockState"]),
        "lockKind": prop(facility["lockKind"]),
        "connectivity": prop("offlineAlgorithmic" if box else "online"),
        "lockState": prop("unknown"),
        "pinPolicy": prop(known["pinPolicy"]),
        "refBuilding": relation(_urn("Building", facility, known)),
        "refSpace": relation([_urn("BookableSpace", facility, known)]),
    }
