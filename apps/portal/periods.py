"""Which stretch of time a level page shows, and how finely. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from apps.portal.times import JST

LENGTHS: Final = {
    "day": timedelta(hours=24),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
"""Periods by name; `own` has a beginning and an end of its own."""

OWN: Final = "own"
MOST: Final = 400
"""Spans of a curve at most: more than a screen has room for says nothing more."""

STEPS: Final = {
    "PT1M": timedelta(minutes=1),
    "PT10M": timedelta(minutes=10),
    "PT30M": timedelta(minutes=30),
    "PT1H": timedelta(hours=1),
    "PT2H": timedelta(hours=2),
    "PT6H": timedelta(hours=6),
    "P1D": timedelta(days=1),
    "P7D": timedelta(days=7),
    "P30D": timedelta(days=30),
    "P365D": timedelta(days=365),
}
"""Lengths of a span as ISO 8601 durations, the shortest first."""

SHORTEST: Final = timedelta(minutes=10)
LONGEST: Final = timedelta(days=365 * 200)
EARLIEST: Final = 1800
"""The first year that can be asked for."""


class UnclearPeriod(ValueError):
    """What was asked for is no stretch of time; `why` is the key of a sentence that says so."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time, parted into spans of one length (`duration` in ISO 8601)."""

    name: str
    start: datetime
    end: datetime
    duration: str

    @property
    def step(self) -> timedelta:
        """How long each span is."""
        return STEPS[self.duration]

    @property
    def length(self) -> timedelta:
        """How long the stretch is."""
        return self.end - self.start


def period_of(asked: Mapping[str, str], now: datetime) -> Period:
    """Return the period of `period`, `from` and `to`; raises UnclearPeriod.

    A named one ends with `to`, or begins with `from`, or ends now. Spans begin at full steps of
    Japan's time.
    """
    begin = moment_of(asked["from"], now) if asked.get("from") else None
    end = moment_of(asked["to"], now) if asked.get("to") else None
    name = asked.get("period") or ("day" if begin is None else OWN)
    if name in LENGTHS:
        if end is None:
            end = now if begin is None else min(begin + LENGTHS[name], now)
        start = end - LENGTHS[name]
    elif name != OWN:
        raise UnclearPeriod("period_unknown")
    elif begin is None:
        raise UnclearPeriod("period_no_from")
    else:
        start, end = begin, now if end is None else end
    if not SHORTEST <= end - start <= LONGEST:
        raise UnclearPeriod("period_length")
    duration = next(text for text, step in STEPS.items() if (end - start) / step <= MOST)
    return Period(name, _floor(start, STEPS[duration]), end, duration)


def moment_of(text: str, now: datetime) -> datetime:
    """Return the moment a page's field says, in Japan's time where it has no zone.

    Raises UnclearPeriod; a moment to come is taken for now.
    """
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment.replace(tzinfo=JST) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnclearPeriod("period_no_time") from None
    if moment.year < EARLIEST:
        raise UnclearPeriod("period_no_time")
    return min(moment, now)


def _floor(moment: datetime, step: timedelta) -> datetime:
    """Return the full step before a moment, counted from a midnight in Japan."""
    midnight = moment.astimezone(JST).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight + (moment - midnight) // step * step).astimezone(UTC)
