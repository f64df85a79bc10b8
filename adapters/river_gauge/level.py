"""From distance to water level, and from a reading to the attributes it sets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from adapters.common.writer import measured
from adapters.contract import Reading

PROVENANCES: Final = ("published", "interpolated", "assumed")
DEAD_BAND_MM: Final = 280
"""Nearer than this an ultrasonic sensor measures nothing: the water is very high, not at zero."""


@dataclass(frozen=True, slots=True)
class Mount:
    """How a sensor hangs over the river.

    `sensor_height` is its height above the gauge's zero in metres, `tilt` its angle from the
    vertical in degrees.
    """

    sensor_height: float
    simulated: bool = False
    tilt: float = 0.0


def water_level(mount: Mount, distance_mm: int) -> float:
    """Return the level above the gauge's zero in metres, to the millimetre."""
    plumb = distance_mm * math.cos(math.radians(mount.tilt)) if mount.tilt else distance_mm
    return round((round(mount.sensor_height * 1000) - plumb) / 1000, 3)


def quality(distance_mm: int, mount: Mount) -> str:
    """Return the quality of a measurement in the terms of RiverLevelStation."""
    if distance_mm < DEAD_BAND_MM or distance_mm > round(mount.sensor_height * 1000) + 1000:
        return "outOfRange"
    return "simulated" if mount.simulated else "good"


def station_attributes(reading: Reading, mount: Mount) -> dict[str, Any]:
    """Return the normalized attributes of the station that a reading sets.

    A sensor that does not answer leaves the level as it is and says `missing`.
    """
    distance = reading.values["distance_mm"]
    if distance is None:
        return {"quality": measured("missing", reading.observed_at)}
    level = measured(water_level(mount, distance), reading.observed_at, unitCode="MTR")
    level["distance"] = {"type": "Property", "value": distance, "unitCode": "MMT"}
    provenance = reading.tags.get("provenance")
    if mount.simulated and provenance in PROVENANCES:
        level["provenance"] = {"type": "Property", "value": provenance}
    judged = measured(quality(distance, mount), reading.observed_at)
    return {"waterLevel": level, "quality": judged}


def device_attributes(reading: Reading) -> dict[str, Any]:
    """Return the normalized attributes of the Device that a reading sets; maybe none."""
    attributes = {}
    percent, millivolts = (reading.values.get(f"battery_{u}") for u in ("percent", "mv"))
    if percent is not None:
        attributes["batteryLevel"] = measured(percent / 100, reading.observed_at)
    if millivolts is not None:
        attributes["batteryVoltage"] = measured(
            millivolts / 1000, reading.observed_at, unitCode="VLT"
        )
    return attributes
