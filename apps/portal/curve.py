"""Level curves as drawings, all in per cent of the plot, so that they fit any width. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Any, Final

from apps.portal.levels import Levels, Point, stale_after_of
from apps.portal.plot import plot_of
from apps.portal.texts import PROVENANCES, name_of, word
from apps.portal.times import JST, local_time
from broker.client import Entity

LONGEST: Final = timedelta(hours=12)
MOST_AHEAD: Final = timedelta(hours=1)
"""A point further ahead of now was measured by a clock that was wrong."""
SHORTEST: Final = timedelta(minutes=30)
TICKS: Final = [timedelta(minutes=m) for m in (5, 10, 15, 30, 60, 120, 180, 360)]
MOST_TICKS: Final = 5
ROWS: Final = 12
"""Rows of a station in the table: the points shown are spread over the whole span."""

SOLID: Final = ("measured", "published")


def curve(station: Entity, levels: Levels, language: str, now: datetime) -> dict[str, Any]:
    """Return a station's curve: lines by origin, thresholds, marks of both axes, table rows."""
    all_points = [p for p in levels.points(str(station["id"])) if p.at - now <= MOST_AHEAD]
    end = max([now, *(point.at for point in all_points[-1:])])
    points = [point for point in all_points if end - point.at <= LONGEST]
    start = min([end - SHORTEST, *(point.at for point in points[:1])])
    plot = plot_of(station, start, end, [p.level for p in points])
    x, y = plot.x, plot.y
    gap = timedelta(seconds=stale_after_of(station))
    return {
        "id": station["id"],
        "name": name_of(station, "name", language),
        "rated": bool(plot.marks),
        "lines": [
            {"origin": origin, "path": "M" + "L".join(f"{x(p.at)} {y(p.level)}" for p in run)}
            for origin, run in _runs(points, gap)
        ],
        "dots": [
            {"x": x(p.at), "y": y(p.level), "origin": p.origin}
            for p in points
            if p.origin in ("published", "doubted")
        ],
        "last": {"x": x(points[-1].at), "y": y(points[-1].level)} if points else None,
        **plot.axes(),
        "ticks": [{"x": x(at), "text": f"{at:%H:%M}"} for at in _ticks(start, end)],
        "rows": [
            {
                "at": local_time(p.at),
                "level": f"{p.level:.2f} m",
                "origin": word(PROVENANCES, p.origin, language),
            }
            for p in _spread(points)
        ],
        "origins": sorted({p.origin for p in points}),
    }


def _runs(points: Sequence[Point], gap: timedelta) -> Iterator[tuple[str, list[Point]]]:
    """Yield lines: neighbours of one origin; no line crosses a silence longer than `gap`.

    A stretch is as sure as the less sure of its ends.
    """
    run: list[Point] = []
    kind = ""
    for one, two in pairwise(points):
        if two.at - one.at > gap:
            origin = ""
        else:
            origin = next((p.origin for p in (two, one) if p.origin not in SOLID), "measured")
        if run and origin == kind:
            run.append(two)
            continue
        if run:
            yield kind, run
        kind, run = origin, [one, two] if origin else []
    if run:
        yield kind, run


def _ticks(start: datetime, end: datetime) -> list[datetime]:
    """Return round times in Japan between two moments, few enough to be read."""
    step = next((s for s in TICKS if (end - start) / s <= MOST_TICKS), TICKS[-1])
    midnight = start.astimezone(JST).replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight + step * ceil((start - midnight) / step)
    found = []
    while moment <= end:
        found.append(moment)
        moment += step
    return found


def _spread(points: Sequence[Point]) -> list[Point]:
    """Return at most `ROWS` points, newest first, the newest and the published among them."""
    every = max(1, ceil(len(points) / ROWS))
    kept = list(points[::-1][::every])
    published = [p for p in points if p.origin == "published" and p not in kept]
    return sorted([*kept, *published], key=lambda point: point.at, reverse=True)
