"""A lock made of software behind a Zigbee2MQTT made of software."""

from __future__ import annotations

from typing import Any

import orjson

from adapters.contract import Message
from adapters.zigbee_lock.lock import BASE, set_topic


class FakeLock:
    """A door lock as Zigbee2MQTT shows it (contract: `adapters.contract.FakeDevice`).

    Faults: `deaf` (hears nothing), `jammed` (does not lock all the way), `exposes_pins` (shows
    codes in its state, as Zigbee2MQTT can be set to), `full` (takes no codes).
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = "LOCK"
        self.lock_state = "locked"
        self.battery = 80
        self.codes: dict[int, int] = {}
        self.deaf = self.jammed = self.exposes_pins = self.full = False

    @property
    def listens_to(self) -> str:
        """Return the topic the lock is commanded on."""
        return set_topic(self.name)

    def message(self, observed_at: str, **values: Any) -> Message:
        """Return the lock's state as Zigbee2MQTT publishes it; `values` go into it as given."""
        told: dict[str, Any] = {
            "state": self.state,
            "lock_state": self.lock_state,
            "battery": self.battery,
            "linkquality": 120,
            "users": {str(slot): self._user(slot) for slot in (1, 2, 3)},
            **({"last_seen": observed_at} if observed_at else {}),
            **values,
        }
        return Message(f"{BASE}/{self.name}", orjson.dumps(told))

    def availability(self, state: str) -> Message:
        """Return the message that the lock is `online` or `offline`."""
        return Message(f"{BASE}/{self.name}/availability", orjson.dumps({"state": state}))

    def take(self, payload: bytes) -> Message | None:
        """Take a command; return the state that follows from it."""
        if self.deaf:
            return None
        told = orjson.loads(payload)
        if "state" in told:
            self.state = told["state"]
            locked = "not_fully_locked" if self.jammed else "locked"
            self.lock_state = locked if self.state == "LOCK" else "unlocked"
        code = told.get("pin_code")
        if code is not None and not self.full:
            if code["pin_code"] is None:
                self.codes.pop(code["user"], None)
            else:
                self.codes[code["user"]] = code["pin_code"]
        return self.message("")

    def enter(self, pin: str) -> Message:
        """Type a code at the lock; return what the lock says of it. It opens where it is known."""
        slot = next((slot for slot, code in self.codes.items() if str(code) == pin), None)
        if slot is None:
            action = "unlock_failure_invalid_pin_or_id"
            return self.message("", action=action, action_source_name="keypad")
        self.state, self.lock_state = "UNLOCK", "unlocked"
        return self.message("", action="unlock", action_source_name="keypad", action_user=slot)

    def _user(self, slot: int) -> dict[str, Any]:
        if slot not in self.codes:
            return {"status": "available"}
        pin = {"pin_code": self.codes[slot]} if self.exposes_pins else {}
        return {"status": "enabled", **pin}


def bridge(state: str) -> Message:
    """Return the message that Zigbee2MQTT itself is `online` or `offline`."""
    return Message(f"{BASE}/bridge/state", orjson.dumps({"state": state}))
