"""Operands sorted by what they can equal: the common ground of the predicate and SQL.

Numbers follow the store: integers beyond 64 bits count as the nearest double, everything else
compares exactly, integer with float included. Booleans are not numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from broker.query.ast import Moment, Range, Scalar
from broker.query.moment import clock, instant

Key: TypeAlias = int | float | str | bool

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1


class Family(Enum):
    """What an operand is compared as."""

    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Operands:
    """The operands of `==` or `!=`: single keys and closed intervals by family."""

    keys: dict[Family, list[Key]]
    ranges: list[tuple[Family, Key, Key]]

    def textual(self) -> bool:
        """Tell whether any operand can equal a string."""
        families = {*self.keys, *(family for family, _, _ in self.ranges)}
        return not families <= {Family.NUMBER, Family.BOOLEAN}


def number(value: int | float) -> int | float:
    """Return a number as the store compares it."""
    if isinstance(value, float) or INT64_MIN <= value <= INT64_MAX:
        return value
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def keyed(operand: Scalar) -> tuple[Family, Key] | None:
    """Return an operand's family and comparison key; None for a Moment that is no time."""
    match operand:
        case bool():
            return Family.BOOLEAN, operand
        case int() | float():
            return Family.NUMBER, number(operand)
        case str():
            return Family.TEXT, operand
        case Moment(text):
            if (key := instant(text)) is not None:
                return Family.INSTANT, key
            if (key := clock(text)) is not None:
                return Family.CLOCK, key
            return None


def sort_operands(operands: Iterable[Scalar | Range]) -> Operands:
    """Sort operands by family. Those that can equal nothing (a range of mixed ends) fall out."""
    keys: dict[Family, list[Key]] = {}
    ranges: list[tuple[Family, Key, Key]] = []
    for operand in operands:
        if isinstance(operand, Range):
            low, high = keyed(operand.low), keyed(operand.high)
            if low and high and low[0] is high[0] is not Family.BOOLEAN:
                ranges.append((low[0], low[1], high[1]))
        elif (found := keyed(operand)) is not None:
            keys.setdefault(found[0], []).append(found[1])
    return Operands(keys, ranges)
