"""The pages for citizens: find, book, pay, my bookings and keys."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from apps.bookings.core.when import Span, local
from apps.bookings.edge.holders import Contact
from apps.bookings.edge.http_provider import SIGNATURE, TIME, notified
from apps.bookings.edge.ical import calendar
from apps.bookings.money import case_view
from apps.bookings.pages.desk_view import named
from apps.bookings.pages.showing import (
    booking_view,
    day_of,
    lengths,
    matches,
    price_lines,
    reductions,
    rows_of,
    rule_lines,
    space_view,
    times_of,
    today,
    week_of,
)
from apps.bookings.pages.site import (
    BOOKING_LOCAL,
    HERE,
    REFUSALS,
    TEXTS,
    Site,
    asked_day,
    onward,
    refusal,
    shown,
    start_of,
    town_space,
    whole_number,
)
from apps.bookings.process.case import HOLDING, Booking, Case, Method, Status
from apps.bookings.process.entities import BOOKING, booking_from
from apps.bookings.process.machine import NotPossible
from apps.bookings.wish import Wish
from apps.shell.forms import SESSION, Seal, own_body
from apps.shell.language import language_of
from apps.shell.pages import templates, trouble
from apps.shell.refused import FormRefused
from broker.client import ClientError, NotFound

BROWSER: Final = "machi-bookings"
"""The cookie that holds a browser's secret of its holder."""
YEAR: Final = 365 * 24 * 3600
FRESH: Final = timedelta(minutes=10)
"""How long the figures of the last year are shown before they are read again."""
MOST_NOTICE: Final = 4096
OUTCOMES: Final = ("held", "requested", "paid", "cancelled", "changed", "welcome", "left", "erased")
SHOWN_DAYS: Final = 400
"""Days ahead a calendar is shown; what may be booked is for the rules."""


class Citizen:
    """The pages and what is done on them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._seal = Seal()
        self._year: tuple[datetime, list[Booking]] | None = None
        self._templates = templates(HERE / "templates")

    async def find(self, request: Request, told: str = "", status: int = 200) -> Response:
        """Show the spaces of a kind, place and day, with what is free."""
        language, now = language_of(request), self._site.clock()
        day = asked_day(request, "date", today(now))
        kind, words = request.query_params.get("kind", ""), request.query_params.get("place", "")
        town, buildings, taken = await asyncio.gather(
            self._site.desk.town(), self._site.buildings(), self._site.taken(day, 1)
        )
        found = []
        for space in town.spaces.values():
            view = space_view(space, buildings, language)
            if matches(view, space, kind[:40], words[:80]):
                view["day"] = day_of(space, town, day, taken, now, language)
                free = [slot for slot in view["day"].slots if slot.state == "free"]
                view["first"] = f"{local(free[0].span.start):%H:%M}" if free else ""
                found.append(view)
        found.sort(key=lambda view: (not view["first"], view["name"]))
        kinds = sorted({space.kind for space in town.spaces.values()})
        return self._page(request, "find.html", language, status, told=told, found=found,
                          day=day, kind=kind, words=words[:80], kinds=kinds, here="/")  # fmt: skip

    async def space(
        self,
        request: Request,
        told: str = "",
        status: int = 200,
        given: dict[str, str] | None = None,
    ) -> Response:
        """Show a space: its week, its prices and rules, and the form to book it."""
        language, now = language_of(request), self._site.clock()
        town = await self._site.desk.town()
        space = town_space(town, self._site.city, request.path_params["local"])
        if space is None:
            return trouble(404, language)
        first = today(now)
        day = max(first, min(asked_day(request, "date", first), first + timedelta(days=SHOWN_DAYS)))
        locks = town.locks(space)
        taken, buildings, holder, camera, occupied = await asyncio.gather(
            self._site.taken(day, 7, town.leaves(space)),
            self._site.buildings(),
            self._holder(request),
            self._site.camera(locks, TEXTS[language]),
            self._site.occupied(locks if day == first else ()),
        )
        week = [day_of(space, town, one, taken, now, language) for one in week_of(day)]
        return self._page(
            request, "space.html", language, status, told=told, here="", refused=status >= 400,
            space=space_view(space, buildings, language), week=week,
            rows=rows_of([one.slots for one in week]), day=day, previous=day - timedelta(days=7),
            following=day + timedelta(days=7), first=first, lengths=lengths(space, TEXTS[language]),
            prices=price_lines(space, TEXTS[language], language),
            rules=rule_lines(space, TEXTS[language]), known=holder is not None, camera=camera,
            occupied=occupied,
            reductions=reductions(space, TEXTS[language], language),
            asks_proof=any(one.approval for one in space.prices.reductions.values()),
            key=secrets.token_urlsafe(18),
            given=given or {}, starts=[one for one in week[0].slots if one.state == "free"],
        )  # fmt: skip

    async def book(self, request: Request) -> Response:
        """Take a slot for whoever asks."""
        language, fields = language_of(request), {}
        try:
            fields = await self._seal.read(request)
            holder, secret = await self._known(request, fields, language)
            start = start_of(fields)
            minutes = whole_number(fields, "minutes", 30, 24 * 60)
            wish = Wish(
                space=f"urn:ngsi-ld:BookableSpace:{self._site.city}:{request.path_params['local']}",
                span=Span(start, start + timedelta(minutes=minutes)),
                holder=holder,
                key=fields.get("key", "")[:80],
                reduction=fields.get("reduction", "")[:40],
                party=whole_number(fields, "party", 0, 9999),
                language=language,
            )
            case = await self._site.desk.hold(wish)
            await self._site.process.settle(case.booking.id)
        except REFUSALS as error:
            told, status = refusal(error, TEXTS[language])
            return await self.space(request, told, status, fields)
        told = "requested" if case.booking.status is Status.REQUESTED else "held"
        answer = onward(f"/bookings/{case.booking.local}", language, told=told)
        if secret:
            self._remember(answer, secret)
        return answer

    async def booking(self, request: Request, told: str = "", status: int = 200) -> Response:
        """Show a booking to its holder: how it stands, how to pay, the PIN, what can be done."""
        language = language_of(request)
        found = await self._own(request)
        if found is None:
            page = {"told": TEXTS[language]["not_yours"], "refused": True, "here": "/my"}
            return self._page(request, "lost.html", language, 404, **page)
        town, now = await self._site.desk.town(), self._site.clock()
        space = town.spaces.get(found.booking.space)
        codes = {}
        for key in found.booking.keys:
            code = await self._site.process.locks.code(key.grant) if key.current else None
            if code is not None and key.issued:
                codes[key.grant] = code
        t = TEXTS[language]
        view = booking_view(found, space, codes, t, language, now)
        where = None
        if space is not None:
            where = space_view(space, await self._site.buildings(), language)
        pay = self._site.provider.page(view["pay_ref"]) if view["pay_ref"] else ""
        return self._page(request, "booking.html", language, status, told=told, here="/my",
                          refused=status >= 400, booking=view, pay=pay, space=where,
                          town_money=self._site.process.town_money is not None,
                          times=times_of(space, town), day=local(found.booking.span.start).date(),
                          camera=await self._site.camera(found.booking.locks, t),
                          hindered=await self._site.hindered(found.booking),
                          )  # fmt: skip

    async def act(self, request: Request) -> Response:
        """Pay, cancel or change a booking."""
        language, deed = language_of(request), request.path_params["deed"]
        try:
            fields = await self._seal.read(request)
            found = await self._own(request)
            if found is None or deed not in ("pay", "cancel", "change"):
                raise FormRefused("bad_form")
            told = await self._done(found, deed, fields)
        except REFUSALS as error:
            text, status = refusal(error, TEXTS[language])
            return await self.booking(request, text, status)
        return onward(f"/bookings/{found.booking.local}", language, told=told)

    async def _done(self, found: Case, deed: str, fields: dict[str, str]) -> str:
        desk, booking = self._site.desk, found.booking
        if deed == "pay":
            await desk.pay(booking.id, self._method(fields))
            return "paid"
        if deed == "cancel":
            await desk.cancel(booking.id)
        else:
            start = start_of({"start": f"{fields.get('date')}T{fields.get('time')}+09:00"})
            await desk.move(
                booking.id, Span(start, start + (booking.span.end - booking.span.start))
            )
        await self._site.process.settle(booking.id)
        return "cancelled" if deed == "cancel" else "changed"

    def _method(self, fields: dict[str, str]) -> Method:
        """Return how is paid; what is not offered here is paid at the counter."""
        offered = [Method.CARD]
        if self._site.process.town_money is not None:
            offered.append(Method.TOWN_MONEY)
        asked = fields.get("method", "")
        return next((one for one in offered if one.value == asked), Method.CASH)

    async def mine(self, request: Request, told: str = "", status: int = 200) -> Response:
        """Show a holder's bookings, and what is kept of the holder."""
        language, now = language_of(request), self._site.clock()
        holder = await self._holder(request)
        found = await self._of(holder) if holder else []
        town = await self._site.desk.town()
        lines = [named(one, town, language) for one in found]
        feed = await self._site.holders.secret(holder, "feed") if holder else ""
        contact = await self._site.holders.contact(holder) if holder else None
        return self._page(request, "mine.html", language, status, here="/my", contact=contact,
                          known=holder is not None, told=told, refused=status >= 400,
                          coming=[one for one in lines if one["end"] > now],
                          past=[one for one in reversed(lines) if one["end"] <= now],
                          feed=feed)  # fmt: skip

    async def open(self, request: Request) -> Response:
        """Let a browser in that comes by the link of a mail; one that is another's is asked first.

        Else a link that somebody sends would let people book in the sender's name.
        """
        link, language = request.query_params.get("key", "")[:120], language_of(request)
        holder = await self._site.holders.of_link(link)
        if holder is None:
            return trouble(404, language)
        own = await self._holder(request)
        if own == holder:
            return onward("/my", language)
        if own is None:
            return await self._let_in(holder, language)
        whose = [await self._site.holders.contact(one) for one in (holder, own)]
        return self._page(request, "other.html", language, here="", link=link,
                          other=whose[0], now=whose[1])  # fmt: skip

    async def switch(self, request: Request) -> Response:
        """Let a browser in as another person, whose link it has, after it was asked."""
        language = language_of(request)
        try:
            fields = await self._seal.read(request)
        except FormRefused as error:
            return await self.mine(request, *refusal(error, TEXTS[language]))
        holder = await self._site.holders.of_link(fields.get("link", "")[:120])
        if holder is None:
            return trouble(404, language)
        await self._site.holders.leave(request.cookies.get(BROWSER, ""))
        return await self._let_in(holder, language)

    async def _let_in(self, holder: str, language: str) -> Response:
        answer = onward("/my", language, told="welcome")
        self._remember(answer, await self._site.holders.session(holder))
        return answer

    async def leave(self, request: Request) -> Response:
        """Let a browser forget its holder."""
        with contextlib.suppress(FormRefused):
            await self._seal.read(request)
            await self._site.holders.leave(request.cookies.get(BROWSER, ""))
        answer = onward("/my", language_of(request), told="left")
        answer.delete_cookie(BROWSER)
        return answer

    async def erase(self, request: Request) -> Response:
        """Erase whoever asks; their bookings keep a pseudonym that leads to nobody."""
        language = language_of(request)
        try:
            await self._seal.read(request)
            holder = await self._holder(request)
            if holder is None:
                raise FormRefused("bad_form")
            now = self._site.clock()
            if any(one.status in HOLDING and one.span.end > now for one in await self._of(holder)):
                raise NotPossible("erase_open")
            if self._site.purse is not None and await self._site.purse(holder):
                raise NotPossible("erase_money")
        except REFUSALS as error:
            text, status = refusal(error, TEXTS[language])
            return await self.mine(request, text, status)
        await self._site.holders.erase(holder)
        answer = onward("/my", language, told="erased")
        answer.delete_cookie(BROWSER)
        return answer

    async def feed(self, request: Request) -> Response:
        """Give a holder's bookings as an iCalendar: times and places, no PIN and no name."""
        secret = request.path_params["secret"][:120]
        holder = await self._site.holders.of_link(secret, "feed")
        if holder is None:
            return Response("no such calendar", 404, media_type="text/plain")
        town, language = await self._site.desk.town(), language_of(request)
        named = {one.id: one.name.get(language, one.local) for one in town.spaces.values()}
        text = calendar(await self._of(holder), named, self._site.clock())
        return Response(text, media_type="text/calendar; charset=utf-8")

    async def money(self, request: Request) -> Response:
        """Show what it costs and saves."""
        language, now = language_of(request), self._site.clock()
        if self._year is None or now - self._year[0] > FRESH:
            self._year = now, await self._site.last_year()
        found = self._year[1]
        sites = len({one.building for one in (await self._site.desk.town()).spaces.values()})
        return self._page(request, "case.html", language, here="/case",
                          figures=case_view(found, sites, TEXTS[language]))  # fmt: skip

    async def notify(self, request: Request) -> Response:
        """Take a payment provider's notice: a reason to look, no more."""
        try:
            body = await own_body(request, MOST_NOTICE)
        except FormRefused:
            return Response(status_code=403)
        stamp, signature = request.headers.get(TIME, ""), request.headers.get(SIGNATURE, "")
        now = self._site.clock()
        key = notified(self._site.secret, stamp, signature, body, now)
        if key is None or key.count(":") != 4:
            return Response(status_code=403)
        try:
            await self._site.desk.noticed(key)
        except NotFound:
            return Response(status_code=404)
        except ClientError:
            return Response(status_code=503, headers={"Retry-After": "5"})
        return Response(status_code=204)

    def _page(self, request: Request, name: str, language: str, status: int = 200,
              **shows: Any) -> Response:  # fmt: skip
        cookie = self._seal.cookie(request)
        told = request.query_params.get("told", "")
        if not shows.get("told") and told in OUTCOMES:
            shows["told"] = TEXTS[language][f"told_{told}"]
        shows = {"told": "", "refused": False} | shows
        left = ("lang", "told") if shows.get("link") else ("lang", "told", "key")
        query = {k: v for k, v in request.query_params.items() if k not in left}
        path = request.url.path if request.method == "GET" else "/"
        path += "?" + "&".join(f"{quote(k)}={quote(v)}" for k, v in query.items()) if query else ""
        token = self._seal.token(cookie, request.cookies.get(SESSION, ""))
        html = self._templates.get_template(name).render(
            t=TEXTS[language], language=language, token=token, path=path,
            links=tuple((to, TEXTS[language][key]) for to, key in
                        (("/", "find"), ("/my", "my"), ("/case", "case"))), **shows,
        )  # fmt: skip
        answer = shown(html, language, status)
        self._seal.give(request, answer, cookie)
        return answer

    def _remember(self, answer: Response, secret: str) -> None:
        secure = self._site.home.startswith("https:")
        answer.set_cookie(BROWSER, secret, max_age=YEAR, httponly=True, samesite="lax",
                          secure=secure, path="/")  # fmt: skip

    async def _holder(self, request: Request) -> str | None:
        return await self._site.holders.of_session(request.cookies.get(BROWSER, "")[:120])

    async def _known(
        self, request: Request, fields: dict[str, str], language: str
    ) -> tuple[str, str]:
        """Return who books, and a new secret for a browser that had none. Raises BadContact."""
        holder = await self._holder(request)
        if holder is not None:
            return holder, ""
        name, mail = fields.get("name", "").strip(), fields.get("mail", "").strip()
        holder = await self._site.holders.new(Contact(name, mail, language))
        return holder, await self._site.holders.session(holder)

    async def _own(self, request: Request) -> Case | None:
        """Return the booking a request is about, where it is its sender's."""
        holder, local_id = await self._holder(request), request.path_params["local"]
        if not BOOKING_LOCAL.fullmatch(local_id):
            return None
        try:
            found, _ = await self._site.process.load(self._site.booking_id(local_id))
        except NotFound:
            return None
        return found if holder is not None and found.booking.holder == holder else None

    async def _of(self, holder: str) -> list[Booking]:
        try:
            found = await self._site.process.client.query(type=BOOKING, q=f'refHolder=="{holder}"')
        except NotFound:
            found = []
        return sorted((booking_from(one) for one in found), key=lambda one: one.span.start)
