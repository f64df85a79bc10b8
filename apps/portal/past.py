"""The town as it was at a moment: what the broker's history had of it then.

Names, places and thresholds are those of that time where history has them, else those of today.
Whatever changes (levels, stages, lights, shelters, alerts) is told only as history has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from apps.alerts.current import sent_at
from apps.portal.state import LIGHT, ORDER, SHELTER, STATION, TenantState, types_of
from broker.client import Client, Entity, timestamp, value

MAPPED: Final = (STATION, LIGHT, SHELTER)
MAPPED_TYPES: Final = frozenset(MAPPED)
STANDING: Final = frozenset(
    {"name", "location", "riverName", "stageTable", "cautionLevel", "dangerLevel"}
    | {"designHighWaterLevel", "staleAfterSeconds", "refStation", "lookTable"}
    | {"shelterKind", "hazardTypes"}
)
"""What is taken from today where history is silent."""

NULL: Final = "urn:ngsi-ld:null"
INSTANT: Final = timedelta(microseconds=1)


async def town_at(client: Client, present: TenantState, at: datetime) -> TenantState:
    """Return a tenant's entities as they were at a moment; raises ClientError.

    What was measured counts by when it was measured, everything else by when it was written.
    """
    before = {
        "type": ",".join(MAPPED),
        "timerel": "before",
        "timeAt": timestamp(at + INSTANT),
        "lastN": "1",
        "options": "sysAttrs",
    }
    unobserved = ",".join(sorted(_unobserved(present.entities.values())))
    observed, written, alerts = await asyncio.gather(
        client.histories(**before),
        client.histories(**before, timeproperty="modifiedAt", attrs=unobserved or "name"),
        _alerts_at(client, present, at),
    )
    past = TenantState(connected=True)
    orders = [one for one in present.of_type(ORDER) if sent_at(one) <= at]
    past.replace([*entities_at(present.entities, [*observed, *written], at), *alerts, *orders])
    return past


def _unobserved(entities: Iterable[Entity]) -> set[str]:
    """Return the names of attributes that say no time of their own: few, and seldom changed."""
    return {
        name
        for entity in entities
        if not MAPPED_TYPES.isdisjoint(types_of(entity))
        for name, instance in entity.items()
        if isinstance(instance, dict) and "observedAt" not in instance
    }


def entities_at(
    present: Mapping[str, Entity], histories: Iterable[Entity], at: datetime
) -> list[Entity]:
    """Return the entities that histories tell of a moment, and those of today, without a state."""
    told: dict[str, list[Entity]] = {
        name: []
        for name, entity in present.items()
        if not MAPPED_TYPES.isdisjoint(types_of(entity))
    }
    for history in histories:
        told.setdefault(history["id"], []).append(history)
    found = []
    for name, parts in told.items():
        today = present.get(name, {})
        if any(_gone(part, at) for part in parts):
            continue
        standing = {member: today[member] for member in STANDING & today.keys()}
        first = parts[0] if parts else today
        found.append({"id": name, "type": first["type"], **standing, **_latest(parts, at)})
    return found


def _latest(parts: Iterable[Entity], at: datetime) -> dict[str, Any]:
    """Return the newest instance of each attribute, of those that are not of a later time."""
    newest: dict[str, tuple[datetime, dict[str, Any]]] = {}
    for part in parts:
        for member, instances in part.items():
            if not isinstance(instances, list) or not isinstance(instances[-1], dict):
                continue
            instance = instances[-1]
            time = _time(instance)
            if time <= at and (member not in newest or newest[member][0] < time):
                newest[member] = time, instance
    return {
        member: instance
        for member, (_, instance) in newest.items()
        if NULL not in instance.values()
    }


def _time(instance: Mapping[str, Any]) -> datetime:
    """Return when an instance was true: when it was measured, else when it was written."""
    return datetime.fromisoformat(instance.get("observedAt") or instance["modifiedAt"])


def _gone(history: Entity, at: datetime) -> bool:
    deleted = history.get("deletedAt")
    return isinstance(deleted, str) and datetime.fromisoformat(deleted) <= at


async def _alerts_at(client: Client, present: TenantState, at: datetime) -> list[Entity]:
    """Return the alerts that were in force, each with the headline it was issued with."""
    alerts = [alert for alert in present.of_type("Alert") if in_force(alert, at)]
    ended = [str(alert["id"]) for alert in alerts if value(alert, "alertState") == "ended"]
    issued: dict[str, Entity] = {}
    if ended:
        histories = await client.histories(
            id=",".join(ended),
            attrs="headline",
            timerel="after",
            timeAt="1970-01-01T00:00:00Z",
            timeproperty="modifiedAt",
        )
        issued = {one["id"]: {"headline": one["headline"][0]} for one in histories}
    active = {"alertState": {"type": "Property", "value": "active"}}
    return [{**alert, **issued.get(str(alert["id"]), {}), **active} for alert in alerts]


def in_force(alert: Entity, at: datetime) -> bool:
    """Tell whether an alert was in force at a moment, by what it says of itself."""
    begun, over = value(alert, "dateIssued"), value(alert, "validTo")
    if not isinstance(begun, str) or datetime.fromisoformat(begun) > at:
        return False
    if isinstance(over, str):
        return at < datetime.fromisoformat(over)
    return bool(value(alert, "alertState") == "active")
