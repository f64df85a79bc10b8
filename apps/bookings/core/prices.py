"""What a booking costs. Pure; whole yen only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Final

from apps.bookings.core.holidays import holiday
from apps.bookings.core.hours import HOLIDAY, WEEK
from apps.bookings.core.when import BASE, Span, clock_minutes, local

UNITS: Final = ("hour", "booking")
HUNDRED: Final = 100


class BadPrices(ValueError):
    """Prices that cannot be; the text says why."""


@dataclass(frozen=True, slots=True)
class Price:
    """An amount for each hour, or once for a booking, at certain times of certain days.

    `days` empty: every day; `opens` and `closes` in minutes from midnight; `season` from (month,
    day) to (month, day), both included, also over the turn of the year.
    """

    amount: int
    unit: str = "hour"
    days: frozenset[str] = frozenset()
    opens: int = 0
    closes: int = 24 * 60
    season: tuple[tuple[int, int], tuple[int, int]] | None = None

    def applies(self, day: date, minutes: int) -> bool:
        """Say whether it holds so many minutes after a day's midnight."""
        return (
            self.opens <= minutes < self.closes
            and (not self.days or self._names(day))
            and (self.season is None or self._in_season(day))
        )

    def _names(self, day: date) -> bool:
        return WEEK[day.weekday()] in self.days or (HOLIDAY in self.days and bool(holiday(day)))

    def _in_season(self, day: date) -> bool:
        assert self.season is not None
        first, last = self.season
        this = (day.month, day.day)
        return first <= this <= last if first <= last else this >= first or this <= last


@dataclass(frozen=True, slots=True)
class Reduction:
    """Who pays which part: `percent` of the price; 0 percent is exempt.

    With `approval` a booking that asks for it waits until staff have seen the `proof`, which is
    named by language, as is its `label`.
    """

    percent: int
    label: Mapping[str, str] = field(default_factory=dict)
    approval: bool = True
    proof: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of a space, the first that applies counts, and the reductions by code."""

    rules: tuple[Price, ...] = ()
    reductions: Mapping[str, Reduction] = field(default_factory=dict)
    round_to: int = 10


def fee(prices: Prices, span: Span, reduction: str | None = None) -> int:
    """Return what a booking costs in yen, rounded down to the prices' step.

    Raises BadPrices for a reduction the space does not give.
    """
    total = Fraction(0)
    once: list[int] = []
    for start in span.pieces():
        there = local(start)
        price = _price_at(prices, there.date(), there.hour * 60 + there.minute)
        if price is None:
            continue
        if price.unit == "hour":
            total += Fraction(price.amount * int(BASE / timedelta(minutes=1)), 60)
        else:
            once.append(price.amount)
    total += max(once, default=0)
    if reduction is not None:
        if reduction not in prices.reductions:
            raise BadPrices(f"no such reduction: {reduction[:40]}")
        total = total * prices.reductions[reduction].percent / HUNDRED
    return int(total) // prices.round_to * prices.round_to


def needs_approval(prices: Prices, reduction: str) -> bool:
    """Say whether staff have to agree to a reduction before a booking with it is certain."""
    return reduction in prices.reductions and prices.reductions[reduction].approval


def part(amount: int, percent: int) -> int:
    """Return so many percent of an amount, rounded down to the yen."""
    return amount * percent // HUNDRED


def read_prices(told: Any, rules: Mapping[str, Any]) -> Prices:
    """Return the prices of a space's attributes. Raises BadPrices."""
    try:
        reductions = {code: _reduction(one) for code, one in rules.get("reductions", {}).items()}
        step = int(rules.get("roundTo", 10))
        if step < 1:
            raise ValueError("roundTo is at least 1")
        return Prices(tuple(_price(one) for one in told or ()), reductions, step)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadPrices(f"the prices cannot be read: {error}") from error


def _reduction(told: Mapping[str, Any]) -> Reduction:
    approval = told.get("approval", True)
    if not isinstance(approval, bool):
        raise ValueError("approval is true or false")
    return Reduction(
        _percent(told["percent"]), told.get("label", {}), approval, told.get("proof", {})
    )


def _price(told: Mapping[str, Any]) -> Price:
    amount, unit = told["amountJPY"], told.get("unit", "hour")
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 0:
        raise ValueError("amountJPY is a whole number from 0")
    if unit not in UNITS:
        raise ValueError("unit is hour or booking")
    season = told.get("season")
    return Price(
        amount=amount,
        unit=unit,
        days=frozenset(told.get("days", ())),
        opens=clock_minutes(told.get("from", "0:00")),
        closes=clock_minutes(told.get("to", "24:00")),
        season=(_month_day(season["from"]), _month_day(season["to"])) if season else None,
    )


def _price_at(prices: Prices, day: date, minutes: int) -> Price | None:
    return next((one for one in prices.rules if one.applies(day, minutes)), None)


def _month_day(text: str) -> tuple[int, int]:
    month, _, day = text.partition("-")
    date(2028, int(month), int(day))
    return int(month), int(day)


def _percent(told: Any) -> int:
    if isinstance(told, bool) or not isinstance(told, int) or not 0 <= told <= HUNDRED:
        raise ValueError("percent is a whole number from 0 to 100")
    return told
