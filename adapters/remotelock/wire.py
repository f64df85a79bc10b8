"""RemoteLOCK's messages, both ways. Pure.

    POST /access_persons              {"type": "access_guest", "attributes": {"name", "pin",
                                       "starts_at", "ends_at"}}        local time, no zone
    POST /access_persons/{id}/accesses  {"attributes": {"accessible_id", "accessible_type"}}
    event (webhook, or one of GET /events)
                                      {"type": "unlocked_event", "id", "attributes": {"occurred_at",
                                       "publisher_id", "associated_resource_id", "method", "pin"}}
    device (GET /devices/{id})        {"type": "lock", "id", "attributes": {"state", "power_level",
                                       "connected", "connected_at"}}

A lock lives in one time zone, and a guest's times are in it. An event may carry the PIN that was
typed: `adapters.common.redact` takes it out before anything keeps the event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from adapters.common.access import GrantAnswer, GrantState
from adapters.common.times import measured_at
from adapters.common.writer import measured
from adapters.contract import BadPayload, Message, Reading

EVENT: Final = "remotelock/event"
DEVICE: Final = "remotelock/device"
CRITICAL: Final = 20
"""Battery in percent below which a lock wants a new one."""
EVENTS: Final = {
    "unlocked_event": "unlocked",
    "locked_event": "locked",
    "access_denied_event": "accessDenied",
    "jammed_event": "jammed",
    "power_level_low_event": "batteryLow",
    "acs_door_opened_event": "doorOpened",
    "acs_door_closed_event": "doorClosed",
    "acs_door_held_open_event": "doorLeftOpen",
}
"""What the door log says of an event; others (synchronisation, resets) are no line of it."""
STATES: Final = {"unlocked": "unlocked", "locked": "locked", "jammed": "jammed"}
"""Bolt states that events and devices report."""
DOORS: Final = {"doorOpened": "open", "doorClosed": "closed", "doorLeftOpen": "open"}
METHODS: Final = {"pin": "pin", "card": "card", "remote": "remote", "manual": "thumbturn"}
SUBSCRIBED: Final = (
    "unlocked",
    "locked",
    "access_denied",
    "jammed",
    "power_level_low",
    "connectivity",
    "access_person_synced",
    "access_person_sync_failed",
)
"""Events a webhook is asked for."""


def guest(name: str, pin: str, begins: datetime, ends: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """Return the body that creates a guest whose PIN opens from one moment to before another."""
    attributes = {
        "name": name,
        "pin": pin,
        "starts_at": local(begins, zone),
        "ends_at": local(ends, zone),
    }
    return {"type": "access_guest", "attributes": attributes}


def user(name: str, pin: str) -> dict[str, Any]:
    """Return the body that creates a person whose PIN opens always."""
    return {"type": "access_user", "attributes": {"name": name, "pin": pin}}


def access(lock: str) -> dict[str, Any]:
    """Return the body that gives a person access to a lock."""
    return {"attributes": {"accessible_id": lock, "accessible_type": "lock"}}


def local(moment: datetime, zone: ZoneInfo) -> str:
    """Return a moment as the lock's own clock shows it, without a zone."""
    return moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")


def standing(attributes: dict[str, Any], person: str, *, going: bool = False) -> GrantAnswer:
    """Return how a grant stands by the numbers of locks that are in step with the cloud."""
    counts = [attributes.get(f"devices_{n}_count", 0) for n in ("pending_sync", "failed_sync")]
    pending, failed = (count if isinstance(count, int) else 0 for count in counts)
    synced = attributes.get("devices_synced_count", 0)
    if failed:
        return GrantAnswer(GrantState.FAILED, person, reason="syncFailed")
    if pending or not synced:
        return GrantAnswer(GrantState.GOING if going else GrantState.SENT, person)
    return GrantAnswer(GrantState.GONE if going else GrantState.ACTIVE, person)


def read(message: Message) -> Reading | None:
    """Return what an event or a device's state says; None where it is not about a lock.

    Raises BadPayload.
    """
    try:
        told = orjson.loads(message.payload)
    except orjson.JSONDecodeError as error:
        raise BadPayload("not JSON", place="body") from error
    attributes = told.get("attributes") if isinstance(told, dict) else None
    if not isinstance(attributes, dict):
        raise BadPayload("no attributes", place="body:/attributes")
    return _device(told, message) if message.topic == DEVICE else _event(told, attributes)


def attributes(reading: Reading) -> dict[str, Any]:
    """Return the normalized attributes that a reading sets."""
    values, at = reading.values, reading.observed_at
    found = {
        name: measured(values[name], at)
        for name in ("lockState", "doorState", "availability")
        if values.get(name) is not None
    }
    power = values.get("power")
    if power is not None:
        found["batteryLevel"] = measured(power / 100, at)
        found["batteryCritical"] = measured(power < CRITICAL, at)
    return found


def _event(told: dict[str, Any], attributes: dict[str, Any]) -> Reading | None:
    kind = str(told.get("type"))
    event = EVENTS.get(kind, "")
    if attributes.get("publisher_type") not in (None, "lock", "acs_door"):
        return None
    lock, key = attributes.get("publisher_id"), told.get("id")
    if not isinstance(lock, str) or not isinstance(key, str):
        raise BadPayload("an event without publisher or id", place="body:/attributes/publisher_id")
    at = measured_at(attributes.get("occurred_at"), place="body:/attributes/occurred_at")
    failed = attributes.get("status") == "failed"
    values = {
        "event": "accessDenied" if failed and event == "unlocked" else event,
        "lockState": None if failed else STATES.get(event),
        "doorState": DOORS.get(event),
        "power": _power(attributes.get("power_level")),
        "method": METHODS.get(str(attributes.get("method")), "unknown"),
        "person": _text(attributes.get("associated_resource_id")),
        "note": _text(attributes.get("status_info")),
    }
    return Reading(lock, key, at, values)


def _device(told: dict[str, Any], message: Message) -> Reading:
    attributes = told["attributes"]
    lock = told.get("id")
    if not isinstance(lock, str):
        raise BadPayload("a device without id", place="body:/id")
    state = STATES.get(str(attributes.get("state")), "unknown")
    alive = attributes.get("connected")
    values = {
        "event": "",
        "lockState": state,
        "power": _power(attributes.get("power_level")),
        "availability": None if alive is None else "online" if alive else "offline",
    }
    return Reading(lock, message.ticket, message.received, values)


def _power(level: object) -> float | None:
    if level is None:
        return None
    number = isinstance(level, int | float) and not isinstance(level, bool)
    if not number or not 0 <= level <= 100:  # type: ignore[operator]
        raise BadPayload("the power level is not 0 to 100", place="body:/attributes/power_level")
    return float(level)  # type: ignore[arg-type]


def _text(found: object) -> str:
    return found[:200] if isinstance(found, str) else ""
