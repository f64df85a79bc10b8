"""How high the water stands: in metres, whatever unit a gauge tells it in. Pure."""

from __future__ import annotations

from typing import Final

from broker.client import Entity, value

UNITS: Final = {"MTR": 1.0, "CMT": 0.01, "MMT": 0.001}
"""Metres in a unit of length, by its UN/CEFACT code; a level without a code is in metres."""


def metres_of(station: Entity) -> float | None:
    """Return the water level that a station shows; None where it shows none.

    One in another unit than these is none: a number must not be taken for metres that it is not.
    """
    level, instance = value(station, "waterLevel"), station.get("waterLevel")
    if isinstance(instance, list):
        instance = instance[0] if instance else None
    if not isinstance(level, int | float) or isinstance(level, bool):
        return None
    unit = instance.get("unitCode", "MTR") if isinstance(instance, dict) else "MTR"
    factor = UNITS.get(unit) if isinstance(unit, str) else None
    return None if factor is None else round(level * factor, 6)
