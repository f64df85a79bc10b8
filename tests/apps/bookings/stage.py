"""A town with a gym, its locks, a payment provider and a post, on a real broker."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from apps.bookings.core.hours import WEEK
from apps.bookings.core.when import TOKYO, Span, moment, utc
from apps.bookings.desk import Desk
from apps.bookings.edge.fake_provider import FakeProvider, serving
from apps.bookings.edge.http_provider import HttpProvider
from apps.bookings.process.case import Case, Letter, Posted
from apps.bookings.process.runner import Process
from apps.bookings.wish import Wish
from apps.keys.contract import (
    CannotGrant,
    Grant,
    Kind,
    Opened,
    Operations,
    RevokeReason,
    Status,
    Wanted,
    grant_id,
)
from broker.client import Client, Entity, NotFound, value
from broker.disclosures import Disclosures, NoDisclosures, Shown
from broker.guard import Caller
from tests.support.live import live_broker

CITY = "432148"
NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
GYM = f"urn:ngsi-ld:BookableSpace:{CITY}:gym"
LEFT, RIGHT = f"{GYM}-left", f"{GYM}-right"
LOCK = f"urn:ngsi-ld:SmartLock:{CITY}:gym"
ANNA = f"urn:ngsi-ld:Holder:{CITY}:anna"

REDUCTIONS = {"welfare": {"percent": 0}, "club": {"percent": 0, "approval": False}}


def space(space_id: str, parts: tuple[str, ...] = (), **rules: Any) -> Entity:
    """Return a space that is open from 9 to 21 for 300 yen an hour."""
    entity: Entity = {
        "id": space_id,
        "type": "BookableSpace",
        "name": {"type": "LanguageProperty", "languageMap": {"ja": "体育館", "en": "Gym"}},
        "spaceKind": _property("gymnasium"),
        "slotMinutes": _property(60),
        "openingHours": _property([{"days": list(WEEK), "opens": "9:00", "closes": "21:00"}]),
        "priceRules": _property([{"amountJPY": 300}]),
        "bookingRules": _property({"reductions": REDUCTIONS, **rules}),
        "refBuilding": _relation(f"urn:ngsi-ld:Building:{CITY}:gym"),
        "refLock": _relation([LOCK]),
    }
    if parts:
        entity["refPart"] = _relation(list(parts))
    return entity


def hours(text: str, length: int = 1) -> Span:
    """Return so many hours from a time in Tokyo."""
    start = datetime.fromisoformat(text).replace(tzinfo=TOKYO)
    return Span(start, start + timedelta(hours=length))


NINE = hours("2026-12-01 09:00", 2)


def wish(span: Span = NINE, key: str = "1", holder: str = ANNA, **more: Any) -> Wish:
    """Return a wish for the gym."""
    return Wish(more.pop("space", GYM), span, holder, key, **more)


class Clock:
    """A clock that moves when it is told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass(slots=True)
class PaperLocks:
    """Locks that take up a grant as soon as somebody looks. `refuse` names why they never do."""

    client: Client
    refuse: str = ""
    working: bool = True

    async def operations(self, wanted: Wanted) -> Operations:
        if self.refuse:
            raise CannotGrant(self.refuse)
        entity = {
            "id": grant_id(wanted.key, CITY),
            "type": "AccessGrant",
            "refLock": _relation([wanted.lock]),
            "refBooking": _relation(wanted.booking),
            "grantKind": _property("pin"),
            "validFrom": _property(utc(wanted.start - timedelta(minutes=10))),
            "validTo": _property(utc(wanted.end + timedelta(minutes=10))),
            "status": _property("requested"),
        }
        return [{"op": "create", "entity": entity, "ifNoneMatch": "*"}]

    async def revoke_operations(self, grant: str, reason: RevokeReason) -> Operations:
        if await self.grant(grant) is None:
            return []
        told = {"status": _property("revoked"), "revokeReason": _property(reason.value)}
        return [{"op": "append", "id": grant, "attrs": told}]

    async def grant(self, grant: str) -> Grant | None:
        try:
            entity = await self.client.retrieve(grant)
        except NotFound:
            return None
        status = Status(value(entity, "status"))
        if status is Status.REQUESTED and self.working:
            status = Status.ACTIVE
        used, over, left = (
            value(entity, name) for name in ("firstUsedAt", "overstayedSince", "leftAt")
        )
        return Grant(
            grant,
            value(entity, "refLock"),
            Kind.PIN,
            status,
            moment(value(entity, "validFrom")),
            moment(value(entity, "validTo")),
            issued=status is Status.ACTIVE,
            first_used=moment(used) if used else None,
            overstayed_since=moment(over) if over else None,
            left=moment(left) if left else None,
        )

    async def code(self, grant: str) -> str | None:
        return str(int(hashlib.sha256(grant.encode()).hexdigest(), 16))[:9]

    async def provision(self, wanted: Wanted) -> Grant:
        raise NotImplementedError

    async def revoke(self, grant: str, reason: RevokeReason) -> Grant | None:
        raise NotImplementedError

    async def open_now(self, lock: str, reason: str, by: str) -> Opened:
        raise NotImplementedError


@dataclass(slots=True)
class Postbox:
    """A post that keeps what it sent: booking, kind, serial, PINs."""

    sent: list[tuple[str, str, int, dict[str, str]]] = field(default_factory=list)
    result: Posted = Posted.SENT

    async def send(self, case: Case, letter: Letter, codes: dict[str, str]) -> Posted:
        self.sent.append((case.booking.id, letter.kind, letter.serial, codes))
        return self.result

    def kinds(self) -> list[str]:
        """Return what was sent, each letter once."""
        return [kind for _, kind, _ in dict.fromkeys(one[:3] for one in self.sent)]


@dataclass(slots=True)
class Stage:
    """The town, and what stands around it."""

    client: Client
    clock: Clock
    provider: FakeProvider
    locks: PaperLocks
    post: Postbox
    process: Process
    desk: Desk

    async def later(self, *, minutes: float = 0, hours: float = 0) -> None:
        """Let time pass, and do what has become due."""
        self.clock.now += timedelta(minutes=minutes, hours=hours)
        await self.tick()

    async def at(self, now: datetime) -> None:
        """Let it be a time, and do what has become due."""
        self.clock.now = now
        await self.tick()

    async def tick(self) -> None:
        """Do what is due about every booking."""
        for booking in await self.all("FacilityBooking"):
            await self.process.settle(booking["id"])

    async def all(self, kind: str) -> list[Entity]:
        """Return all entities of a type."""
        try:
            return await self.client.query(type=kind)
        except NotFound:
            return []

    async def case(self, case: Case) -> Case:
        """Return a booking as it stands."""
        return (await self.process.load(case.booking.id))[0]

    async def booked(self, **more: Any) -> Case:
        """Return a booking that is paid and confirmed."""
        held = await self.desk.hold(wish(**more))
        case = await self.desk.cash(held.booking.id)
        await self.process.settle(held.booking.id)
        return await self.case(case)

    async def clear(self) -> None:
        """Delete everything."""
        types = "FacilityBooking,SlotClaim,HolderClaim,PaymentTransaction,AccessGrant,BookableSpace"
        operations = [{"op": "delete", "id": one["id"]} for one in await self.all(types)]
        await self.client.transactions(operations)

    async def claims(self) -> list[str]:
        """Return the ids of all claims."""
        return sorted(one["id"] for one in await self.all("SlotClaim"))


@contextlib.asynccontextmanager
async def stage(
    url: str, tenant: str, spaces: list[Entity], wrap: Callable[[Any], Any] = lambda one: one
) -> AsyncIterator[Stage]:
    """Set a stage in a tenant; `wrap` may come between the process and each of its partners."""
    fake, clock, box = FakeProvider("secret"), Clock(), Postbox()
    async with (
        Client(url, tenant=tenant, name="bookings") as client,
        serving(fake) as money,
        aiohttp.ClientSession() as session,
    ):
        for one in spaces:
            await client.create(one)
        locks = PaperLocks(client)
        provider = HttpProvider(money, "secret", "http://127.0.0.1:9", session)
        process = Process(wrap(client), wrap(locks), wrap(provider), wrap(box), clock)
        yield Stage(client, clock, fake, locks, box, process, Desk(process))


@contextlib.asynccontextmanager
async def broker(folder: Path, disclosures: Disclosures | None = None) -> AsyncIterator[str]:
    """Run a broker; give its URL."""
    async with live_broker(folder, disclosures=disclosures) as url:
        yield url


class Noting(NoDisclosures):
    """Keeps in memory what programs note that they show."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []

    def note(self, caller: Caller, tenant: str, shown: Iterable[Shown]) -> None:
        self.shown += shown


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}


def _relation(target: str | list[str]) -> dict[str, Any]:
    return {"type": "Relationship", "object": target}
