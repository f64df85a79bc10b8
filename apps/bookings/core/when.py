"""Half-open times in Asia/Tokyo. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

TOKYO: Final = ZoneInfo("Asia/Tokyo")
BASE: Final = timedelta(minutes=30)
"""The base slot of the whole town: bookings begin and end on it, claims are one each."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From `start` up to, and without, `end`. Both know their zone."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a time without a zone")
        if self.end <= self.start:
            raise ValueError("a span ends after it starts")

    def overlaps(self, other: Span) -> bool:
        """Say whether any moment is in both."""
        return self.start < other.end and other.start < self.end

    def holds(self, other: Span) -> bool:
        """Say whether all of the other is in this one."""
        return self.start <= other.start and other.end <= self.end

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    @property
    def minutes(self) -> int:
        """Return how long it is."""
        return int((self.end - self.start).total_seconds() // 60)

    @property
    def on_the_grid(self) -> bool:
        """Say whether it begins and ends on base slots."""
        return all(on_the_grid(moment) for moment in (self.start, self.end))

    def pieces(self) -> Iterator[datetime]:
        """Yield the starts, in UTC, of the base slots it touches."""
        moment = floor(self.start)
        while moment < self.end:
            yield moment
            moment += BASE

    def days(self) -> Iterator[date]:
        """Yield the days in Tokyo it touches."""
        day, last = local(self.start).date(), local(self.end - timedelta(microseconds=1)).date()
        while day <= last:
            yield day
            day += timedelta(days=1)


def local(moment: datetime) -> datetime:
    """Return a moment as clocks in Tokyo show it."""
    return moment.astimezone(TOKYO)


def floor(moment: datetime) -> datetime:
    """Return the start, in UTC, of the base slot a moment is in."""
    seconds = int(moment.timestamp()) // int(BASE.total_seconds()) * int(BASE.total_seconds())
    return datetime.fromtimestamp(seconds, UTC)


def on_the_grid(moment: datetime) -> bool:
    """Say whether a moment is the start of a base slot."""
    return floor(moment) == moment


def at(day: date, minutes: int) -> datetime:
    """Return the moment so many minutes after a day's midnight in Tokyo; 1440 and more is later."""
    return datetime.combine(day, time(), TOKYO) + timedelta(minutes=minutes)


def clock_minutes(text: str) -> int:
    """Return the minutes of `9:00`, `24:00` or `25:30` (half past one of the next day).

    Raises ValueError.
    """
    hours, colon, minutes = text.partition(":")
    if not colon or not (hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2):
        raise ValueError(f"not a time: {text[:20]}")
    found = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or found > 48 * 60:
        raise ValueError(f"not a time: {text[:20]}")
    return found


def whole_day(day: date) -> Span:
    """Return a day in Tokyo from midnight to midnight."""
    return Span(at(day, 0), at(day, 24 * 60))


def utc(moment: datetime) -> str:
    """Return a moment as the app writes it into entities: to the second, so that texts compare."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """Return the moment a text says. Raises ValueError where it names no zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without a zone")
    return found
