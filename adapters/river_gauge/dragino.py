"""Dragino LDDS75: the payload of an ultrasonic distance sensor, eight bytes, big-endian.

    0-1  battery in mV, lower 14 bits        4    caused by an interrupt
    2-3  distance in mm                      5-6  temperature in 0.1 °C, where there is a probe
                                             7    1: an ultrasonic sensor is attached

A distance of 0 means that no sensor answers; 20 mm stands for everything in the dead band below
280 mm. Frames of several samples (DDS75-LB, bit 0x10 of the first byte) are another format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from adapters.contract import BadPayload

LENGTH: Final = 8
MANY_SAMPLES: Final = 0x10
BATTERY: Final = range(1800, 4001)
"""Millivolts that a battery of this sensor can have."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a payload says. `distance_mm` is None where no sensor answers."""

    distance_mm: int | None
    battery_mv: int


def decode(data: bytes) -> Measurement:
    """Return the measurement in a payload. Raises BadPayload."""
    if len(data) != LENGTH:
        raise BadPayload(f"{len(data)} bytes instead of {LENGTH}", place="data")
    if data[0] & MANY_SAMPLES:
        raise BadPayload("a frame of several samples (DDS75-LB)", place="data:byte 0")
    battery = int.from_bytes(data[:2], "big") & 0x3FFF
    if battery not in BATTERY:
        raise BadPayload(f"a battery at {battery} mV", place="data:byte 0")
    distance = int.from_bytes(data[2:4], "big")
    attached = data[7] == 1 and distance > 0
    return Measurement(distance if attached else None, battery)


def encode(distance_mm: int | None, battery_mv: int = 3300) -> bytes:
    """Return the payload a sensor sends; None for one whose sensor does not answer."""
    distance = (distance_mm or 0).to_bytes(2, "big")
    flag = b"\x00" if distance_mm is None else b"\x01"
    return battery_mv.to_bytes(2, "big") + distance + b"\x00" + b"\x00\x00" + flag
