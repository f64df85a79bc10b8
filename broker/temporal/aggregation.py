"""Figures of histories out of the store, which has most of them without reading instances."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from broker.store.history import Aggregated, History, Moment, Which, Window
from broker.temporal.aggregates import Periods
from broker.temporal.evolution import expired, time_of
from broker.temporal.figures import MOST_PERIODS, Figures, of_buckets, of_told, periods_of
from broker.temporal.render import Look


async def from_store(
    history: History,
    tenant: str,
    ids: Sequence[str],
    which: Which,
    window: Window,
    look: Look,
    now: int,
) -> dict[str, Figures]:
    """Return the figures of entities' series in a time range; not for `distinctCount`.

    `which` leaves scopes out, and the window has a time property that deletions lack. Instances
    are read of series that hold other things than numbers, and where there are too many periods
    to ask for.
    """
    if window.start is not None:
        return await _together(history, tenant, ids, which, window, look, now)
    found: dict[str, Figures] = {}
    for one in ids:
        found |= await _together(history, tenant, [one], which, window, look, now)
    return found


async def _together(
    history: History,
    tenant: str,
    ids: Sequence[str],
    which: Which,
    window: Window,
    look: Look,
    now: int,
) -> dict[str, Figures]:
    """Return the figures of entities whose periods begin at one time."""
    if window.start is None or (look.period.whole and window.end is None):
        extents = await _living_extents(history, tenant, ids, which, window, now)
    else:
        extent = await history.extent(tenant, ids, which, window)
        extents = {} if extent is None else dict.fromkeys(ids, extent)
    if not extents:
        return {}
    periods = {one: periods_of(*extent, look, window) for one, extent in extents.items()}
    longest = max(periods, key=lambda one: extents[one][1])
    latest, common = extents[longest][1], periods[longest]
    last = common.index(latest)
    if last >= MOST_PERIODS:
        return {
            one: await _read(history, tenant, one, which, window, its, look, now)
            for one, its in periods.items()
        }
    bounds = [common.origin, latest + 1] if look.period.whole else common.bounds(last)
    found: dict[str, Figures] = {}
    aggregated = await history.aggregate(tenant, list(periods), bounds, which, window)
    for one, all_series in aggregated.items():
        figures = found.setdefault(one, {})
        others = {
            series.attribute: None
            for series in all_series
            if not _add(figures, series, periods[one], look)
        }
        if others:
            rest = Which(tuple(others), which.datasets)
            figures |= await _read(history, tenant, one, rest, window, periods[one], look, now)
    return found


async def _living_extents(
    history: History, tenant: str, ids: Sequence[str], which: Which, window: Window, now: int
) -> dict[str, tuple[int, int]]:
    """Return the earliest and the latest time of what counts, of each entity that has any.

    What begins or ends with an instance that does not count is read whole.
    """
    times: dict[str, list[int]] = {}
    unsure: dict[str, dict[str, None]] = {}
    for ends in (window, replace(window, last=1)):
        read = await history.read(tenant, ids, which, ends, limit=1)
        for one, every in read.items():
            for series in every:
                living = _living(series.moments, now)
                times.setdefault(one, []).extend(_times(living, window))
                if not living:
                    unsure.setdefault(one, {})[series.attribute] = None
    for one, attributes in unsure.items():
        rest = Which(tuple(attributes), which.datasets)
        read = await history.read(tenant, [one], rest, window)
        for series in read.get(one, ()):
            times[one].extend(_times(_living(series.moments, now), window))
    return {one: (min(some), max(some)) for one, some in times.items() if some}


def _living(moments: Iterable[Moment], now: int) -> list[Moment]:
    """Return the instances that count in figures."""
    return [one for one in moments if one.deleted is None and not expired(one, now)]


def _times(moments: Iterable[Moment], window: Window) -> list[int]:
    return [time_of(one, window.timeproperty) or 0 for one in moments]


def _add(figures: Figures, series: Aggregated, periods: Periods, look: Look) -> bool:
    """Add a series of numbers to the figures; False where it holds other things."""
    shown = of_buckets(series, periods, look)
    if shown is not None:
        figures.setdefault(series.attribute, []).append(shown)
    return shown is not None


async def _read(
    history: History,
    tenant: str,
    entity_id: str,
    which: Which,
    window: Window,
    periods: Periods,
    look: Look,
    now: int,
) -> Figures:
    """Return the figures of an entity's series by reading their instances."""
    read = await history.read(tenant, [entity_id], which, window)
    figures: Figures = {}
    for series in read.get(entity_id, ()):
        told = [(series.dataset, one) for one in _living(series.moments, now)]
        if told:
            figures.setdefault(series.attribute, []).extend(of_told(told, periods, look))
    return figures
