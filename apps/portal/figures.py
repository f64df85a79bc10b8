"""The figures of a gauge's level in each span of a period, as the broker's history tells them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apps.portal.periods import Period
from broker.client import Client, Entity, NotFound, timestamp

LEVEL: Final = "waterLevel"
METHODS: Final = ("min", "avg", "max", "totalCount")


@dataclass(frozen=True, slots=True)
class Span:
    """The levels of one span in metres: the lowest, their mean, the highest, and how many."""

    start: datetime
    end: datetime
    low: float
    mean: float
    high: float
    count: int


async def figures(client: Client, station: str, period: Period) -> list[Span]:
    """Return the spans of a period in which a station told its level, the earliest first."""
    try:
        history = await client.history(
            station,
            attrs=LEVEL,
            timerel="between",
            timeAt=timestamp(period.start),
            endTimeAt=timestamp(period.end),
            aggrMethods=",".join(METHODS),
            aggrPeriodDuration=period.duration,
        )
    except NotFound:
        return []
    return spans_of(history)


def spans_of(history: Entity) -> list[Span]:
    """Return the spans of an aggregated history (§4.5.19), of the level's default instance."""
    told = history.get(LEVEL, {})
    groups = told if isinstance(told, list) else [told]
    group: Entity = next((one for one in groups if "datasetId" not in one), {})
    columns = [_by_start(group.get(method, ())) for method in METHODS]
    lows, means, highs, counts = columns
    return [
        Span(
            datetime.fromisoformat(start),
            datetime.fromisoformat(end),
            float(low),
            float(means[start][0]),
            float(highs[start][0]),
            int(counts[start][0]),
        )
        for start, (low, end) in lows.items()
        if start in means and isinstance(low, int | float)
    ]


def _by_start(told: Any) -> dict[str, tuple[Any, str]]:
    """Return the values of a method and where their spans end, by where they begin."""
    return {start: (figure, end) for figure, start, end in told}
