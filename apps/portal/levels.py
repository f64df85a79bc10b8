"""The water levels of the last hours, as the portal has seen them pass."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final, Protocol

from apps.alerts.metres import metres_of
from broker.client import Entity, observed_at, value

KEPT: Final = 720
"""Points kept of a station: six hours at the closest spacing."""

SPACING: Final = timedelta(seconds=30)

MOST_STALE: Final = 366 * 86_400

DOUBTED: Final = ("suspect", "outOfRange", "stuck")
MEASURED: Final = "measured"


@dataclass(frozen=True, slots=True)
class Point:
    """A level in metres; `origin`: measured, published, interpolated, assumed or doubted."""

    at: datetime
    level: float
    origin: str


class Levels(Protocol):
    """Where a curve's points come from."""

    def points(self, station: str) -> Sequence[Point]:
        """Return a station's points, oldest first."""


class SeenLevels:
    """Points kept in memory, a bounded number of each station.

    Late points find their place, repeated ones replace themselves, and a new run of a drill
    begins anew. `version` rises with each change.
    """

    def __init__(self) -> None:
        self._points: dict[str, list[Point]] = {}
        self._runs: dict[str, object] = {}
        self.version = 0

    def points(self, station: str) -> Sequence[Point]:
        """Return a station's points, oldest first."""
        return self._points.get(station, ())

    def take(self, station: Entity) -> None:
        """Note the level a station shows now, if it shows one."""
        name = str(station["id"])
        run = value(station, "drillRun")
        if self._runs.get(name) != run:
            self._runs[name] = run
            self._points.pop(name, None)
            self.version += 1
        point = _point(station)
        if point is not None and _insert(self._points.setdefault(name, []), point):
            self.version += 1


def quality_of(station: Entity) -> str:
    """Return a station's quality: what the alerts app judged where it has an objection."""
    judged = value(station, "judgedQuality")
    return str(judged if judged not in (None, "good") else value(station, "quality", "missing"))


def stale_after_of(station: Entity) -> int:
    """Return the seconds after which a station's level is old; half an hour where it says none."""
    given = value(station, "staleAfterSeconds")
    known = isinstance(given, int | float) and not isinstance(given, bool)
    return int(given) if known and 0 <= given <= MOST_STALE else 1800


def _point(station: Entity) -> Point | None:
    level, at = metres_of(station), observed_at(station, "waterLevel")
    if level is None or at is None:
        return None
    instance = station.get("waterLevel")
    known = value(instance, "provenance") if isinstance(instance, dict) else None
    doubted = quality_of(station) in DOUBTED
    origin = "doubted" if doubted else str(known or MEASURED)
    return Point(datetime.fromisoformat(at), level, origin)


def _insert(points: list[Point], point: Point) -> bool:
    """Put a point where it belongs; tell whether anything changed."""
    place = bisect_left(points, point.at, key=attrgetter("at"))
    if place < len(points) and points[place].at == point.at:
        changed = points[place] != point
        points[place] = point
        return changed
    newest = place == len(points)
    if newest and len(points) > 1 and points[-1].at - points[-2].at < SPACING:
        points.pop()
    points.insert(min(place, len(points)), point)
    if len(points) > KEPT:
        del points[0]
    return True
