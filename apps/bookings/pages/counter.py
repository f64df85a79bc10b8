"""The page of the facilities' staff: the day, what waits for a decision, the counter's acts."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from fastapi import Request, Response

from apps.bookings import ledger
from apps.bookings.core.recurring import Occurrence, Series, occurrences
from apps.bookings.core.rules import NotBookable
from apps.bookings.core.town import Town
from apps.bookings.core.when import TOKYO, Span, at, clock_minutes, local
from apps.bookings.desk import OPEN
from apps.bookings.edge.holders import Contact
from apps.bookings.edge.mail import clock
from apps.bookings.mirror import ledger_text
from apps.bookings.pages.showing import day_label, lengths, line, look_lines, today
from apps.bookings.pages.site import (
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
    Booking,
    Case,
    Method,
    Money,
    Posted,
    Status,
)
from apps.bookings.process.entities import BOOKING
from apps.bookings.process.runner import Taken
from apps.bookings.wish import Wish, booking_number
from apps.keys.misuse import OVERSTAY, ended
from apps.keys.misuse import TYPE as ALERT
from apps.keys.page import FACILITY
from apps.shell.application import Outside
from apps.shell.entrance import Entrance, Person
from apps.shell.forms import SESSION, FormRefused, Seal
from apps.shell.language import language_of
from apps.shell.pages import templates
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
            "reject": self._reject,
            "cash": self._cash,
            "handed": self._handed,
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
            self._cases("refundAmount>0", Money.PENDING),
            site.alerts(),
        )
        rows = [
            {"name": _name(town, one, language),
             "bookings": [_short(b, t, language) for b in whole if b.space == one]}
            for one in sorted(town.spaces, key=lambda one: _name(town, one, language))
        ]  # fmt: skip

        def views(cases: list[Case]) -> list[dict[str, Any]]:
            return [_about(case, town, language) for case in cases]

        unpaid = [c for c in waiting if c.booking.status is Status.AWAITING_PAYMENT
                  and c.charge is not None and c.charge.method is Method.CASH]  # fmt: skip
        spaces = list(town.spaces.values())
        return {
            "rows": rows,
            "requests": views([c for c in waiting if c.booking.status is Status.REQUESTED]),
            "unpaid": views(unpaid),
            "refunds": [
                _about(case, town, language) | {"refund": one.id, "amount": f"{one.amount:,}"}
                for case in returning
                for one in case.refunds
                if one.method is Method.CASH and one.status is Money.PENDING
            ],
            "alerts": [_alert(one, town, t, language) for one in alerts],
            "problems": [
                *(() if site.mails else (t["problem_no_mail"],)),
                *(t["problem_broken"].format(reason=one) for one in town.broken),
                *(text for one in whole for text in _problems(one, t, site.mails)),
                *(
                    f"{case.booking.number}: {t['problem_refund'].format(reason=one.fault)}"
                    for case in returning
                    for one in case.refunds
                    if one.fault
                ),
            ],
            "today": [_line(one, town, language) for one in whole if one.status in HOLDING],
            "usable": [
                _line(one, town, language) | {"looks": look_lines(one, t, language)}
                for one in whole
                if one.status in USABLE and one.keys
            ],
            "spaces": [{"id": one.id, "name": _name(town, one.id, language)} for one in spaces],
            "lengths": lengths(spaces[0], t) if spaces else [],
        }

    async def _cases(self, q: str, refunds: Money | None = None) -> list[Case]:
        """Return the cases of bookings that fit a condition, and have a refund in some state."""
        try:
            found = await self._site.process.client.query(type=BOOKING, q=q, attrs=["status"])
        except NotFound:
            found = []
        cases = [(await self._site.process.load(one["id"]))[0] for one in found]
        if refunds is not None:
            cases = [case for case in cases if any(one.status is refunds for one in case.refunds)]
        return cases

    async def _approve(self, fields: dict[str, str], by: str) -> str:
        await self._site.desk.approve(fields.get("id", ""), by)
        return ""

    async def _reject(self, fields: dict[str, str], by: str) -> str:
        await self._site.desk.reject(fields.get("id", ""), by)
        return ""

    async def _cash(self, fields: dict[str, str], by: str) -> str:
        await self._site.desk.cash(fields.get("id", ""))
        return ""

    async def _handed(self, fields: dict[str, str], by: str) -> str:
        await self._site.desk.handed_back(fields.get("id", ""), fields.get("refund", ""))
        return ""

    async def _cancel(self, fields: dict[str, str], by: str) -> str:
        await self._site.desk.cancel(fields.get("id", ""), by_town=True)
        return ""

    async def _move(self, fields: dict[str, str], by: str) -> str:
        """Move a booking for somebody who asks at the counter; it keeps its length."""
        try:
            start = at(date.fromisoformat(fields.get("date", "")), clock_minutes(fields["time"]))
        except (KeyError, ValueError) as error:
            raise FormRefused("bad_form") from error
        known = fields.get("id", "")
        case, _ = await self._site.process.load(known)
        length = case.booking.span.end - case.booking.span.start
        await self._site.desk.move(known, Span(start, start + length), by_town=True)
        return ""

    async def _pin(self, fields: dict[str, str], by: str) -> str:
        """Show the PINs to whoever is at the counter; the booking says who looked."""
        t, pins = TEXTS[fields["lang"]], await self._site.desk.shown(fields.get("id", ""), by)
        return t["pin_shown"].format(pin=", ".join(pins.values()) or t["none"])

    async def _resend(self, fields: dict[str, str], by: str) -> str:
        case = await self._site.desk.sent_again(fields.get("id", ""), by)
        unsent = case.booking.letters[-1].status == Posted.UNSENT
        return TEXTS[fields["lang"]]["pin_unsent" if unsent else "pin_resent"]

    async def _seen(self, fields: dict[str, str], by: str) -> str:
        """Note that somebody has seen to a misuse of a door; it is no longer shown."""
        alert = fields.get("id", "")
        if not alert.startswith(f"urn:ngsi-ld:{ALERT}:"):
            raise FormRefused("bad_form")
        await self._site.process.client.append(alert, ended(self._site.clock(), by))
        return ""

    async def _close(self, fields: dict[str, str], by: str) -> str:
        try:
            ends = [datetime.fromisoformat(fields.get(n, "")).replace(tzinfo=TOKYO)
                    for n in ("from", "to")]  # fmt: skip
            span = Span(*(one.astimezone(UTC) for one in ends))
        except ValueError as error:
            raise FormRefused("bad_form") from error
        space = fields.get("space", "")
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


def _problems(booking: Booking, t: dict[str, str], mails: bool) -> list[str]:
    """Return what staff look at; without a mail server letters did not arrive for one reason."""
    found = [
        t["problem_key"].format(reason=key.refused or "–")
        for key in booking.keys
        if key.current and (key.told or key.refused)
    ]
    found += [
        t["problem_letter"].format(kind=t[f"letter_{one.kind}"])
        for one in booking.letters
        if mails and one.status == Posted.FAILED
    ]
    return [f"{booking.number}: {text}" for text in found]


def _about(case: Case, town: Town, language: str) -> dict[str, Any]:
    return _line(case.booking, town, language)


def _line(booking: Booking, town: Town, language: str) -> dict[str, Any]:
    return line(booking, _name(town, booking.space, language), TEXTS[language], language)


def _short(booking: Booking, t: dict[str, str], language: str) -> dict[str, Any]:
    start, end = local(booking.span.start), local(booking.span.end)
    return line(booking, "", t, language) | {"times": f"{start:%H:%M}–{end:%H:%M}"}


def _name(town: Town, space_id: str, language: str) -> str:
    space = town.spaces.get(space_id)
    if space is None:
        return space_id
    return space.name.get(language) or space.name.get("ja", space.local)


def _alert(alert: Entity, town: Town, t: dict[str, str], language: str) -> dict[str, Any]:
    """Return what the page shows of a misuse; a booking is named by the number staff know."""
    at = datetime.fromisoformat(str(value(alert, "occurredAt")))
    misuse = str(value(alert, "misuse"))
    number = booking_number(str(value(alert, "refBooking", ""))) if misuse == OVERSTAY else ""
    place = _of_lock(town, str(value(alert, "refLock", "")), language)
    what = t[f"mark_{misuse}"].format(number=number)
    return {
        "id": alert["id"],
        "text": t["problem_misuse"].format(at=clock(at, language), place=place, what=what),
    }


def _of_lock(town: Town, lock: str, language: str) -> str:
    """Return the name of the place a lock opens."""
    opened = [one.id for one in town.spaces.values() if lock in one.locks]
    return _name(town, opened[0], language) if opened else lock.rpartition(":")[2]


def _day(text: str) -> date:
    try:
        return at(date.fromisoformat(text), 0).date()
    except ValueError as error:
        raise FormRefused("bad_form") from error
