"""The curve of a station's level over any period, from figures of its spans. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from apps.portal.figures import Span
from apps.portal.periods import Period
from apps.portal.plot import Plot, plot_of
from apps.portal.texts import name_of
from apps.portal.times import JST, local_time
from broker.client import Entity, value

DAY: Final = timedelta(days=1)
TICKS: Final = (
    *(timedelta(minutes=minutes) for minutes in (5, 10, 30, 60, 120, 180, 360, 720)),
    *(timedelta(days=days) for days in (1, 2, 5, 7, 14)),
)
MONTHS: Final = (1, 2, 3, 6, 12, 24, 60, 120, 600)
MONTH: Final = timedelta(days=30)
MOST_TICKS: Final = 6
"""As many as a phone has room for."""


def period_curve(
    station: Entity, spans: Sequence[Span], period: Period, language: str
) -> dict[str, Any]:
    """Return the drawing: means as lines, lowest to highest as an area, thresholds, table rows."""
    plot = plot_of(station, period.start, period.end, [span.high for span in spans])
    silence = max(2 * period.step, timedelta(seconds=int(value(station, "staleAfterSeconds", 0))))
    runs = list(_runs(spans, silence))
    highest = max(spans, key=lambda span: span.high, default=None)
    lowest = min(spans, key=lambda span: span.low, default=None)
    return {
        "name": name_of(station, "name", language),
        **plot.axes(),
        "ticks": [
            {"x": plot.x(at), "text": text}
            for at, text in _ticks(period.start, period.end, language)
        ],
        "lines": [_path(plot, [(_middle(s), s.mean) for s in run]) for run in runs if len(run) > 1],
        "areas": [_area(plot, run) for run in runs],
        "dots": [
            {"x": plot.x(_middle(run[0])), "y": plot.y(run[0].mean)}
            for run in runs
            if len(run) == 1
        ],
        "highest": highest and _extreme(highest, highest.high),
        "lowest": lowest and _extreme(lowest, lowest.low),
        "count": sum(span.count for span in spans),
        "rows": [
            {
                "at": _shown(span.start),
                "low": f"{span.low:.2f}",
                "mean": f"{span.mean:.2f}",
                "high": f"{span.high:.2f}",
                "count": span.count,
            }
            for span in reversed(spans)
        ],
    }


def _runs(spans: Sequence[Span], silence: timedelta) -> Iterator[list[Span]]:
    """Yield neighbours that no silence parts."""
    run = list(spans[:1])
    for one, two in pairwise(spans):
        if two.start - one.start > silence:
            yield run
            run = []
        run.append(two)
    if run:
        yield run


def _area(plot: Plot, run: Sequence[Span]) -> str:
    """Return the area from the lowest to the highest levels: whole spans, one for each."""
    above = [(at, span.high) for span in run for at in (span.start, span.end)]
    below = [(at, span.low) for span in run for at in (span.start, span.end)]
    return _path(plot, [*above, *reversed(below)]) + "Z"


def _path(plot: Plot, points: Sequence[tuple[datetime, float]]) -> str:
    return "M" + "L".join(f"{plot.x(min(at, plot.end))} {plot.y(level)}" for at, level in points)


def _middle(span: Span) -> datetime:
    return span.start + (span.end - span.start) / 2


def _extreme(span: Span, level: float) -> dict[str, str]:
    return {"level": f"{level:.2f} m", "at": _shown(span.start)}


def _shown(at: datetime) -> str:
    """Return where a span begins, in Japan's time to the minute."""
    return local_time(at)[:16]


def _ticks(start: datetime, end: datetime, language: str) -> list[tuple[datetime, str]]:
    """Return round moments in Japan's time, few enough to be read, and how they are written."""
    length = end - start
    midnight = start.astimezone(JST).replace(hour=0, minute=0, second=0, microsecond=0)
    step = next((step for step in TICKS if length / step <= MOST_TICKS), None)
    if step is None:
        months = next((n for n in MONTHS if length / (n * MONTH) <= MOST_TICKS + 1), MONTHS[-1])
        return [(at, _month(at, language)) for at in _firsts(midnight, end, months) if at >= start]
    count = (end - midnight) // step
    moments = [midnight + step * number for number in range(count + 1)]
    return [(at, _time(at)) for at in moments if at >= start]


def _firsts(begin: datetime, end: datetime, months: int) -> Iterator[datetime]:
    """Yield the first days of every so many months, those of Januaries among them."""
    number = (begin.year * 12 + begin.month - 1) // months * months
    while (at := begin.replace(year=number // 12, month=number % 12 + 1, day=1)) <= end:
        yield at
        number += months


def _time(at: datetime) -> str:
    return f"{at:%H:%M}" if at.hour or at.minute else f"{at:%m-%d}"


def _month(at: datetime, language: str) -> str:
    if at.month == 1:
        return f"{at.year}年" if language == "ja" else str(at.year)
    return f"{at.month}月" if language == "ja" else f"{at:%b}"
