"""What is wrong with gauges and lights, and when to say so. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from apps.alerts.cursor import Fault, Watch
from apps.alerts.gate import FUTURE
from broker.client import Entity, observed_at, value

DOUBTFUL: Final = frozenset({"suspect", "outOfRange"})
QUALITIES: Final = {"stuck": "stuck", "clockAhead": FUTURE}
MOST_DOUBTS: Final = 3
"""So many implausible samples within `DOUBT_SPAN` make a gauge spiking."""
DOUBT_SPAN: Final = timedelta(hours=1)
CALM: Final = timedelta(minutes=30)
"""Time without an implausible sample after which a gauge no longer spikes."""
LIGHT_GRACE: Final = timedelta(seconds=30)
"""A light may be wrong for so long before a technical alert: it is commanded again meanwhile."""
STALE_AFTER: Final = 1800


def doubts(known: tuple[datetime, ...], quality: str, at: datetime) -> tuple[datetime, ...]:
    """Return the times of the last implausible samples, after one more sample."""
    return (*known, at)[-MOST_DOUBTS:] if quality in DOUBTFUL else known


def silent(watch: Watch, station: Entity, now: datetime) -> bool:
    """Say whether a gauge has given no good value for longer than its `staleAfterSeconds`."""
    limit = value(station, "staleAfterSeconds", STALE_AFTER)
    if not isinstance(limit, int | float) or isinstance(limit, bool):
        limit = STALE_AFTER
    last = watch.state.heard or watch.seen
    return last is not None and (now - last).total_seconds() > limit


def gauge_faults(watch: Watch, now: datetime) -> set[str]:
    """Return what is wrong with the values a gauge sends: `stuck`, `clockAhead`, `spiking`."""
    found = {kind for kind in ("stuck", "clockAhead") if watch.quality == QUALITIES[kind]}
    last = watch.doubts[-1] if watch.doubts else None
    if last is not None and now - last <= CALM:
        dense = len(watch.doubts) == MOST_DOUBTS and last - watch.doubts[0] <= DOUBT_SPAN
        if dense or "spiking" in watch.faults:
            found.add("spiking")
    return found


def light_fault(light: Entity, known: Fault | None, real: datetime) -> Fault | None:
    """Return what is wrong with a light, None for nothing.

    `unreachable`, `mismatch` (it shows another look), `unanswered` (nobody drives it).
    """
    status = value(light, "commandStatus")
    kind = {"unreachable": "unreachable", "mismatch": "mismatch", "pending": "unanswered"}.get(
        str(status)
    )
    if kind is None:
        return None
    if known is not None:
        return Fault(kind, known.since, known.alert)
    at = observed_at(light, "commandStatus") if kind != "unanswered" else None
    return Fault(kind, min(real, datetime.fromisoformat(at)) if at else real)


def due(fault: Fault, real: datetime) -> bool:
    """Say whether a light has been wrong for long enough to tell somebody."""
    return fault.alert is None and real - fault.since >= LIGHT_GRACE
