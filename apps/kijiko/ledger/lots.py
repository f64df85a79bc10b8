"""Lots: money and points by the last day on which they can be spent. Pure.

A wallet's lots are a mapping from a lot's id to what is left in it. All that ends on the same day
and is of the same kind is one lot: `20270228-money` can be spent until that day is over in Tokyo.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from apps.kijiko.ledger.errors import NotPossible

TOKYO: Final = ZoneInfo("Asia/Tokyo")
Lots = Mapping[str, int]


class LotKind(StrEnum):
    """What a lot holds: money that was charged, or points that were granted."""

    MONEY = "money"
    POINTS = "points"


@dataclass(frozen=True, slots=True)
class Lot:
    """One lot: `last` is the last day on which it can be spent."""

    last: date
    kind: LotKind

    @property
    def id(self) -> str:
        """Return the lot's id."""
        return f"{self.last:%Y%m%d}-{self.kind.value}"

    @property
    def ends(self) -> datetime:
        """Return the moment from which it can no longer be spent."""
        return datetime.combine(self.last + timedelta(days=1), time(), TOKYO)


def lot_of(lot_id: str) -> Lot:
    """Return the lot an id names. Raises ValueError."""
    day, _, kind = lot_id.partition("-")
    if len(day) != 8 or not (day.isascii() and day.isdigit()):
        raise ValueError(f"{lot_id!r} is no lot")
    return Lot(date(int(day[:4]), int(day[4:6]), int(day[6:])), LotKind(kind))


def today(now: datetime) -> date:
    """Return the day it is in Tokyo."""
    return now.astimezone(TOKYO).date()


def months_after(day: date, months: int) -> date:
    """Return the day so many months later; a month that is too short ends with its last day."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def order(lot_id: str) -> tuple[date, bool]:
    """Return the key by which lots are spent: what ends first, of the same day points first."""
    lot = lot_of(lot_id)
    return lot.last, lot.kind is LotKind.MONEY


def valid(lots: Lots, now: datetime) -> dict[str, int]:
    """Return the lots that can be spent."""
    day = today(now)
    return {name: left for name, left in lots.items() if lot_of(name).last >= day}


def ended(lots: Lots, now: datetime) -> dict[str, int]:
    """Return the lots that have ended and hold something still."""
    day = today(now)
    return {name: left for name, left in lots.items() if lot_of(name).last < day}


def taken(lots: Lots, amount: int, now: datetime) -> dict[str, int]:
    """Return what a payment takes of each lot, first what ends first. Raises NotPossible."""
    found: dict[str, int] = {}
    rest = amount
    usable = valid(lots, now)
    for name in sorted(usable, key=order):
        if not rest:
            break
        found[name] = part = min(rest, usable[name])
        rest -= part
    if rest:
        raise NotPossible("short")
    return found


def given_back(lots: Lots, amount: int) -> dict[str, int]:
    """Return what a refund gives back to each of a payment's lots, first what ends last."""
    found: dict[str, int] = {}
    rest = amount
    for name in sorted(lots, key=order, reverse=True):
        part = min(rest, lots[name])
        if part:
            found[name] = part
            rest -= part
    if rest:
        raise NotPossible("refunded")
    return found


def moved(lots: Lots, by: Lots) -> dict[str, int]:
    """Return lots after a change; empty ones are gone. Raises NotPossible below zero."""
    found = dict(lots)
    for name, amount in by.items():
        found[name] = found.get(name, 0) + amount
    if any(left < 0 for left in found.values()):
        raise NotPossible("spent")
    return {name: found[name] for name in sorted(found) if found[name]}
