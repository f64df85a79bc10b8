"""What the data ethics board decides."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from apps.shell.forms import FormRefused
from broker.client import Client, Entity, value
from smart_data_models.notice import digest

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


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
