"""The door log read: who opened what, and what looks like misuse. Pure.

| mark | means |
|---|---|
| `outsideBooking` | a PIN, key or card opened while nothing was booked |
| `leftOpen` | a door stood open ten minutes after it should have been shut |
| `forced` | a door opened that nobody had unlocked |
| `guessing` | the fifth wrong PIN within ten minutes, and those after it |
| `emergency` | an area leader's PIN, or a lock opened from afar: no misuse, but to be looked at |
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from apps.keys.contract import Grant, Kind, Status
from apps.keys.grants import moment
from broker.client import Entity, value

LINGER: Final = timedelta(minutes=10)
WITHIN: Final = timedelta(minutes=10)
GUESSES: Final = 5
UNLOCKED: Final = frozenset({"unlocked", "keyTaken", "remoteUnlock"})
SHUT: Final = frozenset({"locked", "doorClosed", "keyReturned", "remoteLock"})
FROM_INSIDE: Final = frozenset({"thumbturn", "auto"})
FOR_NOBODY: Final = frozenset({Status.REVOKED, Status.FAILED})


class Mark(StrEnum):
    """What a line of the log looks like."""

    OUTSIDE_BOOKING = "outsideBooking"
    LEFT_OPEN = "leftOpen"
    FORCED = "forced"
    GUESSING = "guessing"
    EMERGENCY = "emergency"


MISUSE: Final = frozenset(Mark) - {Mark.EMERGENCY}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the door log. `late` says that it came more than an hour after it happened."""

    id: str
    lock: str
    at: datetime
    event: str
    method: str = ""
    grant: str = ""
    operator: str = ""
    note: str = ""
    late: bool = False
    marks: frozenset[Mark] = frozenset()


def lines(events: Iterable[Entity], grants: Sequence[Grant], now: datetime) -> list[Line]:
    """Return the door log with its marks, newest first."""
    by_lock: defaultdict[str, list[Line]] = defaultdict(list)
    for event in events:
        line = _line(event)
        by_lock[line.lock].append(line)
    marked = []
    for lock, own in by_lock.items():
        of_lock = [grant for grant in grants if grant.lock == lock]
        marked += _marked(sorted(own, key=lambda line: line.at), of_lock, now)
    return sorted(marked, key=lambda line: line.at, reverse=True)


def _line(event: Entity) -> Line:
    at = moment(value(event, "dateObserved"))
    received = value(event, "receivedAt")
    return Line(
        id=event["id"],
        lock=str(value(event, "refLock", "")),
        at=at,
        event=str(value(event, "eventType", "")),
        method=str(value(event, "method", "")),
        grant=str(value(event, "refGrant", "")),
        operator=str(value(event, "refOperator", "")).rpartition(":")[2],
        note=str(value(event, "note", "")),
        late=bool(received) and moment(received) - at > timedelta(hours=1),
    )


def _marked(own: list[Line], grants: Sequence[Grant], now: datetime) -> list[Line]:
    found: list[Line] = []
    open_since: datetime | None = None
    denied: list[datetime] = []
    for place, line in enumerate(own):
        marks: set[Mark] = set()
        covering = _covering(line, grants)
        if line.event == "accessDenied":
            denied = [at for at in denied if line.at - at < WITHIN] + [line.at]
            if len(denied) >= GUESSES:
                marks.add(Mark.GUESSING)
        if line.event in UNLOCKED:
            open_since = line.at
            marks |= _of_opening(line, covering)
        if line.event == "doorForced" or _is_forced(line, open_since, covering):
            marks.add(Mark.FORCED)
        if line.event == "doorOpened" and _stays_open(line, own[place + 1 :], covering, now):
            marks.add(Mark.LEFT_OPEN)
        if line.event == "doorLeftOpen":
            marks.add(Mark.LEFT_OPEN)
        if line.event in SHUT:
            open_since = None
        found.append(replace(line, marks=frozenset(marks)))
    return found


def _of_opening(line: Line, covering: list[Grant]) -> set[Mark]:
    leader = any(g.id == line.grant and g.kind is Kind.EMERGENCY for g in covering)
    if leader or line.event == "remoteUnlock":
        return {Mark.EMERGENCY}
    booked = any(grant.kind is not Kind.EMERGENCY for grant in covering)
    if booked or line.method in FROM_INSIDE or line.method == "remote":
        return set()
    return {Mark.OUTSIDE_BOOKING}


def _is_forced(line: Line, open_since: datetime | None, covering: list[Grant]) -> bool:
    """Say whether a door opened that nobody had unlocked, while nobody was to be inside."""
    inside = any(grant.kind is not Kind.EMERGENCY for grant in covering)
    return line.event == "doorOpened" and open_since is None and not inside


def _stays_open(line: Line, later: list[Line], covering: list[Grant], now: datetime) -> bool:
    ends = [grant.valid_to for grant in covering if grant.kind is not Kind.EMERGENCY]
    limit = max([line.at, *ends]) + LINGER
    shut = next((one.at for one in later if one.event == "doorClosed"), None)
    return (shut or now) > limit


def _covering(line: Line, grants: Sequence[Grant]) -> list[Grant]:
    """Return the grants in whose time a line lies; one that was taken back covers nothing."""
    return [
        grant
        for grant in grants
        if grant.valid_from <= line.at < grant.valid_to
        and (grant.status not in FOR_NOBODY or grant.id == line.grant)
    ]


def since(now: datetime, days: int) -> str:
    """Return the condition that a line of the log is of the last days."""
    first = (now - timedelta(days=days)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f'dateObserved>="{first}"'
