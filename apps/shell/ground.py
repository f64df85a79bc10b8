"""The ground of the town's maps, in per cent: its frame and its river. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import orjson

PHONE: Final = (340.0, 320.0)
"""Width and height in pixels at which labels must not touch; larger maps only give more room."""

Place = tuple[float, float]
"""Longitude and latitude."""
FACTS: Final[dict[str, Any]] = orjson.loads(files("apps.shell").joinpath("map.json").read_bytes())
FRAME: Final[tuple[float, float, float, float]] = tuple(FACTS["frame"])
"""West, south, east and north end of the map."""
NAME: Final[Place] = (FACTS["name"][0], FACTS["name"][1])
"""Where the river's name stands."""


@dataclass(slots=True)
class Box:
    """A rectangle around x, y; a fixed one stays where it is."""

    x: float
    y: float
    width: float
    height: float
    fixed: bool = False

    def covers(self, other: Box) -> bool:
        """Say whether two rectangles have something in common."""
        return (
            abs(self.x - other.x) < (self.width + other.width) / 2
            and abs(self.y - other.y) < (self.height + other.height) / 2
        )


def point(place: Place) -> dict[str, float]:
    """Return where a place lies, in per cent from the left and from the top."""
    west, south, east, north = FRAME
    return {
        "x": round(100 * (place[0] - west) / (east - west), 2),
        "y": round(100 * (north - place[1]) / (north - south), 2),
    }


def pixels(place: Place) -> tuple[float, float]:
    """Return where a place lies on a phone."""
    at = point(place)
    return at["x"] / 100 * PHONE[0], at["y"] / 100 * PHONE[1]


def inside(place: Sequence[float]) -> bool:
    """Say whether a place is on the map."""
    west, south, east, north = FRAME
    return bool(west <= place[0] <= east and south <= place[1] <= north)


def river() -> str:
    """Return the river's course as an SVG path in per cent."""
    course = [point((east, north)) for east, north in FACTS["course"]]
    return "M" + "L".join(f"{p['x']} {p['y']}" for p in course)
