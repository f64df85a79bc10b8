"""Bookings as an iCalendar (RFC 5545). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from apps.bookings.process.case import USABLE, Booking, Status

STATES: Final = {
    Status.REQUESTED: "TENTATIVE",
    Status.AWAITING_PAYMENT: "TENTATIVE",
    Status.CANCELLED: "CANCELLED",
    Status.REJECTED: "CANCELLED",
    Status.SUSPENDED: "CANCELLED",
}
LINE: Final = 73
"""Octets of a line before it is folded."""


def calendar(bookings: Iterable[Booking], names: Mapping[str, str], now: datetime) -> str:
    """Return bookings as one calendar; `names` are what people call the spaces."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Machi//Bookings//EN",
        "METHOD:PUBLISH",
    ]
    for booking in bookings:
        lines += _event(booking, names.get(booking.space, booking.space), now)
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for one in lines for part in _folded(one))


def _event(booking: Booking, name: str, now: datetime) -> list[str]:
    status = "CONFIRMED" if booking.status in USABLE else STATES.get(booking.status, "CONFIRMED")
    return [
        "BEGIN:VEVENT",
        f"UID:{booking.id}",
        f"DTSTAMP:{_utc(now)}",
        f"DTSTART:{_utc(booking.span.start)}",
        f"DTEND:{_utc(booking.span.end)}",
        f"SUMMARY:{_text(name)}",
        f"DESCRIPTION:{_text(booking.number)}",
        f"STATUS:{status}",
        "END:VEVENT",
    ]


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r", "").replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Yield a line in parts of at most 75 octets, no character cut in two."""
    part, room = "", LINE
    for character in line:
        size = len(character.encode())
        if size > room:
            yield part
            part, room = " ", LINE - 1
        part += character
        room -= size
    yield part
