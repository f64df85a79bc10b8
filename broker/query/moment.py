"""Dates, times and dateTimes as keys that order like the instants they name (§4.6.3).

A date counts as its midnight UTC, so that it compares with dateTimes; a time of day compares
only with times of day.
"""

from __future__ import annotations

import re
from calendar import monthrange

_DAY = r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_CLOCK = r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,6}))?Z"
_INSTANT = re.compile(f"{_DAY}(?:T{_CLOCK})?")
_TIME = re.compile(_CLOCK)


def instant(text: str) -> str | None:
    """Return the UTC key (`YYYY-MM-DDThh:mm:ss.ffffff`) of a date or dateTime, None for others."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    year, month, day, *rest = match.groups()
    if year == "0000" or not "01" <= month <= "12":
        return None
    if not 1 <= int(day) <= monthrange(int(year), int(month))[1]:
        return None
    time = _clock(*rest) if rest[0] is not None else "00:00:00.000000"
    return None if time is None else f"{year}-{month}-{day}T{time}"


def clock(text: str) -> str | None:
    """Return the key (`hh:mm:ss.ffffff`) of a time of day in UTC, None for anything else."""
    match = _TIME.fullmatch(text)
    return None if match is None else _clock(*match.groups())


def is_datetime(text: str) -> bool:
    """Tell whether `text` is a dateTime: a date with a time of day in UTC."""
    return "T" in text and instant(text) is not None


def _clock(hour: str, minute: str, second: str, fraction: str | None) -> str | None:
    if hour > "23" or minute > "59" or second > "59":
        return None
    return f"{hour}:{minute}:{second}.{fraction or '':0<6}"
