"""Bookings that come again each week, around closing days and holidays. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from apps.bookings.core.holidays import holiday
from apps.bookings.core.hours import Hours
from apps.bookings.core.rules import NotBookable, check_place
from apps.bookings.core.when import Span, at

MOST: Final = 60
"""Occurrences of one series: a year, and some."""


@dataclass(frozen=True, slots=True)
class Series:
    """Every `weeks` weeks on the weekday of `first`, to `last`; times in minutes from midnight."""

    first: date
    last: date
    opens: int
    closes: int
    weeks: int = 1
    on_holidays: bool = False


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time of a series; `skipped` says why it is left out (`holiday` or a rule's key)."""

    day: date
    span: Span
    skipped: str | None = None


def occurrences(series: Series, hours: Hours) -> list[Occurrence]:
    """Return the times of a series, those left out as well. Raises NotBookable for too many."""
    days = list(_days(series))
    if not days or len(days) > MOST:
        raise NotBookable("bad_series")
    found = []
    for day in days:
        span = Span(at(day, series.opens), at(day, series.closes))
        skipped = None
        if not series.on_holidays and holiday(day):
            skipped = "holiday"
        else:
            try:
                check_place(hours, span)
            except NotBookable as refusal:
                skipped = str(refusal)
        found.append(Occurrence(day, span, skipped))
    return found


def _days(series: Series) -> Iterator[date]:
    day = series.first
    while day <= series.last and series.weeks > 0:
        yield day
        day += timedelta(weeks=series.weeks)
