"""What locks need: batteries and clocks, how they are, and when somebody must go there. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from apps.keys.grants import moment, offline
from broker.client import Entity, observed_at, value

WARN, ORDER = 0.2, 0.1
"""Battery levels from which a new one is wanted, and wanted at once."""
SILENCE: Final = timedelta(hours=24)
"""A lock with a network that says nothing for so long is unknown, not well."""
VISIT: Final = timedelta(days=180)
"""A box without network is looked at at least so often."""
LEAST: Final = timedelta(days=3)
"""Shorter series foretell nothing."""
TOLERANCE: Final = 300.0
"""Seconds by which a box's clock may be wrong, where the lock does not say."""

Sample = tuple[datetime, float]


class Need(StrEnum):
    """How urgent it is."""

    GOOD = "good"
    SOON = "soon"
    NOW = "now"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a battery or a clock is. `until` is when it reaches its limit, as far as can be told."""

    need: Need
    value: float | None
    seen: datetime | None
    until: datetime | None = None


def battery(lock: Entity, samples: Sequence[Sample], now: datetime) -> Reading:
    """Return how a lock's battery (0 to 1) is, and when it will be down to a fifth."""
    level = value(lock, "batteryLevel")
    seen = _seen(lock, "batteryLevel", "batteryCheckedAt")
    silence = VISIT if offline(lock) else SILENCE
    if not isinstance(level, int | float) or seen is None or now - seen > silence:
        return Reading(Need.UNKNOWN, level, seen)
    until = reaches(samples, WARN)
    if level < ORDER:
        return Reading(Need.NOW, level, seen, until)
    critical = level < WARN or value(lock, "batteryCritical") is True
    soon = critical or (until is not None and until - now < timedelta(days=30))
    return Reading(Need.SOON if soon else Need.GOOD, level, seen, until)


def clock(lock: Entity, samples: Sequence[Sample], now: datetime) -> Reading | None:
    """Return how wrong a box's clock is (seconds ahead), and when it will be too wrong.

    None for locks with a network, which set their clocks by it. Between two visits a clock drifts
    on as before.
    """
    if not offline(lock):
        return None
    drift = value(lock, "clockDriftSeconds")
    seen = _seen(lock, "clockDriftSeconds", "clockCheckedAt")
    if not isinstance(drift, int | float) or seen is None or now - seen > 2 * VISIT:
        return Reading(Need.UNKNOWN, drift, seen)
    limit = float(value(lock, "clockTolerance", TOLERANCE))
    rate = _rate(samples)
    until = None if not rate else seen + timedelta(days=min(limit / abs(rate), 36_500))
    if until is not None and until <= now:
        return Reading(Need.NOW, drift, seen, until)
    soon = until is not None and until - now < timedelta(days=30)
    return Reading(Need.SOON if soon else Need.GOOD, drift, seen, until)


def reaches(samples: Sequence[Sample], limit: float) -> datetime | None:
    """Return when a falling series will reach a limit, by a straight line; None where it is not."""
    if len(samples) < 2 or samples[-1][0] - samples[0][0] < LEAST:
        return None
    start = samples[0][0]
    days = [(at - start) / timedelta(days=1) for at, _ in samples]
    levels = [level for _, level in samples]
    middle, height = sum(days) / len(days), sum(levels) / len(levels)
    width = sum((day - middle) ** 2 for day in days)
    slope = sum((d - middle) * (y - height) for d, y in zip(days, levels, strict=True)) / width
    if slope >= 0:
        return None
    day = middle + (limit - height) / slope
    return start + timedelta(days=min(max(day, 0.0), 36_500))


def _rate(visits: Sequence[Sample]) -> float:
    """Return the seconds a day by which a clock drifts: each visit says what came since the last.

    The clock is set right at every visit.
    """
    if len(visits) < 2 or visits[-1][0] == visits[0][0]:
        return 0.0
    days = (visits[-1][0] - visits[0][0]) / timedelta(days=1)
    return sum(drift for _, drift in visits[1:]) / days


def _seen(lock: Entity, name: str, checked: str) -> datetime | None:
    times = [t for t in (observed_at(lock, name), value(lock, checked)) if isinstance(t, str)]
    return max(map(moment, times)) if times else None
