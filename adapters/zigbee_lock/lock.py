"""Zigbee2MQTT's messages about a lock, and to one. Pure.

    zigbee2mqtt/<name>                {"state": "LOCK", "lock_state": "locked", "battery": 80,
                                       "door_state": "closed", "last_seen": …,
                                       "users": {"1": {"status": "enabled"}},
                                       "action": "unlock", "action_source_name": "keypad",
                                       "action_user": 1}
    zigbee2mqtt/<name>/availability   {"state": "online"}, or in older versions online
    zigbee2mqtt/bridge/state          the same for Zigbee2MQTT itself
    zigbee2mqtt/<name>/set            {"state": "UNLOCK"}, {"pin_code": {"user": 1, …}}

Zigbee2MQTT can be set to show PIN codes in its messages. They are taken out before a message is
kept anywhere (`adapters.common.redact`), and nothing here reads them.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from adapters.common.times import from_epoch, measured_at
from adapters.common.writer import measured
from adapters.contract import BadPayload, Message, Reading

BASE: Final = "zigbee2mqtt"
BRIDGE: Final = "bridge"
LOCK_STATES: Final = {
    "locked": "locked",
    "unlocked": "unlocked",
    "not_fully_locked": "notFullyLocked",
}
STATES: Final = {"LOCK": "locked", "UNLOCK": "unlocked"}
ACTIONS: Final = {
    "unlock": ("unlocked", ""),
    "key_unlock": ("unlocked", "key"),
    "manual_unlock": ("unlocked", "thumbturn"),
    "schedule_unlock": ("unlocked", "auto"),
    "unlock_failure_invalid_pin_or_id": ("accessDenied", ""),
    "unlock_failure_invalid_schedule": ("accessDenied", ""),
    "lock": ("locked", ""),
    "key_lock": ("locked", "key"),
    "manual_lock": ("locked", "thumbturn"),
    "one_touch_lock": ("locked", "thumbturn"),
    "auto_lock": ("locked", "auto"),
    "schedule_lock": ("locked", "auto"),
}
"""What the door log says of a lock's action, and the method where the action tells it."""
SOURCES: Final = {"keypad": "pin", "rfid": "card", "manual": "thumbturn", "rf": "remote"}
DOORS: Final = {"open": "open", "closed": "closed", "error_jammed": "unknown"}
CRITICAL: Final = 20
"""Battery in percent below which a lock wants a new one."""
SLOTS: Final = range(1, 251)
PIN: Final = re.compile(r"[1-9][0-9]{3,9}")


class BadCode(ValueError):
    """A PIN code or slot that a Zigbee lock cannot take; the text does not repeat it."""


def set_topic(name: str) -> str:
    """Return the topic a lock is commanded on."""
    return f"{BASE}/{name}/set"


def order(command: str) -> bytes:
    """Return the message for the commands `lock` and `unlock`."""
    return orjson.dumps({"state": command.upper()})


def set_code(slot: int, pin: str) -> bytes:
    """Return the message that puts a PIN code into a slot. Raises BadCode.

    Zigbee2MQTT takes the code as a number, so that it cannot begin with 0.
    """
    if not PIN.fullmatch(pin):
        raise BadCode("a PIN has 4 to 10 digits, the first of them not 0")
    return orjson.dumps(
        {
            "pin_code": {
                "user": _slot(slot),
                "user_type": "unrestricted",
                "user_enabled": True,
                "pin_code": int(pin),
            }
        }
    )


def clear_code(slot: int) -> bytes:
    """Return the message that empties a slot. Raises BadCode."""
    return orjson.dumps({"pin_code": {"user": _slot(slot), "pin_code": None}})


def read(message: Message) -> Reading | None:
    """Return what a message says about a lock, or about Zigbee2MQTT as `bridge`.

    None for messages of other devices. Raises BadPayload.
    """
    parts = message.topic.split("/")
    name = parts[1] if len(parts) > 1 else ""
    if parts[-1] == "availability" or parts[1:] == [BRIDGE, "state"]:
        available = {"availability": _availability(message.payload)}
        return Reading(name, message.ticket, message.received, available)
    told = _object(message.payload)
    if told is None or not ("lock_state" in told or told.get("state") in STATES):
        return None
    values = {
        "lockState": _lock_state(told),
        "battery": _battery(told),
        "batteryLow": told.get("battery_low") is True,
        "doorState": _door(told),
        "slots": _slots(told),
        **_action(told),
    }
    return Reading(name, message.ticket, _time(told, message.received), values)


def attributes(reading: Reading) -> dict[str, Any]:
    """Return the normalized attributes that a reading sets."""
    values, at = reading.values, reading.observed_at
    if "availability" in values:
        return {"availability": measured(values["availability"], at)}
    found = {"lockState": measured(values["lockState"], at)}
    if values["battery"] is not None:
        critical = values["batteryLow"] or values["battery"] < CRITICAL
        found["batteryLevel"] = measured(values["battery"] / 100, at)
        found["batteryCritical"] = measured(critical, at)
    if values["doorState"] is not None:
        found["doorState"] = measured(values["doorState"], at)
    if values["slots"] is not None:
        found["codeSlots"] = {"type": "JsonProperty", "json": values["slots"], "observedAt": at}
    return found


def _slot(slot: int) -> int:
    if slot not in SLOTS:
        raise BadCode("a slot is 1 to 250")
    return slot


def _object(payload: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a device's message; None for an empty one (a removed device)."""
    if not payload:
        return None
    try:
        told = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise BadPayload("not JSON", place="body") from error
    if not isinstance(told, dict):
        raise BadPayload("not a JSON object", place="body")
    return told


def _availability(payload: bytes) -> str:
    text = payload.decode(errors="replace")
    if text.startswith("{"):
        text = str((_object(payload) or {}).get("state"))
    if text not in {"online", "offline"}:
        raise BadPayload("neither online nor offline", place="body:/state")
    return text


def _lock_state(told: dict[str, Any]) -> str:
    exact = told.get("lock_state")
    if exact is None:
        return STATES.get(str(told.get("state")), "unknown")
    return LOCK_STATES.get(str(exact), "unknown")


def _battery(told: dict[str, Any]) -> float | None:
    battery = told.get("battery")
    if battery is None:
        return None
    number = isinstance(battery, int | float) and not isinstance(battery, bool)
    if not number or not 0 <= battery <= 100:
        raise BadPayload("the battery is not 0 to 100 percent", place="body:/battery")
    return float(battery)


def _door(told: dict[str, Any]) -> str | None:
    door = told.get("door_state")
    return None if door is None else DOORS.get(str(door), "unknown")


def _slots(told: dict[str, Any]) -> dict[str, str] | None:
    """Return the states of the code slots by number; never the codes."""
    users = told.get("users")
    if not isinstance(users, dict):
        return None
    return {
        slot: str(user.get("status", "unknown"))[:20]
        for slot, user in users.items()
        if isinstance(user, dict) and slot.isdigit()
    }


def _action(told: dict[str, Any]) -> dict[str, Any]:
    """Return what happened at the lock, how, and by the code of which slot."""
    event, method = ACTIONS.get(str(told.get("action")), ("", ""))
    user = told.get("action_user")
    slot = user if isinstance(user, int) and not isinstance(user, bool) else 0
    source = SOURCES.get(str(told.get("action_source_name")), "unknown")
    return {"event": event, "method": method or source, "slot": slot}


def _time(told: dict[str, Any], received: str) -> str:
    """Return when the lock was last heard; Zigbee2MQTT says it as text or in milliseconds."""
    seen = told.get("last_seen")
    if seen is None or seen == "N/A":
        return received
    if isinstance(seen, int | float) and not isinstance(seen, bool):
        return from_epoch(seen / 1000, place="body:/last_seen")
    return measured_at(seen, place="body:/last_seen")
