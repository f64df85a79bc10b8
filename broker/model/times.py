"""DateTime values: checked, never rewritten (§4.6.3)."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from broker.model.place import At, bad, show

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,6})?Z")
_LONGEST = len("2020-07-04T06:00:00.000000Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    fraction = microseconds % 1_000_000
    spec = "milliseconds" if fraction % 1000 == 0 else "microseconds"
    moment = _EPOCH + timedelta(microseconds=microseconds)
    text = moment.replace(tzinfo=None).isoformat(timespec=spec if fraction else "seconds")
    return f"{text}Z"


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
