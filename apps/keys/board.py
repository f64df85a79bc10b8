"""What facility staff see: locks and what they need, grants that need somebody, the door log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from apps.keys.contract import Grant, Kind, Status
from apps.keys.doorlog import MISUSE, Line, lines, since
from apps.keys.grants import TYPE, moment, offline, read
from apps.keys.watch import Reading, Sample, battery, clock
from broker.client import Client, Entity, NotFound, value

DAYS: Final = 14
"""How far back the door log is shown."""
AHEAD: Final = timedelta(days=2)
"""How far ahead grants are shown that are as they should be."""
MOST: Final = 200
"""Lines of the door log that are shown, newest first."""
SERIES: Final = ("batteryLevel", "clockDriftSeconds")
TROUBLE: Final = frozenset({Status.FAILED, Status.CANNOT_REVOKE, Status.EXPIRING})


@dataclass(frozen=True, slots=True)
class LockView:
    """A lock as staff see it."""

    id: str
    name: dict[str, str]
    state: str
    door: str
    away: bool
    box: bool
    simulated: bool
    held_open: bool
    battery: Reading
    clock: Reading | None


@dataclass(frozen=True, slots=True)
class Board:
    """Everything on the page. Grants that need somebody come first."""

    locks: tuple[LockView, ...]
    grants: tuple[Grant, ...]
    log: tuple[Line, ...]

    @property
    def misuse(self) -> int:
        """Return how many lines of the log look like misuse."""
        return sum(1 for line in self.log if line.marks & MISUSE)

    def name(self, lock: str) -> dict[str, str]:
        """Return the name of a lock's place by language."""
        return next((one.name for one in self.locks if one.id == lock), {})


async def board(client: Client, now: datetime) -> Board:
    """Return what there is to see. Raises ClientError."""
    found, buildings, grants, events = await asyncio.gather(
        _all(client, "SmartLock"),
        _all(client, "Building"),
        _all(client, TYPE),
        _all(client, "AccessEvent", since(now, DAYS)),
    )
    names = {one["id"]: value(one, "name", {}) for one in buildings}
    locks = [lock for lock in found if value(lock, "adapter")]
    series = await asyncio.gather(*(_series(client, lock) for lock in locks))
    known = [read(grant) for grant in grants]
    shown = sorted(
        (grant for grant in known if _is_shown(grant, now)),
        key=lambda grant: (grant.status not in TROUBLE, grant.valid_from),
    )
    return Board(
        locks=tuple(
            _lock(lock, names, history, now)
            for lock, history in sorted(
                zip(locks, series, strict=True), key=lambda pair: str(pair[0]["id"])
            )
        ),
        grants=tuple(shown),
        log=tuple(lines(events, known, now)[:MOST]),
    )


def _is_shown(grant: Grant, now: datetime) -> bool:
    if grant.status in TROUBLE or grant.kind is Kind.EMERGENCY:
        return grant.status not in (Status.EXPIRED, Status.REVOKED)
    soon = grant.valid_from <= now + AHEAD and grant.valid_to > now - timedelta(hours=1)
    return soon and grant.status is not Status.EXPIRED


def _lock(
    lock: Entity, names: dict[str, Any], history: dict[str, list[Sample]], now: datetime
) -> LockView:
    name = value(lock, "name") or names.get(str(value(lock, "refBuilding", ""))) or {}
    return LockView(
        id=lock["id"],
        name=name if isinstance(name, dict) else {"ja": str(name)},
        state=str(value(lock, "lockState", "unknown")),
        door=str(value(lock, "doorState", "")),
        away=value(lock, "availability") == "offline",
        box=offline(lock),
        simulated=value(lock, "simulated") is True,
        held_open=value(lock, "emergencyMode") == "heldOpen",
        battery=battery(lock, history.get("batteryLevel", []), now),
        clock=clock(lock, history.get("clockDriftSeconds", []), now),
    )


async def _series(client: Client, lock: Entity) -> dict[str, list[Sample]]:
    """Return what was seen of a lock's battery and clock, oldest first."""
    path = f"/ngsi-ld/v1/temporal/entities/{quote(lock['id'], safe=':')}"
    query = f"attrs={','.join(SERIES)}&options=temporalValues&lastN=200"
    try:
        told = await client.call("GET", f"{path}?{query}")
    except NotFound:
        return {}
    return {name: sorted(_samples(told.get(name, {}))) for name in SERIES}


def _samples(told: Any) -> Iterable[Sample]:
    values = told.get("values", []) if isinstance(told, dict) else []
    for level, at in values:
        if isinstance(level, int | float) and not isinstance(level, bool):
            yield moment(at), float(level)


async def _all(client: Client, kind: str, q: str | None = None) -> list[Entity]:
    try:
        return await client.query(type=kind, q=q)
    except NotFound:
        return []
