"""DateTime values: checked, never rewritten (§4.6.3)."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from broker.model.place import At, bad, show

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,6})?Z")
_LONGEST = len("2020-07-04T06:00:00.000000Z")
_SECONDS = len("2020-07-04T06:00:00Z")
_MILLISECONDS = len("2020-07-04T06:00:00.000Z")
_EPOCH = date(1970, 1, 1).toordinal()


def is_datetime(value: Any) -> bool:
    """Tell whether `value` is a UTC DateTime as §4.6.3 writes it.

    `YYYY-MM-DDThh:mm:ssZ`, with 1 to 6 digits after `.` or `,` where there is a fraction.
    """
    return type(value) is str and len(value) <= _LONGEST and _is_datetime(value)


@lru_cache(maxsize=4096)
def _is_datetime(text: str) -> bool:
    if _FORM.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text[:19])
    except ValueError:
        return False
    return True


def sortable(text: str) -> str:
    """Return a DateTime in fixed width, microseconds: texts of this form sort as times do."""
    return f"{text[:19]}.{text[20:-1]:0<6}Z"


def microseconds(text: str) -> int:
    """Return a DateTime as microseconds since 1970 in UTC."""
    fraction = text[20:-1]
    return _seconds(text[:19]) * 1_000_000 + (int(f"{fraction:0<6}") if fraction else 0)


def timestamp(microseconds: int) -> str:
    """Return microseconds since 1970 as a DateTime with none, three or six digits of a fraction."""
    seconds, fraction = divmod(microseconds, 1_000_000)
    if not fraction:
        return f"{_text(seconds)}Z"
    if fraction % 1000:
        return f"{_text(seconds)}.{fraction:06}Z"
    return f"{_text(seconds)}.{fraction // 1000:03}Z"


def is_plain(text: str) -> bool:
    """Tell whether a DateTime is written as `timestamp` writes it."""
    length = len(text)
    if length == _SECONDS:
        return True
    if text[19] != ".":
        return False
    if length == _MILLISECONDS:
        return text[20:23] != "000"
    return length == _LONGEST and text[23:26] != "000"


@lru_cache(maxsize=4096)
def _text(seconds: int) -> str:
    days, clock = divmod(seconds, 86400)
    minutes, second = divmod(clock, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_day(days)}T{hour:02}:{minute:02}:{second:02}"


@lru_cache(maxsize=4096)
def _day(days: int) -> str:
    return date.fromordinal(_EPOCH + days).isoformat()


@lru_cache(maxsize=4096)
def _seconds(text: str) -> int:
    return timegm(datetime.fromisoformat(text).timetuple())


def check_datetime(value: Any, at: At) -> str:
    """Return `value` as it came, or refuse what is no DateTime."""
    if not is_datetime(value):
        raise bad(
            at,
            f"{show(value)} is not a DateTime.",
            "Write the time in UTC as YYYY-MM-DDThh:mm:ssZ, for example 2020-07-04T06:30:00Z; "
            "up to six digits may follow the seconds (…:00.5Z).",
        )
    text: str = value
    return text
