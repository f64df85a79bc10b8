"""The page of the facilities' staff: the day, what waits for a decision, the counter's acts."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from apps.bookings import ledger
from apps.bookings.core.recurring import Occurrence, Series, occurrences
from apps.bookings.core.rules import NotBookable
from apps.bookings.core.spaces import TYPE as SPACE
from apps.bookings.core.when import TOKYO, Span, at, clock_minutes
from apps.bookings.desk import OPEN
from apps.bookings.edge.holders import Contact
from apps.bookings.mirror import ledger_text
from apps.bookings.pages.desk_view import (
    alert_view,
    name_of,
    named,
    problems,
    reduced,
    refunds,
    short,
)
from apps.bookings.pages.showing import day_label, lengths, look_lines, today
from apps.bookings.pages.site import (
    GONE,
    HERE,
    REFUSALS,
    TEXTS,
    Site,
    asked_day,
    onward,
    refusal,
    shown,
    whole_number,
)
from apps.bookings.process.case import (
    HOLDING,
    USABLE,
    Case,
    Method,
    Money,
    Posted,
    Status,
)
from apps.bookings.process.entities import BOOKING, PAYMENT
from apps.bookings.process.runner import Taken
from apps.bookings.wish import Wish
from apps.keys.misuse import TYPE as ALERT
from apps.keys.misuse import ended
from apps.keys.page import FACILITY
from apps.shell.application import Outside
from apps.shell.entrance import Entrance, Person
from apps.shell.forms import SESSION, Seal
from apps.shell.language import language_of
from apps.shell.pages import templates
from apps.shell.refused import FormRefused
from apps.staff.forms import staff_number
from broker.client import ClientError, Entity, NotFound, value

MOST_LEDGER: Final = 1_000_000


class Counter:
    """The page and what is done on it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._seal = Seal()
        self.entrance = Entrance(site.process.client, self._seal)
        self._templates = templates(HERE / "templates")
        self._deeds: dict[str, Callable[[dict[str, str], str], Awaitable[str]]] = {
            "approve": self._approve,
            "approve-full": self._approve_full,
            "reject": self._reject,
            "cash": self._cash,
            "handed": self._handed,
            "nothing-due": self._settled,
            "cancel": self._cancel,
            "move": self._move,
            "pin": self._pin,
            "resend": self._resend,
            "seen": self._seen,
            "book": self._book,
            "close": self._close,
            "ledger": self._ledger,
        }

    async def page(
        self, request: Request, told: str = "", status: int = 200, day: date | None = None
    ) -> Response:
        """Show a day, what waits for a decision, and the forms."""
        person = await self._person(request)
        language, now = language_of(request), self._site.clock()
        t = TEXTS[language]
        day = day or asked_day(request, "day", today(now))
        shows: dict[str, Any] = {
            "rows": [], "requests": [], "unpaid": [], "refunds": [], "problems": [], "today": [],
            "usable": [], "alerts": [],
            "spaces": [], "lengths": [],
        }  # fmt: skip
        reached = True
        try:
            shows |= await self._shows(day, language)
        except ClientError:
            reached = False
        if request.query_params.get("told") == "done":
            told = told or t["told_done"]
        cookie = self._seal.cookie(request)
        token = self._seal.token(cookie, request.cookies.get(SESSION, ""))
        html = self._templates.get_template("desk.html").render(
            t=t, language=language, token=token, day=day, told=told, person=person,
            label=day_label(day, language), refused=status >= 400, reached=reached,
            key=secrets.token_urlsafe(18), **shows,
        )  # fmt: skip
        answer = shown(html, language, status)
        self._seal.give(request, answer, cookie)
        return answer

    async def act(self, request: Request) -> Response:
        """Do what a form asks for, then show the day anew."""
        language, fields, day = language_of(request), {}, None
        try:
            fields = await self._seal.read(request, MOST_LEDGER)
            day = _day(fields.get("day", ""))
            deed = self._deeds.get(request.path_params["deed"])
            if deed is None:
                raise FormRefused("bad_form")
            person = await self._person(request)
            by = f"urn:ngsi-ld:Staff:{person.user if person else staff_number(fields)}"
            told = await deed(fields | {"lang": language}, by)
        except (*REFUSALS, ledger.BadLedger) as error:
            if isinstance(error, ledger.BadLedger):
                error = FormRefused("bad_ledger")
            text, status = refusal(error, TEXTS[language])
            return await self.page(request, text, status, day)
        if told:
            return await self.page(request, told, 200, day)
        return onward(f"/?day={day}", language, told="done")

    async def download(self, request: Request) -> Response:
        """Give all bookings as a ledger."""
        await self._person(request)
        text = await ledger_text(self._site.process.client, self._site.desk)
        headers = {"Content-Disposition": 'attachment; filename="ledger.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    async def _person(self, request: Request) -> Person | None:
        """Return who is signed in, None where nobody signs in. Raises Outside, ClientError."""
        if not self._site.sign_in:
            return None
        person = await self.entrance.person(request)
        if person is None:
            raise Outside(onward("/sign-in", language_of(request)))
        if not person.has(*FACILITY):
            raise Outside(self.entrance.form(request, "not_here", 403))
        return person

    async def enter(self, request: Request) -> Response:
        """Show the form to sign in by, or take it."""
        if request.method == "POST":
            return await self.entrance.enter(request)
        return self.entrance.form(request)

    async def _shows(self, day: date, language: str) -> dict[str, Any]:
        t, site = TEXTS[language], self._site
        town, whole, waiting, returning, alerts = await asyncio.gather(
            site.desk.town(),
            site.bookings(day),
            self._cases(OPEN),
            self._returning(),
            site.alerts(),
        )
        rows = [
            {"name": name_of(town, one, language),
             "bookings": [short(b, t, language) for b in whole if b.space == one]}
            for one in sorted(town.spaces, key=lambda one: name_of(town, one, language))
        ]  # fmt: skip

        unpaid = [c for c in waiting if c.booking.status is Status.AWAITING_PAYMENT
                  and c.charge is not None and c.charge.method is Method.CASH]  # fmt: skip
        spaces = list(town.spaces.values())
        return {
            "rows": rows,
            "requests": [
                named(one.booking, town, language) | reduced(one.booking, town, language)
                for one in waiting
                if one.booking.status is Status.REQUESTED
            ],
            "unpaid": [named(one.booking, town, language) for one in unpaid],
            "refunds": refunds(returning, town, t, language),
            "alerts": [alert_view(one, town, t, language) for one in alerts],
            "problems": [
                *(() if site.mails else (t["problem_no_mail"],)),
                *(t["problem_broken"].format(reason=one) for one in town.broken),
                *(text for one in whole for text in problems(one, t, site.mails)),
                *(
                    f"{case.booking.number}: {t['problem_refund'].format(reason=one.fault)}"
                    for case in returning
                    for one in case.refunds
                    if one.fault and one.status is Money.PENDING
                ),
            ],
            "today": [named(one, town, language) for one in whole if one.status in HOLDING],
            "usable": [
                named(one, town, language) | {"looks": look_lines(one, t, language)}
                for one in whole
                if one.status in USABLE and one.keys
            ],
            "spaces": [{"id": one.id, "name": name_of(town, one.id, language)} for one in spaces],
            "lengths": lengths(spaces[0], t) if spaces else [],
        }

    async def _cases(self, q: str) -> list[Case]:
        """Return the cases of bookings that fit a condition."""
        return await self._loaded([one["id"] for one in await self._found(BOOKING, q)])

    async def _returning(self) -> list[Case]:
        """Return the cases with money that is on its way back, or could not be paid back."""
        found = await self._found(PAYMENT, 'direction=="refund";status=="pending","failed"')
        return await self._loaded({str(value(one, "refFor")): None for one in found})

    async def _found(self, kind: str, q: str) -> list[Entity]:
        try:
            return await self._site.process.client.query(type=kind, q=q, attrs=["status", "refFor"])
        except NotFound:
            return []

    async def _loaded(self, bookings: Iterable[str]) -> list[Case]:
        return [(await self._site.process.load(one))[0] for one in bookings]

    async def _approve(self, fields: dict[str, str], by: str) -> str:
        await self._site.desk.approve(_named(fields, BOOKING), by)
        return ""

    async def _approve_full(self, fields: dict[str, str], by: str) -> str:
        """Agree to a booking, but not to the reduction it asks for."""
        await self._site.desk.approve(_named(fields, BOOKING), by, reduced=False)
        return ""

    async def _reject(self, fields: dict[str, str], by: str) -> str:
        await self._site.desk.reject(_named(fields, BOOKING), by)
        return ""

    async def _cash(self, fields: dict[str, str], by: str) -> str:
        await self._site.desk.cash(_named(fields, BOOKING))
        return ""

    async def _handed(self, fields: dict[str, str], by: str) -> str:
        await self._site.desk.handed_back(_named(fields, BOOKING), fields.get("refund", ""))
        return ""

    async def _settled(self, fields: dict[str, str], by: str) -> str:
        """Note that nothing is to be handed out for a refund that was not possible."""
        refund = fields.get("refund", "")
        await self._site.desk.nothing_due(_named(fields, BOOKING), refund, by)
        return ""

    async def _cancel(self, fields: dict[str, str], by: str) -> str:
        await self._site.desk.cancel(_named(fields, BOOKING), by_town=True)
        return ""

    async def _move(self, fields: dict[str, str], by: str) -> str:
        """Move a booking for somebody who asks at the counter; it keeps its length."""
        try:
            start = at(date.fromisoformat(fields.get("date", "")), clock_minutes(fields["time"]))
        except (KeyError, ValueError) as error:
            raise FormRefused("bad_form") from error
        known = _named(fields, BOOKING)
        case, _ = await self._site.process.load(known)
        length = case.booking.span.end - case.booking.span.start
        await self._site.desk.move(known, Span(start, start + length), by_town=True)
        return ""

    async def _pin(self, fields: dict[str, str], by: str) -> str:
        """Show the PINs to whoever is at the counter; the booking says who looked."""
        t, booking = TEXTS[fields["lang"]], _named(fields, BOOKING)
        pins = await self._site.desk.shown(booking, by)
        return t["pin_shown"].format(pin=", ".join(pins.values()) or t["none"])

    async def _resend(self, fields: dict[str, str], by: str) -> str:
        case = await self._site.desk.sent_again(_named(fields, BOOKING), by)
        unsent = case.booking.letters[-1].status in (Posted.UNSENT, Posted.HELD)
        return TEXTS[fields["lang"]]["pin_unsent" if unsent else "pin_resent"]

    async def _seen(self, fields: dict[str, str], by: str) -> str:
        """Note that somebody has seen to a misuse of a door; it is no longer shown."""
        alert = _named(fields, ALERT)
        await self._site.process.client.append(alert, ended(self._site.clock(), by))
        return ""

    async def _close(self, fields: dict[str, str], by: str) -> str:
        try:
            ends = [datetime.fromisoformat(fields.get(n, "")).replace(tzinfo=TOKYO)
                    for n in ("from", "to")]  # fmt: skip
            span = Span(*(one.astimezone(UTC) for one in ends))
        except ValueError as error:
            raise FormRefused("bad_form") from error
        space = _named(fields, SPACE, "space")
        await self._site.desk.close(space, span, fields.get("reason", "")[:40])
        await self._site.desk.sweep(space)
        return ""

    async def _book(self, fields: dict[str, str], by: str) -> str:
        """Book for somebody who stands at the counter, once or every week."""
        t, weeks = TEXTS[fields["lang"]], whole_number(fields, "weeks", 1, 60)
        town = await self._site.desk.town()
        space = town.spaces.get(fields.get("space", ""))
        if space is None:
            raise NotBookable("no_space")
        times = _series(fields, weeks)
        contact = Contact(fields.get("name", "").strip(), fields.get("mail", "").strip(),
                          fields["lang"])  # fmt: skip
        holder = await self._site.holders.new(contact)
        left, booked = [], 0
        for number, one in enumerate(occurrences(times, town.hours(space))):
            skipped = one.skipped if weeks > 1 else None
            if skipped is None:
                skipped = await self._one(fields, number, one, (space.id, holder, weeks))
            if skipped is None:
                booked += 1
            else:
                left.append(f"{one.day:%m/%d} {t.get('refused_' + skipped, skipped)}")
        return t["series_result"].format(booked=booked, left=", ".join(left) or t["none"])

    async def _one(
        self, fields: dict[str, str], number: int, one: Occurrence, whose: tuple[str, str, int]
    ) -> str | None:
        space, holder, weeks = whose
        wish = Wish(space, one.span, holder, f"{fields.get('key', '')[:60]}-{number}",
                    language=fields["lang"], channel="counter")  # fmt: skip
        try:
            case = await self._site.desk.hold(wish)
        except (NotBookable, Taken):
            if weeks == 1:
                raise
            return "taken"
        if fields.get("paid") == "yes":
            await self._site.desk.cash(case.booking.id)
        else:
            await self._site.desk.pay(case.booking.id, Method.CASH) if case.booking.fee else None
        return None

    async def _ledger(self, fields: dict[str, str], by: str) -> str:
        site, t = self._site, TEXTS[fields["lang"]]
        found = await ledger.take(fields.get("ledger", ""), site.desk, site.process, site.holders)
        refused = ", ".join(str(one) for one in sorted(found.refused)) or t["none"]
        return t["ledger_result"].format(
            taken=len(found.taken), known=len(found.known), won=len(found.won), refused=refused
        )


def _series(fields: dict[str, str], weeks: int) -> Series:
    try:
        first = date.fromisoformat(fields.get("date", ""))
        opens = clock_minutes(fields.get("time", ""))
    except ValueError as error:
        raise FormRefused("bad_form") from error
    minutes = whole_number(fields, "minutes", 30, 24 * 60)
    last = first + timedelta(weeks=weeks - 1)
    return Series(first, last, opens, opens + minutes, on_holidays=weeks == 1)


def _named(fields: dict[str, str], kind: str, name: str = "id") -> str:
    """Return the id of something of a kind that a form names. Raises FormRefused for any other."""
    found = fields.get(name, "")
    if not re.fullmatch(rf"urn:ngsi-ld:{kind}:[0-9]{{6}}:[A-Za-z0-9._:~-]{{1,200}}", found):
        raise FormRefused(GONE)
    return found


def _day(text: str) -> date:
    try:
        return at(date.fromisoformat(text), 0).date()
    except ValueError as error:
        raise FormRefused("bad_form") from error
