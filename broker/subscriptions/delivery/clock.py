"""Waiting by a clock that never jumps: setting the wall clock neither delays nor doubles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Ticker(Protocol):
    """Gives seconds that only go on, and calls back when they have come."""

    def monotonic(self) -> float:
        """Return the seconds now."""
        ...

    def at(self, when: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back at `when`; return the way to call it off."""
        ...


class LoopTicker:
    """The event loop's clock."""

    def monotonic(self) -> float:
        """Return the seconds now."""
        return asyncio.get_running_loop().time()

    def at(self, when: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back at `when`; return the way to call it off."""
        return asyncio.get_running_loop().call_at(when, callback).cancel


def seconds_between(earlier: str, later: str) -> float:
    """Return the seconds from one ISO 8601 time to another; negative where it lies before."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def later(time: str, seconds: float) -> str:
    """Return a time so many seconds later, in the form every `Clock` has."""
    moved = datetime.fromisoformat(time).astimezone(UTC) + timedelta(seconds=seconds)
    return moved.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
