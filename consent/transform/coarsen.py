"""Times and places made coarse (pure)."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import cos, floor, radians
from typing import Any, Final

_METRES: Final = 111_320.0
"""Metres of a degree of latitude."""
MESH: Final = 500.0
"""Metres: the side of a cell where nothing else is said (Japan's half mesh, 4次メッシュ)."""


def coarse_time(text: str, step: timedelta = timedelta(hours=1)) -> str:
    """Return the beginning of the step of a time (ISO 8601 with an offset) in UTC."""
    moment = datetime.fromisoformat(text).timestamp()
    seconds = step.total_seconds()
    begin = floor(moment / seconds) * seconds
    return (
        datetime.fromisoformat("1970-01-01T00:00:00+00:00") + timedelta(seconds=begin)
    ).strftime("%Y-%m-%dT%H:%M:%SZ")


def coarse_point(east: float, north: float, side: float = MESH) -> tuple[float, float]:
    """Return the middle of the cell of a position; a cell is about `side` metres high and wide.

    The cells of one row are equally wide, so that the same place is always in the same cell.
    """
    height = side / _METRES
    row = floor(north / height)
    middle = (row + 0.5) * height
    width = side / (_METRES * max(0.01, cos(radians(middle))))
    column = floor(east / width)
    return round((column + 0.5) * width, 6), round(middle, 6)


def coarse_place(geometry: dict[str, Any], side: float = MESH) -> dict[str, Any] | None:
    """Return a GeoJSON point made coarse; None for other geometries, which are left out."""
    if geometry.get("type") != "Point":
        return None
    east, north = geometry["coordinates"][:2]
    return {"type": "Point", "coordinates": list(coarse_point(east, north, side))}


def coarse_age(years: int, step: int = 10) -> str:
    """Return the group of an age, such as `30-39`."""
    begin = years // step * step
    return f"{begin}-{begin + step - 1}"
