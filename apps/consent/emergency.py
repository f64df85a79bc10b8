"""Emergency overrides (緊急の閲覧): opened by officers, for a time and a reason. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from apps.consent.view import clock_time
from apps.shell.refused import FormRefused
from broker.client import Entity, value

KIND: Final = "EmergencyOverride"
MINUTES: Final = ("30", "60", "120", "240")
LONGEST_REASON: Final = 600
MOST_PERSONS: Final = 100
MOST_SHOWN: Final = 200
"""Entities that are shown of an override."""
_KEPT: Final = ("id", "type", "@context")


def types_of(purposes: Iterable[Entity]) -> dict[str, str]:
    """Return short names of the types that purposes are about, by their IRIs."""
    scopes = (value(one, "entityScope") or {} for one in purposes)
    found = {str(iri) for scope in scopes for iri in scope.get("types", [])}
    return {iri: short(iri) for iri in sorted(found)}


def short(iri: str) -> str:
    """Return the end of an IRI, as people read it."""
    return iri.replace("#", "/").replace(":", "/").rpartition("/")[2]


def opened(
    fields: dict[str, str], types: Iterable[str], officer: str, now: datetime, local: str
) -> Entity:
    """Return the override that a form asks for. Raises FormRefused."""
    reason, minutes, kind = (fields.get(name, "").strip() for name in ("reason", "minutes", "type"))
    persons = fields.get("persons", "").split()
    if minutes not in MINUTES or kind not in types:
        raise FormRefused("bad_form")
    if not reason or len(reason) > LONGEST_REASON or len(persons) > MOST_PERSONS:
        raise FormRefused("bad_form")
    told: dict[str, Any] = {
        "openedBy": officer,
        "reason": reason,
        "targetTypes": [kind],
        "beginsAt": _time(now),
        "endsAt": _time(now + timedelta(minutes=int(minutes))),
    }
    if persons:
        told["refHolders"] = persons
    body = {name: {"type": "Property", "value": one} for name, one in told.items()}
    return {"id": f"urn:ngsi-ld:{KIND}:{local}", "type": KIND, **body}


def ending(now: datetime) -> dict[str, Any]:
    """Return the attribute by which an override ends at once."""
    return {"endsAt": {"type": "Property", "value": _time(now + timedelta(seconds=1))}}


def rows(found: Iterable[Entity], officer: str, now: datetime) -> list[dict[str, Any]]:
    """Return the officer's overrides that are open, the newest first."""
    mine = [
        {
            "id": one["id"],
            "reason": str(value(one, "reason")),
            "types": [short(str(iri)) for iri in value(one, "targetTypes") or []],
            "begin": str(value(one, "beginsAt")),
            "until": clock_time(value(one, "endsAt")),
        }
        for one in found
        if value(one, "openedBy") == officer
        and datetime.fromisoformat(str(value(one, "endsAt"))) > now
    ]
    return sorted(mine, key=lambda row: row["begin"], reverse=True)


def said(entity: Entity) -> dict[str, str]:
    """Return what an entity says, by the names of its attributes."""
    names = [name for name in entity if name not in _KEPT]
    return {name: str(value(entity, name)) for name in names}


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
