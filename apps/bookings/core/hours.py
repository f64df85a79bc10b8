"""When a space is open: weekly hours, closing days, closures. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from apps.bookings.core.holidays import holiday
from apps.bookings.core.when import Span, at, clock_minutes, moment, on_the_grid, whole_day

WEEK: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
HOLIDAY: Final = "PH"
SATURDAY: Final = 5
YEAR_END: Final = ((12, 29), (1, 3))
"""The days on which offices are closed (行政機関の休日に関する法律), both included."""
FAR: Final = 60
"""Days within which there is an open day, even at a space that is closed for long."""


class BadHours(ValueError):
    """Hours, closing days or closures that cannot be; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Open on `days` from `opens` to `closes` (minutes from midnight, past 1440 the next day).

    `since` and `through` are the first and last day on which it holds.
    """

    days: frozenset[str]
    opens: int
    closes: int
    since: date | None = None
    through: date | None = None

    def holds_on(self, day: date) -> bool:
        """Say whether these hours are in force on a day."""
        return (self.since is None or self.since <= day) and (
            self.through is None or day <= self.through
        )


@dataclass(frozen=True, slots=True)
class Closure:
    """Closed for once, and why: works, an emergency."""

    span: Span
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """When a space is open.

    `weekly` are closing days of the week; one that is a holiday is open where `after_holiday`
    moves the closing to the next day that is none. A holiday has the hours of `PH` where any
    are given.
    """

    openings: tuple[Opening, ...]
    weekly: frozenset[str] = frozenset()
    after_holiday: bool = False
    on_holidays: bool = True
    year_end: bool = True
    closures: tuple[Closure, ...] = ()

    def closed(self, day: date) -> str | None:
        """Return why it is closed all day by rule: `yearEnd`, `holiday`, `weekly`; else None."""
        if self.year_end and is_year_end(day):
            return "yearEnd"
        if not self.on_holidays and holiday(day):
            return "holiday"
        return "weekly" if self._closed_by_week(day) else None

    def _closed_by_week(self, day: date) -> bool:
        if not self.after_holiday:
            return WEEK[day.weekday()] in self.weekly
        if holiday(day):
            return False
        while True:
            if WEEK[day.weekday()] in self.weekly:
                return True
            day -= timedelta(days=1)
            if not holiday(day):
                return False

    def closure(self, span: Span) -> Closure | None:
        """Return the first closure that touches a span."""
        return next((one for one in self.closures if one.span.overlaps(span)), None)

    def open_spans(self, day: date) -> list[Span]:
        """Return when it opens on a day, by rule; a closure is looked at by itself."""
        if self.closed(day) is not None:
            return []
        in_force = [one for one in self.openings if one.holds_on(day)]
        special = [one for one in in_force if HOLIDAY in one.days]
        if holiday(day) and special:
            chosen = special
        else:
            chosen = [one for one in in_force if WEEK[day.weekday()] in one.days]
        spans = sorted(Span(at(day, one.opens), at(day, one.closes)) for one in chosen)
        return list(_joined(spans))

    def open_for(self, span: Span) -> bool:
        """Say whether a span lies in one opening, which may have begun the day before."""
        first = next(span.days())
        spans = [*self.open_spans(first - timedelta(days=1)), *self.open_spans(first)]
        more = [one for day in span.days() if day != first for one in self.open_spans(day)]
        return any(one.holds(span) for one in _joined(sorted([*spans, *more])))


def is_year_end(day: date) -> bool:
    """Say whether a day is one from 29 December to 3 January."""
    first, last = YEAR_END
    return (day.month, day.day) >= first or (day.month, day.day) <= last


def is_office_day(day: date) -> bool:
    """Say whether the town hall works on a day: no Saturday, Sunday, holiday, year end."""
    return day.weekday() < SATURDAY and holiday(day) is None and not is_year_end(day)


def last_office_day(before: date, hours: Hours) -> date:
    """Return the last day before a day on which the town hall works and the space is open.

    Where none is near, the last on which the town hall works.
    """
    days = (before - timedelta(days=back) for back in range(1, FAR + 1))
    last = None
    for day in filter(is_office_day, days):
        if hours.open_spans(day) and not hours.closure(whole_day(day)):
            return day
        last = last or day
    assert last is not None, "the town hall works within two months"
    return last


def read_hours(openings: Any, closed: Any, closures: Any) -> Hours:
    """Return the hours of a space's attributes. Raises BadHours."""
    try:
        told = closed if isinstance(closed, dict) else {}
        return Hours(
            openings=tuple(_opening(one) for one in openings or ()),
            weekly=_days(told.get("weekly", ())),
            after_holiday=bool(told.get("afterHoliday", False)),
            on_holidays=not told.get("publicHolidays", False),
            year_end=bool(told.get("yearEnd", True)),
            closures=tuple(_closure(one) for one in closures or ()),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadHours(f"the hours cannot be read: {error}") from error


def _opening(told: dict[str, Any]) -> Opening:
    opens, closes = clock_minutes(told["opens"]), clock_minutes(told["closes"])
    if not opens < closes <= opens + 24 * 60:
        raise ValueError("it closes after it opens, and within a day")
    if not all(on_the_grid(at(date(2026, 1, 5), minutes)) for minutes in (opens, closes)):
        raise ValueError("hours begin and end on the half hour")
    since, through = told.get("validFrom"), told.get("validThrough")
    return Opening(
        days=_days(told["days"]),
        opens=opens,
        closes=closes,
        since=date.fromisoformat(since) if since else None,
        through=date.fromisoformat(through) if through else None,
    )


def _days(told: Any) -> frozenset[str]:
    days = frozenset(told)
    if not days <= {*WEEK, HOLIDAY}:
        raise ValueError("days are Mo Tu We Th Fr Sa Su PH")
    return days


def _closure(told: dict[str, Any]) -> Closure:
    return Closure(Span(moment(told["from"]), moment(told["to"])), str(told.get("reason", "")))


def _joined(spans: list[Span]) -> Iterator[Span]:
    """Yield spans, those that meet or overlap as one. Takes them sorted."""
    held: Span | None = None
    for span in spans:
        if held is not None and span.start <= held.end:
            held = Span(held.start, max(held.end, span.end))
        else:
            if held is not None:
                yield held
            held = span
    if held is not None:
        yield held
