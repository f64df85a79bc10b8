"""The door log: one AccessEvent entity for each thing that happened at a lock. Append only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from adapters.common.registry import Registration
from adapters.common.times import utc_now
from adapters.common.writer import Attributes
from broker.client import AlreadyExists, PreconditionFailed, value


@dataclass(frozen=True, slots=True)
class DoorEvent:
    """What happened at a lock, in the words of the AccessEvent model.

    `key` is the same for every repetition; `at` when it happened by the lock's clock, `grant` the
    AccessGrant whose PIN was used, where the adapter knows it.
    """

    key: str
    event: str
    at: str
    source: str
    method: str = ""
    grant: str = ""
    note: str = ""


async def log_event(device: Registration, event: DoorEvent) -> bool:
    """Write a line of the door log; False where it is there already. Raises ClientError."""
    entity = event_entity(device.target_id, event, _adapter(device))
    try:
        await device.client.transactions([{"op": "create", "entity": entity, "ifNoneMatch": "*"}])
    except (AlreadyExists, PreconditionFailed):
        return False
    return True


def event_entity(lock: str, event: DoorEvent, adapter: str) -> dict[str, Any]:
    """Return the AccessEvent of what happened at a lock."""
    digest = hashlib.sha256(f"{adapter}|{lock}|{event.key}".encode()).hexdigest()[:24]
    attributes: Attributes = {
        "eventType": _property(event.event),
        "dateObserved": _property(event.at),
        "receivedAt": _property(utc_now()),
        "source": _property(event.source),
        "deviceEventId": _property(event.key),
        **({"method": _property(event.method)} if event.method else {}),
        **({"note": _property(event.note)} if event.note else {}),
        "refLock": {"type": "Relationship", "object": lock},
        **({"refGrant": {"type": "Relationship", "object": event.grant}} if event.grant else {}),
    }
    city = lock.split(":")[3] if lock.count(":") >= 4 else "0"
    return {"id": f"urn:ngsi-ld:AccessEvent:{city}:{digest}", "type": "AccessEvent", **attributes}


def _adapter(device: Registration) -> str:
    return str(value(device.device, "adapter", ""))


def _property(content: str) -> dict[str, Any]:
    return {"type": "Property", "value": content}
