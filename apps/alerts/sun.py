"""When the sun sets: from a position and a date. Pure.

Follows the equations of NOAA's solar calculator (Meeus, Astronomical Algorithms): good to a
minute between the polar circles. The sun has set when its upper edge touches the horizon of the
sea, 50 minutes of arc below the geometric one (half a disc of 16', refraction of 34').
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import acos, asin, cos, degrees, radians, sin, tan
from typing import Final

ZENITH: Final = radians(90 + 50 / 60)
J2000: Final = datetime(2000, 1, 1, 12, tzinfo=UTC)
DAYS_PER_CENTURY: Final = 36_525


def sunset(day: date, longitude: float, latitude: float) -> datetime | None:
    """Return the moment of sunset at a place (degrees east and north) on its local day.

    None where the sun does not set, or does not rise, on that day.
    """
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - timedelta(minutes=4 * longitude)
    moment = noon
    for _ in range(3):  # declination and equation of time are those of the sunset itself
        declination, equation = _sun(moment)
        angle = cos(ZENITH) / (cos(radians(latitude)) * cos(declination)) - tan(
            radians(latitude)
        ) * tan(declination)
        if not -1 <= angle <= 1:
            return None
        moment = noon + timedelta(minutes=4 * degrees(acos(angle)) - equation)
    return moment


def _sun(moment: datetime) -> tuple[float, float]:
    """Return the sun's declination in radians and the equation of time in minutes."""
    t = (moment - J2000) / timedelta(days=DAYS_PER_CENTURY)
    mean_longitude = radians((280.46646 + t * (36000.76983 + 0.0003032 * t)) % 360)
    anomaly = radians(357.52911 + t * (35999.05029 - 0.0001537 * t))
    eccentricity = 0.016708634 - t * (0.000042037 + 0.0000001267 * t)
    centre = radians(
        sin(anomaly) * (1.914602 - t * (0.004817 + 0.000014 * t))
        + sin(2 * anomaly) * (0.019993 - 0.000101 * t)
        + sin(3 * anomaly) * 0.000289
    )
    node = radians(125.04 - 1934.136 * t)
    longitude = mean_longitude + centre - radians(0.00569 + 0.00478 * sin(node))
    obliquity = radians(
        23 + (26 + (21.448 - t * (46.815 + t * (0.00059 - t * 0.001813))) / 60) / 60
    ) + radians(0.00256) * cos(node)
    y = tan(obliquity / 2) ** 2
    equation = (
        y * sin(2 * mean_longitude)
        - 2 * eccentricity * sin(anomaly)
        + 4 * eccentricity * y * sin(anomaly) * cos(2 * mean_longitude)
        - y * y / 2 * sin(4 * mean_longitude)
        - 1.25 * eccentricity**2 * sin(2 * anomaly)
    )
    return asin(sin(obliquity) * sin(longitude)), 4 * degrees(equation)
