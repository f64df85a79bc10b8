"""What the pages for citizens and those of the counter share."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from apps.bookings.core.prices import BadPrices
from apps.bookings.core.rules import NotBookable
from apps.bookings.core.spaces import CLAIM
from apps.bookings.core.town import Town
from apps.bookings.core.when import whole_day
from apps.bookings.desk import Desk
from apps.bookings.edge.holders import BadContact, Holders
from apps.bookings.edge.payments import Provider
from apps.bookings.obstacles import Kind, before, near, obstacles
from apps.bookings.pages.showing import Taken, taken_by_leaf
from apps.bookings.process.case import Booking
from apps.bookings.process.entities import BOOKING, booking_from
from apps.bookings.process.machine import NotPossible
from apps.bookings.process.runner import Busy, Process
from apps.bookings.process.runner import Taken as SlotTaken
from apps.bookings.wish import OtherRequest
from apps.keys.misuse import TYPE as ALERT
from apps.shell.language import words
from apps.shell.refused import FormRefused
from broker.client import ClientError, Entity, NotFound, value

HERE: Final = Path(__file__).parent.parent
TEXTS: Final = words(HERE / "words")
NUMBER: Final = 6
KEPT: Final = re.compile(r"P([1-9][0-9]{0,3})D")
"""How long pictures are kept (`retentionPeriod` of a PrivacyObject): days, as in ISO 8601."""
YEARS: Final = range(1970, 9000)
"""Years of days that can be asked for: there are days before and after them."""
FORGED: Final = frozenset({"other_site", "stale_form"})
GONE: Final = "gone"
"""Why a form is refused that names what is not there."""
BOOKING_LOCAL: Final = re.compile(r"[A-Za-z0-9-]{1,60}")


@dataclass(frozen=True, slots=True)
class Site:
    """The acts, the people, and where things are. `city` is the municipality's code.

    `mails` says whether there is a mail server.
    """

    process: Process
    desk: Desk
    holders: Holders
    provider: Provider
    secret: str = ""
    city: str = "432148"
    home: str = ""
    sign_in: bool = False
    mails: bool = True
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    purse: Callable[[str], Awaitable[int]] | None = None
    """What a holder has of the town's own money, where the town has one. Raises ClientError."""

    async def buildings(self) -> dict[str, Entity]:
        """Return the buildings by id."""
        return {one["id"]: one for one in await self._all("Building")}

    async def camera(self, locks: Iterable[str], t: Mapping[str, str]) -> str:
        """Return the notice of the camera that looks at one of these locks, empty without any."""
        named = ",".join(locks)
        watched = await self._all("SmartLock", id=named, attrs=["refCamera"]) if named else []
        cameras = [str(value(one, "refCamera")) for one in watched if value(one, "refCamera")]
        if not cameras:
            return ""
        notices = await self._all("PrivacyObject", q=f'refDevice=="{cameras[0]}"')
        kept = [KEPT.fullmatch(str(value(one, "retentionPeriod"))) for one in notices]
        days = next((found[1] for found in kept if found), None)
        return t["camera_notice"].format(days=days) if days else t["camera_unknown"]

    async def alerts(self) -> list[Entity]:
        """Return the misuse of doors that nobody has seen to, newest first."""
        found = await self._all(ALERT, q='alertState=="active"')
        return sorted(found, key=lambda one: str(value(one, "occurredAt")), reverse=True)

    async def hindered(self, booking: Booking) -> Kind | None:
        """Return what stands in the way of a booking about to begin."""
        if not near(booking, self.clock()):
            return None
        return before(booking, await obstacles(self.process.client))

    async def occupied(self, locks: Sequence[str]) -> bool:
        """Say whether somebody stays in a place that these locks open."""
        if not locks:
            return False
        found = await obstacles(self.process.client)
        return any(one.kind is Kind.OCCUPIED and one.lock in locks for one in found)

    async def taken(self, first: date, days: int, leaves: frozenset[str] | None = None) -> Taken:
        """Return what is taken on some days and the night after, of some leaves or of all."""
        q = _used_on(first, days + 1)
        if leaves is not None:
            ends = [one.rpartition(":")[2] for one in sorted(leaves)]
            whole = range(days + 1)
            named = (f'"{end}/{first + timedelta(days=n)}"' for end in ends for n in whole)
            q = f"spaceDay=={','.join(named)}"
        return taken_by_leaf(await self._all(CLAIM, q=q))

    async def bookings(self, day: date) -> list[Booking]:
        """Return the bookings that touch a day, by start."""
        q, whole = _used_on(day - timedelta(days=1), 2), whole_day(day)
        found = await self._all(BOOKING, q=q)
        read = [one for one in map(booking_from, found) if one.span.overlaps(whole)]
        return sorted(read, key=lambda one: one.span.start)

    async def last_year(self) -> list[Booking]:
        """Return the bookings that began within the last 365 days."""
        now, found = self.clock(), []
        try:
            async for page in self.process.client.pages(BOOKING):
                found += [booking_from(one) for one in page]
        except NotFound:
            return []
        return [one for one in found if now - timedelta(days=365) <= one.span.start < now]

    async def _all(self, kind: str, **how: Any) -> list[Entity]:
        try:
            return await self.process.client.query(type=kind, **how)
        except NotFound:
            return []

    def booking_id(self, local: str) -> str:
        """Return the id of a booking by the last part of it."""
        return f"urn:ngsi-ld:{BOOKING}:{self.city}:{local}"


def _used_on(first: date, days: int) -> str:
    """Return the condition that something begins on one of some days."""
    named = (f'"{first + timedelta(days=n)}"' for n in range(days))
    return f"usedOn=={','.join(named)}"


REFUSALS: Final = (
    NotBookable,
    NotPossible,
    BadPrices,
    BadContact,
    SlotTaken,
    OtherRequest,
    Busy,
    FormRefused,
    NotFound,
    ClientError,
)
"""What an act can be refused with; pages have a sentence for each."""


def refusal(error: Exception, t: Mapping[str, str]) -> tuple[str, int]:
    """Return the sentence and the HTTP status for what an act was refused with."""
    key, status = _reason(error)
    return t.get(f"refused_{key}", t["refused_bad_form"]), status


def _reason(error: Exception) -> tuple[str, int]:
    match error:
        case SlotTaken():
            return "taken", 409
        case OtherRequest():
            return "other_request", 422
        case Busy():
            return "busy", 503
        case BadPrices():
            return "bad_price", 400
        case BadContact():
            return str(error), 400
        case FormRefused():
            return str(error), 403 if str(error) in FORGED else 404 if str(error) == GONE else 400
        case NotBookable() | NotPossible():
            return str(error), 409
        case NotFound():
            return "gone", 404
        case _:
            return "away", 503


def shown(html: str, language: str, status: int = 200) -> HTMLResponse:
    """Return a page."""
    return HTMLResponse(html, status, headers={"Content-Language": language})


def onward(path: str, language: str, **query: Any) -> Response:
    """Return the way to the next page after an act."""
    more = "".join(f"&{name}={part}" for name, part in query.items())
    mark = "&" if "?" in path else "?"
    return RedirectResponse(f"{path}{mark}lang={language}{more}", 303)


def asked_day(request: Request, name: str, fallback: date) -> date:
    """Return the day a request asks for; what is no day is the fallback."""
    try:
        found = date.fromisoformat(request.query_params.get(name, ""))
    except ValueError:
        return fallback
    return found if found.year in YEARS else fallback


def whole_number(fields: Mapping[str, str], name: str, least: int, most: int) -> int:
    """Return a whole number of a form. Raises FormRefused."""
    text = fields.get(name, "").strip() or "0"
    if not text.isascii() or not text.isdigit() or len(text) > NUMBER:
        raise FormRefused("bad_form")
    if not least <= int(text) <= most:
        raise FormRefused("bad_form")
    return int(text)


def start_of(fields: Mapping[str, str], name: str = "start") -> datetime:
    """Return a moment of a form. Raises FormRefused."""
    try:
        found = datetime.fromisoformat(fields.get(name, ""))
    except ValueError as error:
        raise FormRefused("bad_form") from error
    if found.tzinfo is None or found.year not in YEARS:
        raise FormRefused("bad_form")
    return found.astimezone(UTC)


def town_space(town: Town, city: str, local: str) -> Any:
    """Return a space by the last part of its id, None where there is none."""
    return town.spaces.get(f"urn:ngsi-ld:BookableSpace:{city}:{local}")
