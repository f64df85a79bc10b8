"""Time as changes tell it, for throttling: a clock that jumps back does not stop it.

Seconds are added up from change to change, where the time goes on; a step back adds nothing. So
what has passed since a notification is right to within the pause between two changes, whatever
the clock was set to meanwhile, and the same after a restart.
"""

from __future__ import annotations

from datetime import datetime


def seconds(time: str) -> float:
    """Return a time in the form of a `Clock` as seconds."""
    return datetime.fromisoformat(time).timestamp()


class Timeline:
    """Seconds that only go on. Times are given in the order of the feed."""

    __slots__ = ("_at", "_last", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._at = ""
        self._last = 0.0

    @property
    def started(self) -> bool:
        """Tell whether any change was seen."""
        return bool(self._at)

    def advance(self, at: str) -> float:
        """Take the time of the next change; return the seconds now."""
        if at != self._at:
            time = seconds(at)
            if self._at and time > self._last:
                self.now += time - self._last
            self._at, self._last = at, time
        return self.now

    def ago(self, at: str) -> float:
        """Return where on this line an earlier time lies; one that seems later is now."""
        return self.now - max(0.0, self._last - seconds(at))
