"""A ticker for tests, which goes on when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from broker.subscriptions.periods import TASK


class HandTicker:
    """A clock that goes on when told to, and rings then."""

    def __init__(self) -> None:
        self.now = 0.0
        self._alarms: list[tuple[float, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return self.now

    def at(self, when: float, callback: Callable[[], None]) -> Callable[[], None]:
        alarm = (when, callback)
        self._alarms.append(alarm)
        return lambda: self._alarms.remove(alarm) if alarm in self._alarms else None

    async def go(self, seconds: float) -> None:
        """Let time pass, second by second."""
        for _ in range(round(seconds)):
            self.now += 1
            for alarm in [alarm for alarm in self._alarms if alarm[0] <= self.now]:
                self._alarms.remove(alarm)
                alarm[1]()
            await asyncio.gather(*(one for one in asyncio.all_tasks() if one.get_name() == TASK))
