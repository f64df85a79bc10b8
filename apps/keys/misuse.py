"""Misuse of doors as alerts for staff, and rooms still in use after the booked time. Pure.

An `AccessAlert` says what a line of the door log looks like (`doorlog.Mark`), or that a room is in
use ten minutes after its booking. It names no person. It is over once the door is shut, else once
staff have seen it. Bookings of one person that follow each other are one stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from apps.keys.contract import Grant, Kind, Operations, Status
from apps.keys.doorlog import LINGER, MISUSE, SHUT, UNLOCKED, Line, Mark
from apps.keys.grants import city_of
from broker.client import Entity, timestamp, value

TYPE: Final = "AccessAlert"
OVERSTAY: Final = "overstay"
WITHIN: Final = timedelta(hours=12)
"""How long after its end a booking can still be found to overstay."""
OVER: Final = frozenset({Status.REVOKED, Status.FAILED, Status.CANNOT_REVOKE})


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to judge by: the log newest first, grants, locks and alerts by id."""

    log: Sequence[Line]
    grants: Sequence[Grant]
    locks: Mapping[str, Entity]
    alerts: Mapping[str, Entity]


def due(seen: Seen, now: datetime) -> list[Operations]:
    """Return what is to be written, one transaction each."""
    return [
        *_raised(seen),
        *_shut(seen),
        *_went_on(seen, now),
        *_overstayed(seen, now),
        *_left(seen, now),
    ]


def active(alert: Entity) -> bool:
    """Say whether an alert waits for somebody to see to it."""
    return bool(value(alert, "alertState") == "active")


def ended(now: datetime, by: str = "") -> dict[str, Any]:
    """Return the attributes of an alert that is over; `by` is who has seen it."""
    attributes = {"alertState": _property("ended"), "endAt": _property(timestamp(now))}
    return attributes | ({"refOperator": _relation(by)} if by else {})


def alert_id(about: str, misuse: str) -> str:
    """Return the id of the alert about a line of the log or a grant, the same each time."""
    return f"urn:ngsi-ld:{TYPE}:{city_of(about)}:{about.split(':', 4)[-1]}-{misuse}"


def _raised(seen: Seen) -> Iterable[Operations]:
    """Return an alert for each misuse, but one for all wrong PINs until somebody has seen it."""
    guessed = {
        str(value(one, "refLock"))
        for one in seen.alerts.values()
        if active(one) and value(one, "misuse") == Mark.GUESSING
    }
    for line in reversed(seen.log):
        for mark in sorted(line.marks & MISUSE):
            known = alert_id(line.id, mark)
            if known in seen.alerts or (mark is Mark.GUESSING and line.lock in guessed):
                continue
            if mark is Mark.GUESSING:
                guessed.add(line.lock)
            yield [_create(known, mark, line.lock, line.at, refEvent=line.id)]


def _shut(seen: Seen) -> Iterable[Operations]:
    for known, alert in seen.alerts.items():
        if not active(alert) or value(alert, "misuse") != Mark.LEFT_OPEN:
            continue
        since = datetime.fromisoformat(str(value(alert, "occurredAt")))
        closed = [
            line.at
            for line in seen.log
            if line.lock == value(alert, "refLock")
            and line.event == "doorClosed"
            and line.at > since
        ]
        if closed:
            yield [{"op": "append", "id": known, "attrs": ended(min(closed))}]


def _went_on(seen: Seen, now: datetime) -> Iterable[Operations]:
    """Let whoever stays on into a booking of their own be found to use it."""
    for grant in seen.grants:
        if grant.first_used or grant.status in OVER or grant.end is None or now >= grant.end:
            continue
        ends = [one.end for one in _stay(seen, grant) if one is not grant and one.end is not None]
        if ends and max(ends) <= now and _in_use(seen, grant):
            used = {"firstUsedAt": _property(timestamp(max(ends)))}
            yield [{"op": "append", "id": grant.id, "attrs": used}]


def _overstayed(seen: Seen, now: datetime) -> Iterable[Operations]:
    for grant in seen.grants:
        if grant.end is None or grant.overstayed_since or grant.status in OVER:
            continue
        if not grant.end + LINGER <= now < grant.end + WITHIN or not _in_use(seen, grant):
            continue
        if any(_follows(other, grant) for other in seen.grants):
            continue
        known = alert_id(grant.id, OVERSTAY)
        since = {"overstayedSince": _property(timestamp(grant.end))}
        told = [{"op": "append", "id": grant.id, "attrs": since}]
        if known not in seen.alerts:
            told.append(
                _create(known, OVERSTAY, grant.lock, grant.end, refBooking=grant.booking or None)
            )
        yield told


def _left(seen: Seen, now: datetime) -> Iterable[Operations]:
    for grant in seen.grants:
        if not grant.stays or _in_use(seen, grant):
            continue
        since = grant.overstayed_since or now
        shut = [
            line.at
            for line in seen.log
            if line.lock == grant.lock and line.event in SHUT and line.at > since
        ]
        left = min(shut, default=now)
        attributes = {"leftAt": _property(timestamp(left))}
        told = [{"op": "append", "id": grant.id, "attrs": attributes}]
        known = alert_id(grant.id, OVERSTAY)
        if known in seen.alerts and active(seen.alerts[known]):
            told.append({"op": "append", "id": known, "attrs": ended(left)})
        yield told


def _in_use(seen: Seen, grant: Grant) -> bool:
    """Say whether a stay was the last to open its lock, and the lock or the door is open still.

    Locks that cannot say so, such as boxes without network, are never found to be in use.
    """
    lock = seen.locks.get(grant.lock, {})
    if value(lock, "lockState") != "unlocked" and value(lock, "doorState") != "open":
        return False
    if value(lock, "emergencyMode") == "heldOpen" or grant.kind is Kind.EMERGENCY:
        return False
    last = next(
        (line for line in seen.log if line.lock == grant.lock and line.event in UNLOCKED), None
    )
    return last is not None and last.grant in [one.id for one in _stay(seen, grant)]


def _stay(seen: Seen, grant: Grant) -> list[Grant]:
    """Return a grant and those of its holder that lead to it without a gap, the last first."""
    found = [grant]
    while before := [one for one in seen.grants if _follows(found[-1], one)]:
        found.append(before[0])
    return found


def _follows(later: Grant, earlier: Grant) -> bool:
    """Say whether one grant goes on where another of the same holder and lock ends."""
    if later.end is None or earlier.end is None or {later.status, earlier.status} & OVER:
        return False
    same = bool(later.holder) and (later.holder, later.lock) == (earlier.holder, earlier.lock)
    return same and later.valid_from <= earlier.end < later.end


def _create(
    known: str, misuse: str, lock: str, at: datetime, **about: str | None
) -> dict[str, Any]:
    entity = {
        "id": known,
        "type": TYPE,
        "misuse": _property(str(misuse)),
        "alertState": _property("active"),
        "occurredAt": _property(timestamp(at)),
        "refLock": _relation(lock),
        **{name: _relation(target) for name, target in about.items() if target},
    }
    return {"op": "create", "entity": entity, "ifNoneMatch": "*"}


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}


def _relation(target: str) -> dict[str, Any]:
    return {"type": "Relationship", "object": target}
