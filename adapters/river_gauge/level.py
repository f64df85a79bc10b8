"""From distance to water level, and from a reading to the attributes it sets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from adapters.contract import Reading

PROVENANCES: Final = ("published", "interpolated", "assumed")
DEAD_BAND_MM: Final = 280
"""Nearer than this an ultrasonic sensor measures nothing: the water is very high, not at zero."""


@dataclass(frozen=True, slots=True)
class Mount:
    """How a sensor hangs over the river: its height above the gauge's zero, in metres."""

    sensor_height: float
    simulated: bool = False


def water_level(sensor_height: float, distance_mm: int) -> float:
    """Return the level above the gauge's zero in metres, to the millimetre."""
    return round((round(sensor_height * 1000) - distance_mm) / 1000, 3)


def quality(distance_mm: int, mount: Mount) -> str:
    """Return the quality of a measurement in the terms of RiverLevelStation."""
    if distance_mm < DEAD_BAND_MM or distance_mm > round(mount.sensor_height * 1000) + 1000:
        return "outOfRange"
    return "simulated" if mount.simulated else "good"


def is_newer(observed_at: str, known: str | None) -> bool:
    """Say whether a measurement is later than the one the station shows."""
    if known is None:
        return True
    return datetime.fromisoformat(observed_at) > datetime.fromisoformat(known)


def station_attributes(reading: Reading, mount: Mount) -> dict[str, Any]:
    """Return the normalized attributes of the station that a reading with a distance sets."""
    distance = int(reading.values["distance_mm"])
    judged = quality(distance, mount)
    level: dict[str, Any] = {
        "type": "Property",
        "value": water_level(mount.sensor_height, distance),
        "unitCode": "MTR",
        "observedAt": reading.observed_at,
        "distance": {"type": "Property", "value": distance, "unitCode": "MMT"},
    }
    provenance = reading.tags.get("provenance")
    if mount.simulated and provenance in PROVENANCES:
        level["provenance"] = {"type": "Property", "value": provenance}
    return {
        "waterLevel": level,
        "quality": {"type": "Property", "value": judged, "observedAt": reading.observed_at},
    }


def device_attributes(reading: Reading) -> dict[str, Any]:
    """Return the normalized attributes of the Device that a reading sets; maybe none."""
    battery = reading.values.get("battery_percent")
    if battery is None:
        return {}
    share = {"type": "Property", "value": battery / 100, "observedAt": reading.observed_at}
    return {"batteryLevel": share}
