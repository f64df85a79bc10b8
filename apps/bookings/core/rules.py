"""What may be booked, until when, and what a cancellation gives back. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from apps.bookings.core.hours import Hours, last_office_day
from apps.bookings.core.prices import HUNDRED, part
from apps.bookings.core.when import BASE, Span, at, clock_minutes, local

MINUTE: Final = timedelta(minutes=1)
LONGEST_DAYS: Final = 731
"""How far ahead may be booked at most, in days."""


class BadRules(ValueError):
    """Rules that cannot be; the text says why."""


class NotBookable(Exception):
    """A wish against a rule. The text is the rule's key, which pages have words for."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a space.

    Bookings open `days_ahead` days before the day in question, at midnight. They close
    `close_before` before the start or, with `office_at`, so many minutes after midnight of the last
    office day before it. `refunds` are (days before, percent), most days first; days are local
    calendar days. `grace` is how long before and after a booking its key opens.
    """

    days_ahead: int = 90
    close_before: timedelta = timedelta(0)
    office_at: int | None = None
    buffer: timedelta = timedelta(0)
    shortest: timedelta = BASE
    longest: timedelta = timedelta(hours=24)
    approval: bool = False
    hold: timedelta = timedelta(minutes=15)
    refunds: tuple[tuple[int, int], ...] = ((3, 100), (1, 50), (0, 0))
    grace: timedelta = timedelta(minutes=10)


def opens_at(rules: Rules, start: datetime) -> datetime:
    """Return when a start may first be booked."""
    return at(local(start).date() - timedelta(days=rules.days_ahead), 0)


def closes_at(rules: Rules, hours: Hours, start: datetime) -> datetime:
    """Return until when, and not at which moment any more, a start may be booked."""
    if rules.office_at is None:
        return start - rules.close_before
    return at(last_office_day(local(start).date(), hours), rules.office_at)


def check(rules: Rules, hours: Hours, slot: timedelta, span: Span, now: datetime) -> None:
    """Raise NotBookable where a citizen may not book a span now."""
    check_place(hours, span)
    check_time(rules, hours, span, now)
    length = span.end - span.start
    if length % slot:
        raise NotBookable("off_grid")
    if length < rules.shortest:
        raise NotBookable("too_short")
    if length > rules.longest:
        raise NotBookable("too_long")


def check_time(rules: Rules, hours: Hours, span: Span, now: datetime) -> None:
    """Raise NotBookable where it is too early or too late to book a span."""
    if span.start <= now:
        raise NotBookable("past")
    if now < opens_at(rules, span.start):
        raise NotBookable("too_early")
    if now >= closes_at(rules, hours, span.start):
        raise NotBookable("too_late")


def check_place(hours: Hours, span: Span) -> None:
    """Raise NotBookable where nobody, the counter included, can book a span."""
    check_closed(hours, span)
    if not hours.open_for(span):
        raise NotBookable("closed")


def check_closed(hours: Hours, span: Span) -> None:
    """Raise NotBookable for a span that is off the grid, or closed for once."""
    if not span.on_the_grid:
        raise NotBookable("off_grid")
    if hours.closure(span) is not None:
        raise NotBookable("closure")


def refund(rules: Rules, start: datetime, paid: int, now: datetime) -> int:
    """Return what a holder who cancels now gets back of what was paid."""
    return part(paid, refund_percent(rules, start, now))


def refund_percent(rules: Rules, start: datetime, now: datetime) -> int:
    """Return the percentage of the first line of the table that still holds; 0 once it began."""
    if now >= start:
        return 0
    days = (local(start).date() - local(now).date()).days
    return next((percent for least, percent in rules.refunds if days >= least), 0)


def read_rules(told: Any) -> Rules:
    """Return the rules of a space's attribute `bookingRules`. Raises BadRules."""
    try:
        return _read(told or {})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadRules(f"the rules cannot be read: {error}") from error


def _read(told: dict[str, Any]) -> Rules:
    default = Rules()
    close = told.get("closeBefore", {})
    office = close.get("kind") == "businessDay"
    days_ahead = int(told.get("openDaysAhead", default.days_ahead))
    if not 0 <= days_ahead <= LONGEST_DAYS:
        raise ValueError(f"openDaysAhead is 0 to {LONGEST_DAYS}")
    refunds = told.get("cancellation")
    return Rules(
        days_ahead=days_ahead,
        close_before=_minutes(close.get("minutes", 0)),
        office_at=clock_minutes(close["at"]) if office else None,
        buffer=_minutes(told.get("bufferMinutes", 0)),
        shortest=_minutes(told.get("minMinutes", BASE // MINUTE)),
        longest=_minutes(told.get("maxMinutes", default.longest // MINUTE)),
        approval=bool(told.get("approval", False)),
        hold=_minutes(told.get("holdMinutes", default.hold // MINUTE)),
        refunds=default.refunds if refunds is None else _refunds(refunds),
        grace=_minutes(told.get("graceMinutes", default.grace // MINUTE)),
    )


def _minutes(told: Any) -> timedelta:
    if isinstance(told, bool) or not isinstance(told, int) or told < 0:
        raise ValueError("minutes are a whole number from 0")
    return timedelta(minutes=told)


def _refunds(told: list[dict[str, Any]]) -> tuple[tuple[int, int], ...]:
    lines = sorted(((int(one["daysBefore"]), int(one["percent"])) for one in told), reverse=True)
    if any(days < 0 or not 0 <= percent <= HUNDRED for days, percent in lines):
        raise ValueError("cancellation has daysBefore from 0 and percent from 0 to 100")
    return tuple(lines)
