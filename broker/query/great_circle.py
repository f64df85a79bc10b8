"""The distance of two positions on the sphere."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from typing import Final

RADIUS: Final = 6_371_008.8
"""Mean radius of the Earth in metres (IUGG)."""


def haversine(
    longitude: float, latitude: float, other_longitude: float, other_latitude: float
) -> float:
    """Return the great-circle distance of two positions (degrees) in metres."""
    north, other_north = radians(latitude), radians(other_latitude)
    half_north = sin((other_north - north) / 2)
    half_east = sin(radians(other_longitude - longitude) / 2)
    chord = half_north * half_north + cos(north) * cos(other_north) * half_east * half_east
    return 2 * RADIUS * asin(min(1.0, sqrt(chord)))
