"""What stands in the way of bookings about to begin: a room that is not left, a lock that sticks.

Who is in the room is never said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from apps.bookings.core.when import utc
from apps.bookings.process.case import Booking, Status
from apps.bookings.process.entities import BOOKING, booking_from
from apps.keys.misuse import OVERSTAY
from apps.keys.misuse import TYPE as ALERT
from broker.client import Client, Entity, NotFound, value

SOON: Final = timedelta(minutes=30)
"""How long before a booking it concerns its holder what stands in its way."""


class Kind(StrEnum):
    """What it is; letters and words of pages have the same names."""

    OCCUPIED = "occupied"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something about a lock; `holder` is the pseudonym of who stays, empty where nobody does."""

    lock: str
    kind: Kind
    holder: str = ""


async def obstacles(client: Client) -> list[Obstacle]:
    """Return what there is now, rooms before locks. Raises ClientError."""
    alerts = await _all(client, ALERT, q=f'alertState=="active";misuse=="{OVERSTAY}"')
    late = sorted({str(value(one, "refBooking")) for one in alerts if value(one, "refBooking")})
    bookings = await _all(client, BOOKING, id=",".join(late)) if late else []
    holders = {one["id"]: str(value(one, "refHolder", "")) for one in bookings}
    stuck = await _all(client, "SmartLock", q='lockState=="jammed","notFullyLocked"')
    return [
        *(
            Obstacle(
                str(value(one, "refLock")),
                Kind.OCCUPIED,
                holders.get(str(value(one, "refBooking")), ""),
            )
            for one in alerts
        ),
        *(Obstacle(one["id"], Kind.STUCK) for one in stuck),
    ]


def before(booking: Booking, found: Iterable[Obstacle]) -> Kind | None:
    """Return what stands in a booking's way; that its own holder stays there does not."""
    for one in found:
        if one.lock in booking.locks and one.holder != booking.holder:
            return one.kind
    return None


def near(booking: Booking, now: datetime) -> bool:
    """Say whether it is time for a booking to begin, and nobody has come in yet."""
    waits = booking.status is Status.CONFIRMED
    return waits and booking.span.start - SOON <= now < booking.span.end


async def hindered(
    client: Client, found: Sequence[Obstacle], now: datetime
) -> list[tuple[str, Kind]]:
    """Return the ids of the bookings that are near, and what stands in their way.

    Raises ClientError.
    """
    if not found:
        return []
    q = f'status=="{Status.CONFIRMED}";startAt<="{utc(now + SOON)}";endAt>"{utc(now)}"'
    bookings = [booking_from(one) for one in await _all(client, BOOKING, q=q)]
    kinds = [(one.id, before(one, found)) for one in bookings]
    return [(known, kind) for known, kind in kinds if kind is not None]


async def _all(client: Client, kind: str, **how: Any) -> list[Entity]:
    try:
        return await client.query(type=kind, **how)
    except NotFound:
        return []
