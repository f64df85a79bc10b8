"""Drawing helpers: the gauge's scale and the sketch map. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from broker.client import Entity, value

TOP: Final = 8.0
"""Metres at the top of the scale; a higher level raises it in steps of two."""

HEIGHT: Final = 240.0
WIDTH: Final = 1000.0


def gauge_scale(station: Entity, level: float | None) -> dict[str, Any]:
    """Return the scale's drawing: water surface and thresholds as y in 0 (top) to 240 (bottom)."""
    marks = [
        ("caution", value(station, "cautionLevel")),
        ("danger", value(station, "dangerLevel")),
        ("designHighWater", value(station, "designHighWaterLevel")),
    ]
    top = TOP
    while level is not None and level > top:
        top += 2.0

    def y(metres: float) -> float:
        return round(HEIGHT * (1 - max(0.0, min(metres, top)) / top), 1)

    return {
        "top": top,
        "waterY": HEIGHT if level is None else y(level),
        "waterHeight": 0.0 if level is None else round(HEIGHT - y(level), 1),
        "marks": [
            {"step": step, "y": y(float(metres)), "text": f"{metres:.2f}"}
            for step, metres in marks
            if isinstance(metres, int | float)
        ],
    }


class Sketch:
    """A flat sketch of longitudes and latitudes around given places, x 0–1000, y downwards."""

    def __init__(self, places: Sequence[Sequence[float]]) -> None:
        self._west = min(p[0] for p in places) - 0.01
        self._east = max(p[0] for p in places) + 0.01
        self._north = max(p[1] for p in places) + 0.01
        south = min(p[1] for p in places) - 0.01
        # A degree of longitude is shorter than one of latitude: cos 32.2 degrees.
        self._scale = WIDTH / (self._east - self._west)
        self._tall = self._scale / 0.846
        self.height = round((self._north - south) * self._tall)

    def point(self, place: Sequence[float]) -> tuple[float, float]:
        """Return where a place [longitude, latitude] lies on the sketch."""
        return (
            round((place[0] - self._west) * self._scale, 1),
            round((self._north - place[1]) * self._tall, 1),
        )

    def holds(self, place: Sequence[float]) -> bool:
        """Say whether a place lies on the sketch."""
        x, y = self.point(place)
        return 0 <= x <= WIDTH and 0 <= y <= self.height
