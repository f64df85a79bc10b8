"""Access grants as entities: made from what an app wants, read back, changed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apps.keys.contract import (
    CannotGrant,
    Grant,
    Kind,
    Operations,
    RevokeReason,
    Status,
    Wanted,
    grant_id,
)
from broker.client import Entity, timestamp, value

TYPE: Final = "AccessGrant"
ALWAYS: Final = datetime(9999, 12, 30, tzinfo=UTC)
"""The end of a grant of the emergency class."""
KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
OPEN: Final = frozenset(Status) - {Status.EXPIRED, Status.REVOKED}
"""States in which a grant still has something coming."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a lock says of its PINs (`pinPolicy`).

    `grain` is the length in minutes of the pieces it knows, `longest` the hours it takes at most,
    `lead` how many minutes before the start a PIN is issued that cannot be taken back (None: at
    once).
    """

    early: timedelta
    late: timedelta
    grain: int
    longest: int | None
    lead: timedelta | None


def policy_of(lock: Entity) -> Policy:
    """Return a lock's policy; ten minutes of grace where it says nothing."""
    told = value(lock, "pinPolicy", {})
    rules: Mapping[str, Any] = told if isinstance(told, dict) else {}
    lead = rules.get("issueMinutesBefore")
    return Policy(
        early=timedelta(seconds=rules.get("earlyGraceSeconds", 600)),
        late=timedelta(seconds=rules.get("lateGraceSeconds", 600)),
        grain=int(rules.get("granularityMinutes", 1)),
        longest=rules.get("maxHours"),
        lead=None if lead is None else timedelta(minutes=lead),
    )


def offline(lock: Entity) -> bool:
    """Say whether nothing reaches a lock, so that its PIN is computed."""
    return bool(value(lock, "connectivity") == "offlineAlgorithmic")


def city_of(entity_id: str) -> str:
    """Return the municipality code in an entity's id."""
    parts = entity_id.split(":")
    return parts[3] if len(parts) > 4 else "0"


def checked_key(key: str) -> None:
    """Refuse a key that cannot be the end of an id. Raises CannotGrant."""
    if not KEY.fullmatch(key):
        raise CannotGrant("badKey")


def new_grant(wanted: Wanted, lock: Entity, now: datetime) -> Entity:
    """Return the entity of a grant. Raises CannotGrant."""
    policy = policy_of(lock)
    checked_key(wanted.key)
    if wanted.end + policy.late <= now or wanted.start >= wanted.end:
        raise CannotGrant("past")
    grain = 60 * policy.grain
    computed = offline(lock)
    if computed and (wanted.start.timestamp() % grain or wanted.end.timestamp() % grain):
        raise CannotGrant("offTheHour")
    if policy.longest is not None and wanted.end - wanted.start > timedelta(hours=policy.longest):
        raise CannotGrant("tooLong")
    return {
        **_entity(wanted.key, wanted.lock, wanted.holder, wanted.booking),
        "grantKind": _property(Kind.ALGORITHMIC_PIN if computed else Kind.PIN),
        "startAt": _time(wanted.start),
        "endAt": _time(wanted.end),
        "validFrom": _time(wanted.start - policy.early),
        "validTo": _time(wanted.end + policy.late),
    }


def leader_grant(key: str, lock: str, holder: str, now: datetime) -> Entity:
    """Return the grant of an area leader, who can open a lock at any time."""
    return {
        **_entity(key, lock, holder, ""),
        "grantKind": _property(Kind.EMERGENCY),
        "validFrom": _time(now),
        "validTo": _time(ALWAYS),
    }


def revocation(entity: Entity, version: str, reason: RevokeReason, now: datetime) -> Operations:
    """Return what takes a grant back; nothing where it is over or taken back already.

    Where no lock knows of it and no PIN was made up, it is revoked at once. A box without network
    keeps a PIN it has.
    """
    status = status_of(entity)
    if status not in OPEN or value(entity, "revokeRequestedAt"):
        return []
    attributes = {"revokeRequestedAt": _time(now), "revokeReason": _property(reason)}
    issued = bool(value(entity, "codeRef"))
    if value(entity, "grantKind") == Kind.ALGORITHMIC_PIN and issued:
        attributes["status"] = _property(Status.CANNOT_REVOKE)
    elif status is Status.REQUESTED and not issued and not value(entity, "attempts", 0):
        attributes["status"] = _property(Status.REVOKED)
        attributes["revokedAt"] = _time(now)
    return [{"op": "append", "id": entity["id"], "attrs": attributes, "ifMatch": version}]


def read(entity: Entity) -> Grant:
    """Return a grant as its entity says."""
    return Grant(
        id=entity["id"],
        lock=lock_of(entity),
        kind=Kind(str(value(entity, "grantKind", Kind.PIN))),
        status=status_of(entity),
        valid_from=moment(value(entity, "validFrom")),
        valid_to=moment(value(entity, "validTo")),
        holder=str(value(entity, "refHolder", "")),
        booking=str(value(entity, "refBooking", "")),
        reason=str(value(entity, "statusReason", "")),
        issued=bool(value(entity, "codeRef")),
        first_used=_moment(entity, "firstUsedAt"),
        end=_moment(entity, "endAt"),
        overstayed_since=_moment(entity, "overstayedSince"),
        left=_moment(entity, "leftAt"),
    )


def lock_of(entity: Entity) -> str:
    """Return the lock a grant is for."""
    told = value(entity, "refLock", "")
    return str(told[0] if isinstance(told, list) else told)


def status_of(entity: Entity) -> Status:
    """Return where a grant stands."""
    return Status(str(value(entity, "status", Status.REQUESTED)))


def moment(text: Any) -> datetime:
    """Return a time an entity says."""
    return datetime.fromisoformat(str(text)).astimezone(UTC)


def _moment(entity: Entity, name: str) -> datetime | None:
    told = value(entity, name)
    return moment(told) if told else None


def code_kind(grant: str) -> str:
    """Return the kind under which the vault has a grant's PIN."""
    return f"pin:{grant}"


def _entity(key: str, lock: str, holder: str, booking: str) -> Entity:
    return {
        "id": grant_id(key, city_of(lock)),
        "type": TYPE,
        "status": _property(Status.REQUESTED),
        "attempts": _property(0),
        "refLock": {"type": "Relationship", "object": [lock]},
        "refHolder": {"type": "Relationship", "object": holder},
        **({"refBooking": {"type": "Relationship", "object": booking}} if booking else {}),
    }


def _time(at: datetime) -> dict[str, Any]:
    return _property(timestamp(at))


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": str(content) if isinstance(content, str) else content}
