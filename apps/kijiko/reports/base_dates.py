"""The days on which the law counts prepaid money (pure).

What can be spent within six months of its issue only is outside the Payment Services Act
(資金決済法 第4条第2号). A town whose money is good for longer counts what is unused on the base
dates, 31 March and 30 September (基準日), and reports within two months (第23条). This town counts
and reports all the same, so that it can show what it owes.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

TOKYO: Final = ZoneInfo("Asia/Tokyo")
REPORT_MONTHS: Final = 2


def midnight(day: date) -> datetime:
    """Return the moment a day begins in Tokyo."""
    return datetime.combine(day, time(), TOKYO)


@dataclass(frozen=True, slots=True, order=True)
class BaseDate:
    """A day on which the unused balance is counted, at its end."""

    day: date

    @property
    def at(self) -> datetime:
        """Return the moment that is counted: what happened before it counts."""
        return midnight(self.day + timedelta(days=1))

    @property
    def before(self) -> BaseDate:
        """Return the base date before, with whose end this half year began."""
        return base_date(self.day - timedelta(days=1))

    @property
    def report_due(self) -> date:
        """Return the last day for the report: 31 May, or 30 November."""
        month = self.day.month + REPORT_MONTHS
        return date(self.day.year, month, calendar.monthrange(self.day.year, month)[1])


def base_date(day: date) -> BaseDate:
    """Return the base date a day is, or the one before it."""
    for found in (date(day.year, 9, 30), date(day.year, 3, 31)):
        if day >= found:
            return BaseDate(found)
    return BaseDate(date(day.year - 1, 9, 30))
