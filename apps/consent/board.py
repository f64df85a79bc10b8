"""What the data ethics board decides: on assessments, and on purposes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from apps.shell.refused import FormRefused
from broker.client import Client, Entity, value
from smart_data_models.notice import FIXED, TEXTS, digest

MOVES: Final = {
    "draft": ("active",),
    "active": ("suspended", "retired"),
    "suspended": ("active", "retired"),
}
"""What the board makes of a purpose, by its status."""
MONTHS: Final = {"6": timedelta(days=182), "12": timedelta(days=364)}
LONGEST_REASON: Final = 600


def content(assessment: Entity) -> str:
    """Return the digest of what the board reads of an assessment."""
    names = ("name", "assessedBy", "version", "publicSummary", "sections", "status")
    return digest({name: value(assessment, name) for name in names})


async def decide(client: Client, fields: dict[str, str], officer: str, now: datetime) -> str:
    """Write a decision on an assessment down; return the outcome.

    Raises FormRefused, also where the assessment is not as it was shown.
    """
    outcome, reason = fields.get("decision", ""), fields.get("reason", "").strip()
    if outcome not in ("approved", "rejected") or not reason or len(reason) > LONGEST_REASON:
        raise FormRefused("bad_form")
    told = {
        "status": outcome,
        "decisionReason": reason,
        "decidedBy": officer,
        "decidedAt": _time(now),
    }
    if outcome == "approved":
        told["validUntil"] = _time(now + MONTHS.get(fields.get("months", ""), MONTHS["12"]))
    assessment, version = await client.retrieve_with_version(fields.get("id", ""))
    if fields.get("seen") != content(assessment):
        raise FormRefused("bad_form")
    body = {name: {"type": "Property", "value": one} for name, one in told.items()}
    await client.merge(assessment["id"], body, if_match=version)
    return outcome


def offer(purpose: Entity) -> str:
    """Return the digest of what the board reads of a purpose."""
    return digest({name: value(purpose, name) for name in (*TEXTS, *FIXED, "status", "refPia")})


async def move(client: Client, fields: dict[str, str]) -> str:
    """Make a purpose active, let it rest or end it; return its status.

    Raises FormRefused, also where the purpose is not as it was shown.
    """
    purpose, version = await client.retrieve_with_version(fields.get("id", ""))
    status = fields.get("status", "")
    known = status in MOVES.get(str(value(purpose, "status")), ())
    if not known or fields.get("seen") != offer(purpose):
        raise FormRefused("bad_form")
    body = {"status": {"type": "Property", "value": status}}
    await client.merge(purpose["id"], body, if_match=version)
    return status


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
