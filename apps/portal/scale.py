"""The gauge's scale as a drawing. Pure."""

from __future__ import annotations

from math import ceil
from typing import Any, Final

from broker.client import Entity, value

TOP: Final = 8.0
"""Metres at the top of the scale; a higher level raises it in steps of two."""

HEIGHT: Final = 240.0


def gauge_scale(station: Entity, level: float | None) -> dict[str, Any]:
    """Return the scale's drawing: water surface and thresholds as y in 0 (top) to 240 (bottom)."""
    marks = [
        ("caution", value(station, "cautionLevel")),
        ("danger", value(station, "dangerLevel")),
        ("designHighWater", value(station, "designHighWaterLevel")),
    ]
    top = TOP if level is None else max(TOP, 2.0 * ceil(level / 2))

    def y(metres: float) -> float:
        return round(HEIGHT * (1 - max(0.0, min(metres, top)) / top), 1)

    return {
        "top": top,
        "waterY": HEIGHT if level is None else y(level),
        "waterHeight": 0.0 if level is None else round(HEIGHT - y(level), 1),
        "marks": [
            {"step": step, "y": y(float(metres)), "text": f"{float(metres):.2f}"}
            for step, metres in marks
            if isinstance(metres, int | float)
        ],
    }
