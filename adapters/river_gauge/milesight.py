"""Milesight EM500-UDL: the payload of an ultrasonic distance sensor.

A payload is a row of records: channel byte, type byte, value. Known records:

    01 75 <battery, percent>
    03 82 <distance, mm, u16 little-endian>
    83 E9 <distance, 0.1 mm, u16><change, 0.1 mm, u16><alarm flag>
    20 CE <time, s since 1970, u32><distance, mm, u16>          (stored value sent later)

The alarm record counts in tenths of the unit the plain record uses. Both occur side by side, so
where they disagree by more than their rounding the payload is refused rather than guessed at.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.contract import BadPayload

BATTERY = (0x01, 0x75)
DISTANCE = (0x03, 0x82)
ALARM = (0x83, 0xE9)
HISTORY = (0x20, 0xCE)
LENGTHS = {BATTERY: 1, DISTANCE: 2, ALARM: 5, HISTORY: 6}


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a payload says. `history` holds (seconds since 1970, distance in mm), oldest first."""

    distance_mm: int | None = None
    battery_percent: int | None = None
    alarm: bool = False
    history: tuple[tuple[int, int], ...] = ()


def decode(data: bytes) -> Measurement:
    """Return the measurement in a payload. Raises BadPayload."""
    distance: int | None = None
    battery: int | None = None
    alarm_tenths: int | None = None
    alarm = False
    history: list[tuple[int, int]] = []
    at = 0
    while at < len(data):
        head = (data[at], data[at + 1]) if at + 1 < len(data) else None
        length = LENGTHS.get(head) if head else None
        if head is None or length is None:
            raise BadPayload("unknown record", place=f"data:byte {at}")
        body = data[at + 2 : at + 2 + length]
        if len(body) < length:
            raise BadPayload("record cut short", place=f"data:byte {at}")
        if head == BATTERY:
            battery = body[0]
        elif head == DISTANCE:
            distance = int.from_bytes(body, "little")
        elif head == ALARM:
            alarm_tenths, alarm = int.from_bytes(body[:2], "little"), body[4] == 1
        else:
            when = int.from_bytes(body[:4], "little")
            history.append((when, int.from_bytes(body[4:], "little")))
        at += 2 + length
    if battery is not None and battery > 100:
        raise BadPayload(f"a battery at {battery} %", place="data")
    return Measurement(_agreed(distance, alarm_tenths), battery, alarm, tuple(sorted(history)))


def encode(distance_mm: int, battery_percent: int | None = None) -> bytes:
    """Return the payload a sensor sends for a distance (0 to 65,535 mm)."""
    battery = b"" if battery_percent is None else bytes([*BATTERY, battery_percent])
    return battery + bytes(DISTANCE) + distance_mm.to_bytes(2, "little")


def _agreed(distance: int | None, alarm_tenths: int | None) -> int | None:
    if alarm_tenths is None:
        return distance
    if distance is None:
        return round(alarm_tenths / 10)
    if abs(distance - alarm_tenths / 10) > 1:
        raise BadPayload(
            f"alarm says {alarm_tenths / 10} mm, measurement {distance} mm", place="data"
        )
    return distance
