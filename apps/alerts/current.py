"""What of everything ever issued is to be told now. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from apps.alerts.cap import is_public, sent
from apps.alerts.evacuation import CANCELLATION, TYPE
from broker.client import Entity, value

OVER_TOLD: Final = timedelta(hours=24)
"""How long it is told that an evacuation information or an alert is over."""
NEVER: Final = datetime.min.replace(tzinfo=UTC)


def orders_now(entities: Iterable[Entity], now: datetime) -> list[Entity]:
    """Return the newest published evacuation information of each station.

    One that lifts the one before is told for a day. Drafts are never among them, nor is what
    names no time.
    """
    newest: dict[str, Entity] = {}
    for entity in entities:
        if not _is(entity, TYPE) or not is_public(entity) or sent_at(entity) == NEVER:
            continue
        station = str(value(entity, "refStation") or entity["id"])
        if station not in newest or sent_at(newest[station]) <= sent_at(entity):
            newest[station] = entity
    return [
        one
        for one in newest.values()
        if value(one, "informationKind") != CANCELLATION or now - sent_at(one) < OVER_TOLD
    ]


def published_now(entities: Iterable[Entity], now: datetime) -> list[Entity]:
    """Return what is in force or was over within a day, newest first; nothing technical."""
    known = list(entities)
    alerts = [one for one in known if _is(one, "Alert") and is_public(one) and _told(one, now)]
    return sorted([*alerts, *orders_now(known, now)], key=sent_at, reverse=True)


def sent_at(entity: Entity) -> datetime:
    """Return when the entity as it stands was issued, or its end told; `NEVER` without a time."""
    try:
        return datetime.fromisoformat(sent(entity))
    except ValueError:
        return NEVER


def _told(alert: Entity, now: datetime) -> bool:
    at, state = sent_at(alert), value(alert, "alertState")
    return at != NEVER and (state == "active" or (state == "ended" and now - at < OVER_TOLD))


def _is(entity: Entity, name: str) -> bool:
    types = entity["type"]
    return name == types or (isinstance(types, list) and name in types)
