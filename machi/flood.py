"""The published water levels of a flood as a row of samples. Pure.

Published points are sent as they are. Between them the level is interpolated; before the first
one it follows an assumed rise. Nothing is sent from the time a gauge fell silent, nor after the
last point known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

PUBLISHED = "published"
INTERPOLATED = "interpolated"
ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Point:
    """A level in metres at a time; `published` says whether a public body gave it."""

    at: datetime
    level: float
    published: bool


@dataclass(frozen=True, slots=True)
class FloodSample:
    """A level to send: which station, when it was measured, metres, and where it comes from."""

    station: str
    at: datetime
    level: float
    provenance: str


def flood_samples(flood: dict[str, Any], start: datetime, until: datetime) -> list[FloodSample]:
    """Return every sample of all stations with `start <= at <= until`, in order of time."""
    samples = [
        sample
        for station, facts in flood["stations"].items()
        for sample in _station_samples(station, facts, start, until)
    ]
    return sorted(samples, key=lambda sample: (sample.at, sample.station))


def _station_samples(
    station: str, facts: dict[str, Any], start: datetime, until: datetime
) -> list[FloodSample]:
    points = sorted(
        [*_points(facts.get("assumed", []), False), *_points(facts["published"], True)],
        key=lambda point: point.at,
    )
    silent = datetime.fromisoformat(facts["silentFrom"]) if "silentFrom" in facts else None
    end = min(until, points[-1].at)
    step = timedelta(minutes=facts["everyMinutes"])
    moments = {point.at for point in points if point.published}
    moment = points[0].at
    while moment <= end:
        moments.add(moment)
        moment += step
    return [
        _sample(station, points, moment)
        for moment in sorted(moments)
        if start <= moment <= end and (silent is None or moment < silent)
    ]


def _points(entries: list[dict[str, Any]], published: bool) -> list[Point]:
    return [
        Point(datetime.fromisoformat(entry["at"]), float(entry["level"]), published)
        for entry in entries
    ]


def _sample(station: str, points: list[Point], at: datetime) -> FloodSample:
    before = max((p for p in points if p.at <= at), key=lambda p: p.at)
    after = min((p for p in points if p.at >= at), key=lambda p: p.at)
    if before.at == after.at:
        provenance = PUBLISHED if before.published else ASSUMED
        return FloodSample(station, at, before.level, provenance)
    share = (at - before.at) / (after.at - before.at)
    level = round(before.level + (after.level - before.level) * share, 3)
    return FloodSample(station, at, level, INTERPOLATED if before.published else ASSUMED)
