"""Facilities with spaces to book and locks, from `facilities.json`. Pure."""

from __future__ import annotations

from typing import Any, Final

from machi.seed.parts import Entity, facts, position, prop, relation, texts, urn

SCHOOL: Final = "学校"
WATCHED: Final = "keyBox"
"""The kind of lock that has a camera beside it."""


def facility_entities() -> list[Entity]:
    """Return a Building, its BookableSpaces, a SmartLock and what watches it for each facility.

    The locks are simulated: doors behind Zigbee2MQTT or the vendor's cloud, boxes by key and clock.
    """
    known = facts("facilities")
    return [
        entity
        for facility in known["facilities"]
        for entity in (
            _building(facility, known),
            *_spaces(facility, known),
            _lock(facility, known),
            *_camera(facility, known),
        )
    ]


def simulated_locks(adapter: str) -> list[str]:
    """Return the names by which an adapter knows its simulated locks."""
    known = facts("facilities")
    return [
        facility["local"]
        for facility in known["facilities"]
        if _rules(facility, known)["adapter"] == adapter
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


def _spaces(facility: dict[str, Any], known: dict[str, Any]) -> list[Entity]:
    """Return the whole of a facility, and its parts where it has any."""
    whole = _space(facility, known, facility["spaceKind"])
    parts = []
    for part in facility.get("parts", ()):
        entity = _space(facility, known, "half")
        entity["id"] = f"{whole['id']}-{part['local']}"
        names = {
            "ja": f"{facility['name']['ja']}（{part['name']['ja']}）",
            "en": f"{facility['name']['en']}, {part['name']['en']}",
        }
        parts.append(entity | {"name": texts(names)})
    if parts:
        whole["refPart"] = relation([part["id"] for part in parts])
    return [whole, *parts]


def _space(facility: dict[str, Any], known: dict[str, Any], price: str) -> Entity:
    return {
        "id": _urn("BookableSpace", facility, known),
        "type": "BookableSpace",
        "name": texts(facility["name"]),
        "spaceKind": prop(facility["spaceKind"]),
        "slotMinutes": prop(known["slotMinutes"]),
        "openingHours": prop(known["openingHours"]),
        "bookingRules": prop(known["bookingRules"]),
        "priceRules": prop(known["priceRules"][price]),
        "refBuilding": relation(_urn("Building", facility, known)),
        "refLock": relation([_urn("SmartLock", facility, known)]),
    }


def _rules(facility: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Return what the lock of a facility is like: as all of its kind, or as it says itself."""
    rules: dict[str, Any] = known["locks"][facility.get("lock", facility["lockKind"])]
    return rules


def _lock(facility: dict[str, Any], known: dict[str, Any]) -> Entity:
    kind = facility["lockKind"]
    rules = _rules(facility, known)
    return {
        "id": _urn("SmartLock", facility, known),
        "type": ["Device", "SmartLock"],
        "controlledProperty": prop(["lockState"]),
        "lockKind": prop(kind),
        **{name: prop(part) for name, part in rules.items()},
        **({"refCamera": relation(_urn("Camera", facility, known))} if kind == WATCHED else {}),
        "vendorDeviceId": prop(facility["local"]),
        "simulated": prop(True),
        "lockState": prop("unknown"),
        "refBuilding": relation(_urn("Building", facility, known)),
        "refSpace": relation([_urn("BookableSpace", facility, known)]),
    }


def _camera(facility: dict[str, Any], known: dict[str, Any]) -> list[Entity]:
    """Return the camera beside a key box, and its privacy notice; there are no pictures of it."""
    if facility["lockKind"] != WATCHED:
        return []
    camera, notice = _urn("Camera", facility, known), known["privacyNotice"]
    return [
        {
            "id": camera,
            "type": "Camera",
            "name": texts(facility["name"]),
            "cameraType": prop("FIXED"),
            "cameraUsage": prop("SURVEILLANCE"),
            "description": prop("模擬のカメラです。映像はありません（simulated, no pictures）"),
            "location": position(facility["position"], approximate=False),
        },
        {
            "id": _urn("PrivacyObject", facility, known),
            "type": "PrivacyObject",
            "refDevice": prop(camera),
            "isPersonalData": prop(True),
            **{name: prop(part) for name, part in notice.items()},
        },
    ]
