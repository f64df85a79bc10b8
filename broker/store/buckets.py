"""Moments of history in figures, and which of them a window means (pure)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import isfinite
from typing import Protocol

from broker.store.history import Bucket, Moment, Resampled, Window


def in_window(moments: Iterable[Moment], window: Window) -> list[tuple[int, Moment]]:
    """Return (time, moment) of what a window means, in order of time; `last` has no effect.

    Moments of one time stay in the order they came in.
    """
    kept = []
    for moment in moments:
        at = moment.time if window.timeproperty is None else moment.at(window.timeproperty)
        if at is None or (window.start is not None and at < window.start):
            continue
        if window.end is None or at < window.end:
            kept.append((at, moment))
    kept.sort(key=lambda pair: pair[0])
    return kept


def fold(timed: Iterable[tuple[int, Moment]], bounds: Sequence[int]) -> list[Bucket]:
    """Return moments in figures, by period (see `History.aggregate`)."""
    tallies: dict[int, Tally] = {}
    for at, moment in timed:
        index = bisect_right(bounds, at) - 1
        if 0 <= index < len(bounds) - 1 and moment.deleted is None:
            tallies.setdefault(index, Tally()).add(moment.number, moment.resampled)
    return [tallies[i].bucket(bounds[i], bounds[i + 1]) for i in sorted(tallies)]


class Counted(Protocol):
    """What is needed of a moment to count it."""

    @property
    def number(self) -> float | None: ...
    @property
    def resampled(self) -> Resampled | None: ...


def mean_of(moments: Iterable[Counted], tally: Tally) -> float | None:
    """Return the mean of the numbers of moments, of which `tally` is; None without any.

    It is a number even where their sum is beyond a float.
    """
    if not tally.numbers:
        return None
    mean = tally.total / tally.numbers
    return mean if isfinite(mean) else float(sum(map(_exact, moments)) / tally.numbers)


def _exact(moment: Counted) -> Fraction:
    """Return the sum of the numbers a moment stands for."""
    if moment.resampled is None:
        return Fraction(moment.number or 0)
    return Fraction(moment.resampled.mean or 0) * moment.resampled.numbers


class Tally:
    """A bucket that is being filled."""

    __slots__ = ("count", "maximum", "minimum", "numbers", "squares", "total")

    def __init__(self) -> None:
        self.count = 0
        self.numbers = 0
        self.minimum: float | None = None
        self.maximum: float | None = None
        self.total = 0.0
        self.squares = 0.0

    def add(self, number: float | None, resampled: Resampled | None) -> None:
        """Count a moment; a resampled one as what it stands for."""
        if resampled is None:
            self.count += 1
            if number is not None:
                self.add_numbers(1, number, number, number, number * number)
            return
        self.count += resampled.count
        mean, n = resampled.mean, resampled.numbers
        if mean is not None:
            assert resampled.minimum is not None
            assert resampled.maximum is not None
            total = mean * n
            self.add_numbers(n, resampled.minimum, resampled.maximum, total, mean * total)

    def add_numbers(
        self, numbers: int, minimum: float, maximum: float, total: float, squares: float
    ) -> None:
        """Add the figures of some numbers; `count` is left to the caller."""
        self.numbers += numbers
        self.total += total
        self.squares += squares
        if self.minimum is None or minimum < self.minimum:
            self.minimum = minimum
        if self.maximum is None or maximum > self.maximum:
            self.maximum = maximum

    def bucket(self, start: int, end: int) -> Bucket:
        """Return what was counted, as the bucket of a period."""
        some = self.numbers > 0
        return Bucket(
            start,
            end,
            self.count,
            self.numbers,
            self.minimum,
            self.maximum,
            self.total if some else None,
            self.squares if some else None,
        )
