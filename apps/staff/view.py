"""From entities to what the staff page shows, in one language. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from apps.alerts.cap import listed
from apps.alerts.lights import overridden
from apps.alerts.moments import moment_of
from apps.alerts.schedule import JST
from apps.alerts.texts import FAULTS
from apps.portal.each import each
from apps.portal.texts import light_words
from apps.staff.acts import level_of, needed_for
from broker.client import Entity, observed_at, value

View = dict[str, Any]
FINE: Final = frozenset({"good", "simulated", "atLeast"})
TYPES: Final = "EvacuationInformation,IlluminationControl,RiverLevelStation,Device,Alert"


def tenant_view(
    found: Sequence[tuple[Entity, str]], language: str, now: datetime, words: dict[str, str]
) -> View:
    """Return what a tenant's part of the page shows. Entities come with their versions.

    Locks have a page of their own.
    """
    by_id = {entity["id"]: entity for entity, _ in found}
    technical = [
        entity
        for entity, _ in _of(found, "Alert")
        if value(entity, "subCategory") == "technical" and value(entity, "alertState") == "active"
    ]
    faults = {str(value(one, "alertSource")): str(value(one, "faultKind")) for one in technical}
    return {
        "drafts": [
            _draft(entity, version, language)
            for entity, version in _of(found, "EvacuationInformation")
            if value(entity, "publicationState") == "draft"
        ],
        "published": [
            _text(entity, language)
            for entity, _ in _of(found, "EvacuationInformation")
            if value(entity, "publicationState") == "published"
        ],
        "technical": [_text(alert, language) for alert in technical],
        "lights": each(
            (entity for entity, _ in _of(found, "IlluminationControl")),
            lambda light: _light(light, language, now, words),
        ),
        "devices": each(
            (entity for entity, _ in _of(found, "Device") if _is_plain_device(entity)),
            lambda device: _device(device, by_id, faults, language, words),
        ),
    }


def _of(found: Sequence[tuple[Entity, str]], kind: str) -> list[tuple[Entity, str]]:
    return [(entity, version) for entity, version in found if kind in _types(entity)]


def _is_plain_device(device: Entity) -> bool:
    return value(device, "adapter") is not None and "SmartLock" not in _types(device)


def _draft(entity: Entity, version: str, language: str) -> View:
    """Return a draft. Whatever it says it is shown: who cannot see it cannot decide on it."""
    level = level_of(entity)
    headlines = value(entity, "headline")
    return {
        "id": entity["id"],
        "version": version,
        "level": level,
        "text": _text(entity, language),
        "body": _body(entity).get(language, ""),
        "headlines": headlines if isinstance(headlines, dict) else {},
        "bodies": _body(entity),
        "text_version": value(entity, "textVersion", 1),
        "text_by": _person(value(entity, "textBy")),
        "areas": [
            str(area.get("name", "")) for area in listed(entity, "areas") if isinstance(area, dict)
        ],
        "at": time_shown(value(entity, "issuedAt")),
        "approvals": [str(one).rpartition(":")[2] for one in listed(entity, "approvals")],
        "needed": needed_for(level),
    }


def _light(light: Entity, language: str, now: datetime, words: dict[str, str]) -> View:
    reported = value(light, "reportedColour")
    status = str(value(light, "commandStatus", "pending"))
    manual = overridden(light, now)
    return {
        "id": light["id"],
        "name": _text(light, language, "name"),
        "told": light_words(
            str(value(light, "colour")), str(value(light, "effect", "steady")), language
        ),
        "shown": words["unknown"]
        if reported is None
        else light_words(str(reported), str(value(light, "reportedEffect", "steady")), language),
        "status": words.get(f"status_{status}", status),
        "wrong": status in {"mismatch", "unreachable"},
        "mode": words.get(f"mode_{value(light, 'mode')}", str(value(light, "mode"))),
        "manual": manual,
        "until": time_shown(value(light, "overrideUntil")) if manual else "",
        "reason": words.get(f"reason_{value(light, 'overrideReason')}", "") if manual else "",
        "seen": time_shown(observed_at(light, "commandStatus")),
    }


def _device(
    device: Entity,
    by_id: dict[str, Entity],
    faults: dict[str, str],
    language: str,
    words: dict[str, str],
) -> View:
    """Return a device: the fault its asset has an alert for, else the quality of its values."""
    asset = by_id.get(str(value(device, "controlledAsset")), device)
    fault = FAULTS.get(faults.get(asset["id"], ""))
    quality = str(value(asset, "judgedQuality") or value(asset, "quality") or "missing")
    battery, seen = value(device, "batteryLevel"), observed_at(asset, "waterLevel")
    return {
        "name": _text(asset, language, "name"),
        "id": device["id"].rpartition(":")[2],
        "state": fault[language] if fault else words.get(f"quality_{quality}", quality),
        "wrong": bool(fault) or (seen is not None and quality not in FINE),
        "seen": time_shown(seen),
        "battery": f"{battery * 100:.0f} %" if isinstance(battery, int | float) else "",
    }


def _body(entity: Entity) -> dict[str, str]:
    found = value(entity, "body")
    return found if isinstance(found, dict) else {}


def _person(by: object) -> str:
    """Return the number of whoever wrote a text; empty where the app did."""
    text = str(by or "")
    return text.rpartition(":")[2] if text.startswith("urn:") else ""


def _text(entity: Entity, language: str, name: str = "headline") -> str:
    found = value(entity, name)
    if isinstance(found, dict):
        return str(found.get(language) or found.get("ja") or entity["id"])
    return str(found or entity["id"])


def time_shown(text: object) -> str:
    """Return a time that an entity tells, in Japan; nothing for what is no time."""
    try:
        return moment_of(text).astimezone(JST).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError):
        return ""


def _types(entity: Entity) -> list[str]:
    types = entity["type"]
    return types if isinstance(types, list) else [types]
