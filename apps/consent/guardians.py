"""Guardians (保護者): who decides for a minor until majority, as officers record it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Any, Final

from apps.consent.records import holder
from apps.consent.view import JAPAN, clock_time
from apps.shell.refused import FormRefused
from broker.client import Entity, value

KIND: Final = "Guardianship"
ADULT: Final = 18
"""Years after which somebody is of age (Civil Code, art. 4)."""
NUMBER: Final = "(?:urn:ngsi-ld:Holder:)?((?:[uo]-)?[0-9a-f]{16,32})"
"""A holder's number, as pages show it or whole: a name written in its place does not match."""


def holds(bond: Entity, now: datetime) -> bool:
    """Tell whether the ward of a guardianship is still a minor."""
    try:
        return now < datetime.fromisoformat(str(value(bond, "majorityAt")))
    except (TypeError, ValueError):
        return False


def rows(bonds: Iterable[Entity], now: datetime) -> list[dict[str, Any]]:
    """Return the guardianships that hold, those that end first before the others."""
    found = [
        {
            "id": one["id"],
            "guardian": number(value(one, "refGuardian")),
            "ward": number(value(one, "refHolder")),
            "until": clock_time(value(one, "majorityAt")),
        }
        for one in bonds
        if holds(one, now)
    ]
    return sorted(found, key=lambda row: (row["until"], row["ward"]))


def number(told: Any) -> str:
    """Return a holder's id as people read it: as the page says who is signed in."""
    return str(told).rpartition(":")[2]


def checked(bond: Entity, user: str, now: datetime) -> Entity:
    """Return a guardianship of this user's that holds. Raises FormRefused."""
    if value(bond, "refGuardian") != holder(user) or not holds(bond, now):
        raise FormRefused("bad_form")
    return bond


def recorded(fields: Mapping[str, str], now: datetime, local: str) -> Entity:
    """Return the guardianship that an officer's form records. Raises FormRefused."""
    found = [re.fullmatch(NUMBER, fields.get(name, "").strip()) for name in ("guardian", "ward")]
    try:
        of_age = majority(date.fromisoformat(fields.get("born", "")))
    except ValueError:
        raise FormRefused("bad_form") from None
    if of_age <= now:
        raise FormRefused("bad_form")
    if None in found:
        raise FormRefused("bad_number")
    guardian, ward = (holder(one[1]) for one in found if one is not None)
    return {
        "id": f"urn:ngsi-ld:{KIND}:{local}",
        "type": KIND,
        "refGuardian": {"type": "Relationship", "object": guardian},
        "refHolder": {"type": "Relationship", "object": ward},
        "majorityAt": {"type": "Property", "value": of_age.isoformat()},
    }


def majority(born: date) -> datetime:
    """Return when somebody comes of age: as the 18th birthday begins, in Japan.

    Who is born on 29 February does on 1 March where a year has no such day.
    """
    year = born.year + ADULT
    try:
        day = born.replace(year=year)
    except ValueError:
        day = date(year, 3, 1)
    return datetime.combine(day, time(), JAPAN)


def ended(now: datetime) -> dict[str, Any]:
    """Return the attribute by which a guardianship ends now."""
    told = now.astimezone(JAPAN).isoformat(timespec="seconds")
    return {"majorityAt": {"type": "Property", "value": told}}
