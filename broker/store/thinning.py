"""Many moments of a period become one (pure). Used by every engine, on its own kind of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from broker.store.buckets import Counted, Tally, mean_of
from broker.store.history import Resampled


class Thinnable(Counted, Protocol):
    """What is needed of a moment to thin it out."""

    @property
    def time(self) -> int: ...


R = TypeVar("R", bound=Thinnable)
Group = tuple[int, bool]
"""Where a period begins, and whether its moments were observed."""


def thin(
    moments: Iterable[R],
    period: int,
    observed: Callable[[R], bool | None],
    merge: Callable[[list[R], int, Resampled], R],
) -> list[R]:
    """Return moments, in order of time, with one for each period.

    `observed` tells the two kinds of moments apart, None for those that stay as they are;
    `merge` makes one of several, of the beginning of their period and their figures.
    """
    groups: dict[Group, list[R]] = {}
    kept: list[R] = []
    for moment in moments:
        kind = observed(moment)
        if kind is None:
            kept.append(moment)
        else:
            groups.setdefault((moment.time // period * period, kind), []).append(moment)
    for (start, _), group in groups.items():
        settled = group[0].resampled
        if len(group) == 1 and settled is not None and settled.period >= period:
            kept += group
        else:
            kept.append(merge(group, start, _figures(group, period)))
    return kept


def _figures(group: Sequence[Thinnable], period: int) -> Resampled:
    tally = Tally()
    for moment in group:
        tally.add(moment.number, moment.resampled)
    mean = mean_of(group, tally)
    return Resampled(period, tally.count, tally.numbers, tally.minimum, mean, tally.maximum)
