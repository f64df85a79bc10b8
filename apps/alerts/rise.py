"""How fast the water rises: what is remembered of the last ten minutes. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

SPAN: Final = timedelta(minutes=10)
"""The time over which a rise is measured."""
SPACING: Final = timedelta(seconds=30)
"""Samples nearer to each other than this are remembered as one, the lowest."""

Trace = tuple[tuple[datetime, float], ...]
"""Times and levels of the last ten minutes, oldest first; at most about twenty."""


def traced(trace: Trace, at: datetime, level: float) -> Trace:
    """Return the trace after a sample."""
    recent = tuple(one for one in trace if at - one[0] <= SPAN)
    if recent and at - recent[-1][0] < SPACING:
        began, lowest = recent[-1]
        return (*recent[:-1], (began, min(lowest, level)))
    return (*recent, (at, level))


def risen(trace: Trace, level: float) -> float:
    """Return by how many metres a level is above the lowest of the trace; 0 without one."""
    return max(0.0, level - min((low for _, low in trace), default=level))
