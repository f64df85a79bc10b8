"""Figures of histories out of the store, which has most of them without reading instances."""

from __future__ import annotations

from collections.abc import Sequence

from broker.store.history import Aggregated, History, Which, Window
from broker.temporal.aggregates import Periods
from broker.temporal.evolution import expired
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
    extent = await history.extent(tenant, ids, which, window)
    if extent is None:
        return {}
    periods = periods_of(*extent, look, window)
    last = periods.index(extent[1])
    if last >= MOST_PERIODS:
        return {
            one: await _read(history, tenant, one, which, window, periods, look, now) for one in ids
        }
    bounds = [periods.origin, extent[1] + 1] if look.period.whole else periods.bounds(last)
    found: dict[str, Figures] = {}
    aggregated = await history.aggregate(tenant, ids, bounds, which, window)
    for one, all_series in aggregated.items():
        figures = found.setdefault(one, {})
        others = {
            series.attribute: None
            for series in all_series
            if not _add(figures, series, periods, look)
        }
        if others:
            rest = Which(tuple(others), which.datasets)
            figures |= await _read(history, tenant, one, rest, window, periods, look, now)
    return found


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
        told = [
            (series.dataset, one)
            for one in series.moments
            if one.deleted is None and not expired(one, now)
        ]
        if told:
            figures.setdefault(series.attribute, []).extend(of_told(told, periods, look))
    return figures
