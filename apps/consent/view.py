"""What the pages show, made from entities and entries of the log. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from apps.consent.board import MOVES, content, offer
from apps.consent.records import OFFERED
from broker.client import Entity, value

JAPAN: Final = timezone(timedelta(hours=9))
NOTICES: Final = {"ja": "日本語", "ja-Hira": "やさしい日本語", "en": "English"}
OPEN: Final = ("given",)
REMOVES: Final = ("stopAndErase", "stopAndAnonymise")
"""Effects of a withdrawal that take data away."""


def clock_time(told: Any) -> str:
    """Return a time as a person in Japan reads it."""
    try:
        moment = datetime.fromisoformat(str(told))
    except ValueError:
        return ""
    return moment.astimezone(JAPAN).strftime("%Y-%m-%d %H:%M")


def said(entity: Entity, name: str, language: str) -> str:
    """Return a text of an entity in a language, or in Japanese."""
    told = value(entity, name)
    if isinstance(told, Mapping):
        return str(told.get(language) or told.get("ja") or next(iter(told.values()), ""))
    return "" if told is None else str(told)


def names(entities: list[Entity], language: str) -> dict[str, str]:
    """Return the names of entities by id."""
    return {one["id"]: said(one, "name", language) for one in entities}


def recipient(name: str, t: Mapping[str, str]) -> str:
    """Return who receives data, as people call them, with the name the log has of them."""
    told = t.get(f"recipient_{name}")
    return f"{told}（{name.partition(':')[2]}）" if told else name


def lasts(told: Any, t: Mapping[str, str]) -> str:
    """Return a duration such as `P30D` in words."""
    found = re.fullmatch(r"P(\d+)([YMWD])", str(told))
    if found is None:
        return str(told or "")
    number, unit = found.groups()
    return t[f"lasts_{unit}{1 if number == '1' else ''}"].format(number=number)


def holds(consent: Entity, now: datetime) -> bool:
    """Tell whether a consent is given and has not ended; a guardian's does at majority."""
    until = _until(consent)
    return value(consent, "state") in OPEN and until is not None and now < until


def _until(consent: Entity) -> datetime | None:
    until, of_age = _moment(consent, "validUntil"), _moment(consent, "majorityAt")
    return None if until is None else min(until, of_age or until)


def _moment(entity: Entity, name: str) -> datetime | None:
    """Return a time that an entity tells, None where it tells none."""
    try:
        return datetime.fromisoformat(str(value(entity, name)))
    except ValueError:
        return None


def _decides(consent: Entity, person: str, now: datetime) -> bool:
    """Tell whether a person withdraws a consent: a guardian does what they gave for a minor."""
    guardian, of_age = value(consent, "refGuardian"), _moment(consent, "majorityAt")
    if guardian is None or (of_age is not None and now >= of_age):
        return bool(value(consent, "refPrincipal") == person)
    return bool(guardian == person)


def consents(
    found: list[Entity], purposes: Mapping[str, str], now: datetime, person: str
) -> list[dict[str, Any]]:
    """Return consents as a person sees them, those that hold first, then the newest."""
    rows = [
        {
            "id": one["id"],
            "purpose": purposes.get(str(value(one, "refPurpose")), str(value(one, "refPurpose"))),
            "state": _state(one, now),
            "recipients": value(one, "recipients") or [],
            "since": clock_time(value(one, "givenAt")),
            "until": clock_time(_until(one)),
            "ended": clock_time(value(one, "withdrawnAt")),
            "effect": str(value(one, "withdrawalEffect")),
            "removes": value(one, "withdrawalEffect") in REMOVES,
            "pending": value(one, "state") == "withdrawn" and not value(one, "effectDoneAt"),
            "holds": holds(one, now),
            "guardian": value(one, "refGuardian") is not None,
            "open": value(one, "state") in OPEN and _decides(one, person, now),
        }
        for one in found
        if value(one, "state") != "requested"
    ]
    rows.sort(key=lambda row: str(row["since"]), reverse=True)
    rows.sort(key=lambda row: not row["holds"])
    return rows


def undecided(purposes: list[Entity], found: list[Entity], now: datetime) -> list[Entity]:
    """Return the active purposes to which the person has agreed to nothing that holds.

    Who agreed to something else than what is offered now is asked anew.
    """
    agreed = [one for one in found if holds(one, now)]
    return [
        one
        for one in purposes
        if value(one, "status") == "active"
        and not any(
            value(mine, "refPurpose") == one["id"] and _offer(mine) == _offer(one)
            for mine in agreed
        )
    ]


def _offer(entity: Entity) -> list[Any]:
    return [value(entity, name) for name in OFFERED]


def _state(consent: Entity, now: datetime) -> str:
    told = str(value(consent, "state"))
    return "expired" if told in OPEN and not holds(consent, now) else told


def entries(found: list[dict[str, Any]], purposes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the lines of the person's log."""
    return [
        {
            "at": clock_time(one["at"]),
            "actor": one["actor"],
            "purpose": purposes.get(one.get("purpose") or "", one.get("purpose") or ""),
            "action": one["action"],
            "what": str(one["target"]).split(":")[2] if ":" in one["target"] else one["target"],
            "reason": one.get("reason", ""),
        }
        for one in found
    ]


def assessments(found: list[Entity], language: str) -> list[dict[str, Any]]:
    """Return the impact assessments, those that wait for a decision first."""
    rows = [
        {
            "id": one["id"],
            "name": said(one, "name", language),
            "section": said(one, "assessedBy", language),
            "status": str(value(one, "status")),
            "summary": said(one, "publicSummary", language),
            "until": clock_time(value(one, "validUntil")),
            "reason": said(one, "decisionReason", language),
            "sections": value(one, "sections") or [],
            "seen": content(one),
        }
        for one in found
    ]
    return sorted(rows, key=lambda row: (row["status"] != "submitted", str(row["name"])))


def purposes(
    found: list[Entity], reviewed: list[Entity], language: str, now: datetime
) -> list[dict[str, Any]]:
    """Return the purposes: what each offers, and what the board can make of it now."""
    titles = names(reviewed, language)
    good = {one["id"] for one in reviewed if _counts(one, now)}
    return [
        {
            "id": one["id"],
            "name": said(one, "name", language),
            "description": said(one, "description", language),
            "status": str(value(one, "status") or "draft"),
            "assessment": titles.get(str(value(one, "refPia")), "–"),
            "recipients": value(one, "recipients") or [],
            "retention": value(one, "retention"),
            "effect": value(one, "withdrawalEffect"),
            "moves": MOVES.get(str(value(one, "status")), ()),
            "assessed": value(one, "refPia") in good,
            "seen": offer(one),
        }
        for one in found
    ]


def _counts(assessment: Entity, now: datetime) -> bool:
    """Tell whether an assessment is approved and has not run out."""
    until = _moment(assessment, "validUntil")
    return value(assessment, "status") == "approved" and until is not None and now < until
