"""The drill's clock: what time it is in the flood being played. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from broker.client import Entity, value

AFTERGLOW = timedelta(minutes=10)
"""How long a finished drill stays on the page."""


@dataclass(frozen=True, slots=True)
class DrillClock:
    """A drill as its Drill entity tells it."""

    state: str
    started_at: datetime
    expected_end: datetime
    played_from: datetime
    played_until: datetime
    speed: float

    def running(self, now: datetime) -> bool:
        """Say whether it runs; one that was never ended counts as over after its time."""
        return self.state == "running" and now < self.expected_end

    def shown(self, now: datetime) -> bool:
        """Say whether the page shows it: while it runs and for a while after."""
        return now < self.expected_end + AFTERGLOW

    def time(self, now: datetime) -> datetime:
        """Return the time in the flood at a moment."""
        return min(self.played_until, self.played_from + (now - self.started_at) * self.speed)


def drill_clock(entity: Entity) -> DrillClock | None:
    """Return the clock of a Drill entity; None where it lacks a part."""
    names = ("startedAt", "expectedEnd", "playedFrom", "playedUntil")
    texts = [value(entity, name) for name in names]
    speed = value(entity, "speed")
    if not all(isinstance(text, str) for text in texts) or not isinstance(speed, int | float):
        return None
    started, end, first, last = (datetime.fromisoformat(str(text)) for text in texts)
    return DrillClock(str(value(entity, "drillState")), started, end, first, last, float(speed))
