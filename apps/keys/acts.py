"""What facility staff do about locks: open, shut, take back, try again, note a visit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from apps.keys.contract import Opened, RevokeReason, Status
from apps.keys.grants import status_of
from apps.keys.locks import TownLocks
from broker.client import Client, NotFound, timestamp, value

REASONS: Final = ("shelter", "lockedOut", "fault", "inspection", "drill")
"""Why a lock is opened from afar; the door log keeps the word."""
HOLDING: Final = frozenset({"shelter", "drill"})
"""Reasons for which a lock stays open until somebody shuts it."""


class ActRefused(Exception):
    """Something that cannot be done; the text is a key of the page's words."""


async def open_locks(
    client: Client, locks: TownLocks, chosen: Iterable[str], reason: str, by: str
) -> list[Opened]:
    """Open locks at once, all beside each other; say of each what became of it."""
    opened = await asyncio.gather(*(locks.open_now(lock, reason, by) for lock in chosen))
    if reason in HOLDING:
        held = {"emergencyMode": _property("heldOpen")}
        await asyncio.gather(*(client.append(one.lock, held) for one in opened if one.done))
    return list(opened)


async def shut(client: Client, lock: str, by: str, now: datetime) -> None:
    """End the holding open of a lock, and lock it. Raises ActRefused."""
    at = timestamp(now)
    line = {
        "id": f"urn:ngsi-ld:AccessEvent:{lock.split(':')[3]}:shut-{int(now.timestamp() * 1e6)}",
        "type": "AccessEvent",
        "eventType": _property("remoteLock"),
        "method": _property("remote"),
        "dateObserved": _property(at),
        "receivedAt": _property(at),
        "source": _property("staff"),
        "refLock": {"type": "Relationship", "object": lock},
        "refOperator": {"type": "Relationship", "object": f"urn:ngsi-ld:Staff:{by}"},
    }
    attributes = {"emergencyMode": _property("none"), "lock": _property(at)}
    order = {"op": "append", "id": lock, "attrs": attributes}
    try:
        await client.transactions([{"op": "create", "entity": line}, order])
    except NotFound as fault:
        raise ActRefused("gone") from fault


async def take_back(locks: TownLocks, grant: str) -> None:
    """Take a grant back. Raises ActRefused."""
    if await locks.revoke(grant, RevokeReason.STAFF) is None:
        raise ActRefused("gone")


async def try_again(client: Client, grant: str, now: datetime) -> None:
    """Let the worker try a grant at once. Raises ActRefused."""
    try:
        entity = await client.retrieve(grant)
    except NotFound as fault:
        raise ActRefused("gone") from fault
    if status_of(entity) not in (Status.FAILED, Status.REQUESTED, Status.EXPIRING, Status.SENT):
        raise ActRefused("nothing_to_try")
    await client.append(grant, {"nextAttemptAt": _property(timestamp(now))})


async def note_visit(
    client: Client, lock: str, battery: float, drift: float | None, now: datetime
) -> None:
    """Note what was found at a lock: its battery (0 to 1), and by how much its clock was ahead.

    The clock is taken to be set right now. Raises ActRefused.
    """
    at = timestamp(now)
    found = {
        "batteryLevel": {**_property(battery), "observedAt": at},
        "batteryCritical": {**_property(battery < 0.2), "observedAt": at},
        "batteryCheckedAt": _property(at),
    }
    if drift is not None:
        found["clockDriftSeconds"] = {**_property(drift), "observedAt": at}
        found["clockCheckedAt"] = _property(at)
    try:
        entity = await client.retrieve(lock)
    except NotFound as fault:
        raise ActRefused("gone") from fault
    if value(entity, "lockState") is None:
        raise ActRefused("gone")
    await client.append(lock, found)


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}
