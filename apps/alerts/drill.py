"""The drill's clock: what time it is in the flood being played. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.alerts.moments import moment_of
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
        return now - self.expected_end < AFTERGLOW

    def time(self, now: datetime) -> datetime:
        """Return the time in the flood at a moment."""
        length = (self.played_until - self.played_from).total_seconds()
        played = (now - self.started_at).total_seconds() * self.speed
        return self.played_from + timedelta(seconds=max(0.0, min(length, played)))


def drill_clock(entity: Entity) -> DrillClock | None:
    """Return the clock of a Drill entity; None where it lacks a part or one cannot be read."""
    names = ("startedAt", "expectedEnd", "playedFrom", "playedUntil")
    speed = value(entity, "speed")
    try:
        started, end, first, last = (moment_of(value(entity, name)) for name in names)
    except ValueError:
        return None
    if not isinstance(speed, int | float) or isinstance(speed, bool):
        return None
    return DrillClock(str(value(entity, "drillState")), started, end, first, last, float(speed))
