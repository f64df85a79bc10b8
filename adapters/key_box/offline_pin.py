"""Offline PIN, version 1: a PIN that a box without network can check with its key and clock. Pure.

    message = version u8 | start u32 (whole hours since 1970, UTC) | duration u8 | variance u8
    PIN     = 63 bits of HMAC-SHA-256(box key, message), truncated as in RFC 4226, modulo 10^9

A duration is a place in `DURATIONS`, the variance (0 to 2) gives the same hours a second and third
PIN, so that who cancelled does not hold the PIN of who booked next. The box computes the PIN of
every window that contains its time and compares. Nothing has to reach the box; so nothing can be
taken back either, but by a staff member who types a block PIN at the box.

Messages of the other kinds begin with a letter, so that no PIN can be taken for another kind's.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION: Final = 1
DIGITS: Final = 9
HOUR: Final = 3600
DURATIONS: Final = (1, 2, 3, 4, 6, 8, 12, 24, 5, 7, 9, 10, 11)
"""Hours a window may last, by place in the message."""
VARIANCES: Final = 3
LEADERS: Final = 16
"""Emergency PINs a box has, one for each area leader."""
RECEIPT_DIGITS: Final = 6


class NoWindow(ValueError):
    """These hours cannot be a window; `reason` is `offTheHour` or `tooLong`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Window:
    """Hours a PIN is for: from `start` (hours since 1970, UTC), `hours` long, half open."""

    start: int
    hours: int
    variance: int = 0

    @property
    def begins(self) -> int:
        """Return the first second of the window, since 1970."""
        return self.start * HOUR

    @property
    def ends(self) -> int:
        """Return the first second after the window, since 1970."""
        return (self.start + self.hours) * HOUR


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Seconds by which a box takes a PIN before and after its window.

    `drift` is how wrong the box's clock may be: it is added on both sides, so that a PIN opens in
    all of its promised time even where the clock is so wrong.
    """

    early: int = 600
    late: int = 600
    drift: int = 0


def window(begins: int, ends: int, variance: int = 0) -> Window:
    """Return the window from one second to another, both since 1970. Raises NoWindow."""
    if begins % HOUR or ends % HOUR:
        raise NoWindow("offTheHour")
    hours = (ends - begins) // HOUR
    if hours not in DURATIONS:
        raise NoWindow("tooLong")
    return Window(begins // HOUR, hours, variance)


def box_key(master: bytes, box: str, epoch: int = 0) -> bytes:
    """Return the key of a box. A new epoch gives it another key, and ends all its PINs."""
    info = f"machi offline pin {VERSION}|{box}|{epoch}".encode()
    return HKDF(SHA256(), length=32, salt=None, info=info).derive(master)


def pin(key: bytes, of: Window) -> str:
    """Return the PIN of a window."""
    return _digits(key, b"", of)


def block_pin(key: bytes, of: Window) -> str:
    """Return what staff type at the box so that it takes the PIN of a window no more."""
    return _digits(key, b"B", of)


def emergency_pin(key: bytes, leader: int) -> str:
    """Return the PIN of an area leader (0 to 15), which the box takes at any time."""
    if not 0 <= leader < LEADERS:
        raise NoWindow("tooMany")
    return _truncated(key, struct.pack(">cBB", b"E", VERSION, leader), DIGITS)


def receipt(key: bytes, minute: int) -> str:
    """Return the six digits a box shows when its key is put back, by minutes since 1970."""
    return _truncated(key, struct.pack(">cBI", b"R", VERSION, minute), RECEIPT_DIGITS)


def candidates(now: float, tolerance: Tolerance) -> Iterator[Window]:
    """Yield every window, variances apart, whose PIN a box takes at this second since 1970."""
    early, late = tolerance.early + tolerance.drift, tolerance.late + tolerance.drift
    for hours in DURATIONS:
        first = int((now - late) // HOUR) - hours + 1
        last = int((now + early) // HOUR)
        for start in range(first, last + 1):
            if start * HOUR - early <= now < (start + hours) * HOUR + late:
                yield Window(start, hours)


def odds(now: float, tolerance: Tolerance) -> float:
    """Return how likely one guess is to be a PIN that opens at this second."""
    windows = sum(1 for _ in candidates(now, tolerance))
    return (windows * VARIANCES + LEADERS) / 10**DIGITS


def _digits(key: bytes, kind: bytes, of: Window) -> str:
    place = DURATIONS.index(of.hours)
    return _truncated(
        key, kind + struct.pack(">BIBB", VERSION, of.start, place, of.variance), DIGITS
    )


def _truncated(key: bytes, message: bytes, digits: int) -> str:
    digest = hmac.digest(key, message, "sha256")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 8], "big") & (1 << 63) - 1
    return str(number % 10**digits).zfill(digits)
