"""Times of measurement: read, compared, and held against the clock. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from adapters.contract import BadPayload
from broker.client import timestamp

TOLERANCE: Final = 300.0
"""Seconds a device's clock may be ahead of ours before its measurements are not believed."""


def utc_now() -> str:
    """Return the present time as NGSI-LD writes it."""
    return timestamp(datetime.now(UTC))


def later(time: str, microseconds: int) -> str:
    """Return a time so much later."""
    return timestamp(datetime.fromisoformat(time) + timedelta(microseconds=microseconds))


def measured_at(text: object, *, place: str) -> str:
    """Return a time in ISO 8601 with an offset, in UTC. Raises BadPayload."""
    if not isinstance(text, str):
        raise BadPayload("no time of measurement", place=place)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadPayload(f"not an ISO 8601 time: {text!r}", place=place) from error
    if moment.tzinfo is None:
        raise BadPayload(f"a time without offset: {text!r}", place=place)
    try:
        return timestamp(moment)
    except OverflowError as error:
        raise BadPayload(f"a time out of range: {text!r}", place=place) from error


def from_epoch(seconds: float, *, place: str) -> str:
    """Return a time given in seconds since 1970. Raises BadPayload."""
    try:
        return timestamp(datetime.fromtimestamp(seconds, UTC))
    except (OverflowError, OSError, ValueError) as error:
        raise BadPayload(f"a time out of range: {seconds!r}", place=place) from error


def is_newer(observed_at: str, known: str | None) -> bool:
    """Say whether a measurement is later than the one already shown."""
    if known is None:
        return True
    return datetime.fromisoformat(observed_at) > datetime.fromisoformat(known)


def seconds_ahead(observed_at: str, received: str) -> float:
    """Return how far a measurement's time lies after its arrival; negative in ordinary life."""
    difference = datetime.fromisoformat(observed_at) - datetime.fromisoformat(received)
    return difference.total_seconds()
