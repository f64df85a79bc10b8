"""What is to be done about a grant now, and what its state becomes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from apps.keys.contract import Kind, Status
from apps.keys.grants import Policy, moment, status_of
from broker.client import Entity, timestamp, value

NEARLY: Final = timedelta(minutes=30)
"""Before the start: what is not on the lock by then is failed, so that somebody looks."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=10)


class Deed(StrEnum):
    """What is to be done."""

    WAIT = "wait"
    ISSUE = "issue"
    """Make up the PIN, so that its holder can be told; the lock learns it later."""
    PUT = "put"
    LOOK = "look"
    REMOVE = "remove"
    CLOSE = "close"
    """Nothing is at the lock: the grant is over."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the lock's adapter says of it (see `adapters/common/access.py`)."""

    timed: bool
    computes: bool
    revocable: bool
    digits: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the lock's adapter made of a request: a state, or why not.

    `state` is one of active, sent, gone, going, stays and failed; empty where there was no answer
    but `reason`. `passes` says that the reason may pass by itself; `wait` how many seconds to wait.
    """

    state: str = ""
    reason: str = ""
    passes: bool = True
    wait: int = 0
    pin: str = ""
    vendor: str = ""


def deed(grant: Entity, rules: Rules | None, policy: Policy, now: datetime) -> Deed:
    """Return what is to be done about a grant; without `rules` its adapter is away."""
    status = status_of(grant)
    over = now >= moment(value(grant, "validTo"))
    ended = over or bool(value(grant, "revokeRequestedAt"))
    if status is Status.CANNOT_REVOKE:
        return Deed.CLOSE if over else Deed.WAIT
    if over and value(grant, "grantKind") == Kind.ALGORITHMIC_PIN:
        return Deed.CLOSE
    if ended and status in (Status.REQUESTED, Status.FAILED) and not value(grant, "attempts", 0):
        return Deed.CLOSE
    if _waits(grant, now) and not (ended and status is not Status.EXPIRING):
        return Deed.WAIT
    if ended:
        return Deed.REMOVE
    if status is Status.ACTIVE:
        return Deed.WAIT
    if status is Status.SENT:
        return Deed.LOOK
    if now >= _put_at(grant, rules, policy):
        return Deed.PUT
    made_up = rules is not None and not rules.timed and not rules.computes
    return Deed.ISSUE if made_up and not value(grant, "codeRef") else Deed.WAIT


def after(grant: Entity, what: Deed, outcome: Outcome, now: datetime) -> dict[str, Any]:
    """Return the attributes that a deed's outcome sets on the grant."""
    if what is Deed.CLOSE:
        return _closed(grant, now)
    if what is Deed.REMOVE:
        return _removed(grant, outcome, now)
    found: dict[str, Any] = {}
    if outcome.vendor:
        found["vendorGrantId"] = _property(outcome.vendor)
    if outcome.state == "active":
        return {**found, **_settled(Status.ACTIVE)}
    if outcome.state == "sent":
        near = _is_near(grant, now)
        status, reason = (Status.FAILED, "notConfirmed") if near else (Status.SENT, "")
        return {**found, **_again(grant, status, reason, now, 0)}
    if outcome.state == "gone":
        # Somebody has removed it at the lock or at the vendor's page: it is put anew.
        return {**found, **_again(grant, Status.REQUESTED, "removedThere", now, 0)}
    hopeless = outcome.state == "failed" or not outcome.passes
    if hopeless or _is_near(grant, now):
        return {**found, **_again(grant, Status.FAILED, outcome.reason, now, outcome.wait)}
    return {**found, **_again(grant, status_of(grant), outcome.reason, now, outcome.wait)}


def _put_at(grant: Entity, rules: Rules | None, policy: Policy) -> datetime:
    """Return when the lock shall learn the PIN."""
    begins = moment(value(grant, "validFrom"))
    if value(grant, "grantKind") == Kind.EMERGENCY:
        return begins
    if rules is None or rules.timed:
        irrevocable = value(grant, "grantKind") == Kind.ALGORITHMIC_PIN
        if irrevocable and policy.lead is not None:
            return moment(value(grant, "startAt")) - policy.lead
        return datetime.min.replace(tzinfo=begins.tzinfo)
    return begins


def _removed(grant: Entity, outcome: Outcome, now: datetime) -> dict[str, Any]:
    if outcome.state == "gone" or outcome.reason == "unknownLock":
        return _closed(grant, now)
    if outcome.state == "stays":
        return _settled(Status.CANNOT_REVOKE)
    return _again(grant, Status.EXPIRING, outcome.reason, now, outcome.wait)


def _closed(grant: Entity, now: datetime) -> dict[str, Any]:
    if not value(grant, "revokeRequestedAt") or status_of(grant) is Status.CANNOT_REVOKE:
        return _settled(Status.EXPIRED)
    return {**_settled(Status.REVOKED), "revokedAt": _property(timestamp(now))}


def _settled(status: Status) -> dict[str, Any]:
    return {"status": _property(str(status)), "statusReason": _property("")}


def _again(grant: Entity, status: Status, reason: str, now: datetime, wait: int) -> dict[str, Any]:
    tried = int(value(grant, "attempts", 0))
    pause = max(min(FIRST_PAUSE * 2 ** min(tried, 10), LONGEST_PAUSE), timedelta(seconds=wait))
    return {
        "status": _property(str(status)),
        "statusReason": _property(reason),
        "attempts": _property(tried + 1),
        "nextAttemptAt": _property(timestamp(now + pause)),
    }


def _waits(grant: Entity, now: datetime) -> bool:
    following = value(grant, "nextAttemptAt")
    return bool(following) and now < moment(following)


def _is_near(grant: Entity, now: datetime) -> bool:
    start = value(grant, "startAt")
    return bool(start) and now >= moment(start) - NEARLY


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}
