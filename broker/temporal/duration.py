"""ISO 8601 durations as §4.5.19.1 writes them, and periods that follow each other."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from broker.query.faults import refuse

_FORM = re.compile(
    r"P(?=[0-9T])(?:([0-9]{1,6})Y)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?)?"
)
_WEEKS = re.compile(r"P([0-9]{1,6})W")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST: Final = (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
"""The last moment that a DateTime can name, in whole seconds."""
_MICRO: Final = timedelta(microseconds=1)
SECOND: Final = 1_000_000
_MONTH: Final = 2_629_746 * SECOND
"""A month on average: periods counted with it are off by one or two at most."""


@dataclass(frozen=True, slots=True)
class Duration:
    """Calendar months and, beside them, microseconds. Nothing of both is the whole time range."""

    months: int = 0
    micros: int = 0

    @property
    def whole(self) -> bool:
        """Whether it stands for the whole time range."""
        return not self.months and not self.micros

    def after(self, origin: int, times: int) -> int:
        """Return the moment `times` durations after `origin`, both in microseconds since 1970.

        Months are counted from the origin, so that a period that begins on the 31st does not
        wander; where a month has no such day, its last day is taken. Ends with the year 9999.
        """
        moment = origin
        if self.months:
            moment = _add_months(origin, self.months * times)
        return min(moment + self.micros * times, LAST)

    def index(self, origin: int, moment: int) -> int:
        """Return which period after `origin` a moment lies in; the first is 0."""
        if not self.months:
            return (moment - origin) // self.micros
        index = (moment - origin) // (self.months * _MONTH + self.micros)
        while self.after(origin, index) > moment:
            index -= 1
        while self.after(origin, index + 1) <= min(moment, LAST - 1):
            index += 1
        return index


WHOLE: Final = Duration()


def parse_duration(text: str, *, place: str) -> Duration:
    """Parse a duration; raises BadRequestData."""
    weeks = _WEEKS.fullmatch(text)
    if weeks is not None:
        return Duration(0, int(weeks[1]) * 7 * 86400 * SECOND)
    match = _FORM.fullmatch(text)
    if match is None:
        refuse(
            f"{text[:60]!r} is no duration.",
            place=place,
            remedy="Write an ISO 8601 duration, for example PT10M, PT1H, P1D, P1W or P1M; PT0S is "
            "the whole time range.",
        )
    years, months, days, hours, minutes, seconds = (int(n or 0) for n in match.groups())
    span = days * 86400 + hours * 3600 + minutes * 60 + seconds
    return Duration(years * 12 + months, span * SECOND)


def _add_months(origin: int, months: int) -> int:
    begun = _EPOCH + timedelta(microseconds=origin)
    year, month = divmod(begun.year * 12 + begun.month - 1 + months, 12)
    if year > 9999:
        return LAST
    day = min(begun.day, monthrange(year, month + 1)[1])
    return (begun.replace(year=year, month=month + 1, day=day) - _EPOCH) // _MICRO
