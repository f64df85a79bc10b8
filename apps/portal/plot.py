"""The plot of a level curve: where a moment and a level lie in it, in per cent. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, Final

from broker.client import Entity, value

THRESHOLDS: Final = (
    ("caution", "cautionLevel"),
    ("danger", "dangerLevel"),
    ("designHighWater", "designHighWaterLevel"),
)
LOWEST_TOP: Final = 3.0
"""Metres that a plot reaches up to at least."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A stretch of time, and the levels from zero to `top` metres."""

    start: datetime
    end: datetime
    top: int
    marks: tuple[tuple[str, float], ...]

    def x(self, at: datetime) -> float:
        """Return where a moment lies, from the left."""
        return round(100 * ((at - self.start) / (self.end - self.start)), 2)

    def y(self, level: float) -> float:
        """Return where a level lies, from the top; what is off the plot lies on its edge."""
        return round(100 * (1 - max(0.0, min(level, self.top)) / self.top), 2)

    def axes(self) -> dict[str, Any]:
        """Return the thresholds and the lines of whole metres."""
        return {
            "thresholds": [
                {"step": step, "y": self.y(metres), "text": f"{metres:.2f}"}
                for step, metres in self.marks
            ],
            "grid": [{"y": self.y(metres), "text": str(metres)} for metres in _grid(self.top)],
        }


def plot_of(station: Entity, start: datetime, end: datetime, levels: Iterable[float]) -> Plot:
    """Return the plot that a station's levels and thresholds fit in."""
    marks = tuple(
        (step, float(metres))
        for step, name in THRESHOLDS
        if isinstance(metres := value(station, name), int | float)
    )
    highest = max([LOWEST_TOP, *levels, *(metres * 1.15 for _, metres in marks)])
    return Plot(start, end, _top(highest), marks)


def _top(level: float) -> int:
    """Return the scale's upper end in metres: the next whole one, even above five."""
    top = ceil(level + 0.1)
    return top if top <= 5 else top + top % 2


def _grid(top: int) -> range:
    return range(0, top + 1, 1 if top <= 5 else 2 if top <= 10 else 4 if top <= 20 else top // 5)
