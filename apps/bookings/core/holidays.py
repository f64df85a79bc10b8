"""National holidays of Japan (国民の祝日に関する法律, act 178 of 1948), from 2020 to 2099. Pure.

The equinoxes follow the Astronomical Observatory's formula for 1980 to 2099; the cabinet announces
each in February of the year before. A change of the law changes this table.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from typing import Final

FIRST_YEAR: Final = 2020
LAST_YEAR: Final = 2099
MONDAY: Final = 0
SUNDAY: Final = 6

FIXED: Final = {
    (1, 1): ("元日", "New Year's Day"),
    (2, 11): ("建国記念の日", "National Foundation Day"),
    (2, 23): ("天皇誕生日", "Emperor's Birthday"),
    (4, 29): ("昭和の日", "Showa Day"),
    (5, 3): ("憲法記念日", "Constitution Memorial Day"),
    (5, 4): ("みどりの日", "Greenery Day"),
    (5, 5): ("こどもの日", "Children's Day"),
    (8, 11): ("山の日", "Mountain Day"),
    (11, 3): ("文化の日", "Culture Day"),
    (11, 23): ("勤労感謝の日", "Labour Thanksgiving Day"),
}
MONDAYS: Final = {
    (1, 2): ("成人の日", "Coming of Age Day"),
    (7, 3): ("海の日", "Marine Day"),
    (9, 3): ("敬老の日", "Respect for the Aged Day"),
    (10, 2): ("スポーツの日", "Sports Day"),
}
"""By month and which Monday of it."""
VERNAL: Final = ("春分の日", "Vernal Equinox Day")
AUTUMNAL: Final = ("秋分の日", "Autumnal Equinox Day")
SUBSTITUTE: Final = ("振替休日", "Substitute holiday")
BETWEEN: Final = ("国民の休日", "Citizens' holiday")
MOVED: Final = {
    2020: {(7, 20): (7, 23), (10, 12): (7, 24), (8, 11): (8, 10)},
    2021: {(7, 19): (7, 22), (10, 11): (7, 23), (8, 11): (8, 8)},
}
"""Holidays of the years of the Tokyo games, moved by the special act."""


def holiday(day: date) -> tuple[str, str] | None:
    """Return a holiday's name in Japanese and English, None on other days.

    Raises ValueError for a year the table does not have.
    """
    return _year(day.year).get(day)


@cache
def _year(year: int) -> dict[date, tuple[str, str]]:
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"no table of holidays for {year}")
    named = dict(_named(year))
    found = dict(named)
    for day in sorted(named):
        if day.weekday() == SUNDAY:
            rest = day + timedelta(days=1)
            while rest in named:
                rest += timedelta(days=1)
            found[rest] = SUBSTITUTE
        gap = day + timedelta(days=1)
        if gap not in found and gap + timedelta(days=1) in named:
            found[gap] = BETWEEN
    return found


def _named(year: int) -> Iterator[tuple[date, tuple[str, str]]]:
    moved = MOVED.get(year, {})

    def put(month: int, day: int) -> date:
        return date(year, *moved.get((month, day), (month, day)))

    for (month, day), names in FIXED.items():
        yield put(month, day), names
    for (month, number), names in MONDAYS.items():
        yield put(month, _monday(year, month, number)), names
    yield date(year, 3, _equinox(20.8431, year)), VERNAL
    yield date(year, 9, _equinox(23.2488, year)), AUTUMNAL


def _monday(year: int, month: int, number: int) -> int:
    first = date(year, month, 1)
    return 1 + (MONDAY - first.weekday()) % 7 + (number - 1) * 7


def _equinox(base: float, year: int) -> int:
    passed = year - 1980
    return int(base + 0.242194 * passed - passed // 4)
