"""The aggregated representation of a history (§4.5.19, pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from broker.errors import InvalidRequest
from broker.model.entity import DEFAULT
from broker.model.names import Names
from broker.model.times import timestamp
from broker.store.buckets import Tally, mean_of
from broker.store.history import Aggregated, Moment, Window
from broker.temporal.aggregates import (
    OF_NUMBERS,
    Family,
    Periods,
    compute,
    eligible,
    family_of,
    tells_deviation,
    tells_mean,
)
from broker.temporal.duration import LAST
from broker.temporal.evolution import Evolution, Told, by_dataset, time_of
from broker.temporal.render import Look, frame, latest_scope

Figures: TypeAlias = dict[str, list[dict[str, Any]]]
"""Attribute → the figures of its series. It is there, without any, where no method is defined."""

MOST_PERIODS: Final = 20_000
"""Periods that a store is asked to fill; with more of them, instances are put into them here."""


def document(evolution: Evolution, figures: Figures, context: Names, look: Look) -> dict[str, Any]:
    """Return a history in figures.

    An attribute that none of the methods is defined for is left out; where the request names
    it, it is an error: raises InvalidRequest.
    """
    shown = frame(evolution.head, context, look)
    scope = latest_scope(evolution.scopes)
    if scope is not None and look.projection.shows("scope"):
        shown["scope"] = scope
    for iri, series in figures.items():
        if not look.projection.shows(iri):
            continue
        name = context.compact(iri)
        if series:
            shown[name] = series[0] if len(series) == 1 else series
        elif look.named:
            raise InvalidRequest(
                f"None of {', '.join(look.methods)} is defined for the values of {name}.",
                place="query:aggrMethods",
                remedy="Use totalCount or distinctCount, or leave the attribute out.",
            )
    return shown


def of_instances(evolution: Evolution, look: Look, window: Window) -> Figures:
    """Return the figures of an evolution's instances.

    Periods follow each other from where the time range begins, or else from the earliest
    instance.
    """
    living = {
        iri: [each for each in told if each[1].deleted is None]
        for iri, told in evolution.attributes.items()
    }
    times = [
        time_of(moment, look.timeproperty) or 0 for told in living.values() for _, moment in told
    ]
    if not times:
        return {}
    periods = periods_of(min(times), max(times), look, window)
    return {iri: of_told(told, periods, look) for iri, told in living.items() if told}


def periods_of(earliest: int, latest: int, look: Look, window: Window) -> Periods:
    """Return the periods of what lies between two times, in a time range."""
    origin = earliest if window.start is None else window.start
    return Periods(origin, latest if window.end is None else window.end, look.period)


def of_told(told: Iterable[Told], periods: Periods, look: Look) -> list[dict[str, Any]]:
    """Return the figures of instances of one attribute, that are no deletions, by dataset."""
    shown = []
    for dataset, moments in by_dataset(told):
        family = family_of(moment.instance for moment in moments)
        methods = eligible(family, look.methods)
        if methods:
            filled = _filled(moments, periods, look)
            rows = {
                method: {at: _figure(method, family, some) for at, some in filled.items()}
                for method in methods
            }
            shown.append(_series(dataset, family, rows, periods))
    return shown


def _figure(method: str, family: Family, moments: Sequence[Moment]) -> Any:
    """Return the figure of instances; what was made of several counts as all of them."""
    if method == "distinctCount":
        return compute(method, family, [moment.instance for moment in moments])
    if method == "totalCount":
        return sum(1 if one.resampled is None else one.resampled.count for one in moments)
    alone = all(moment.resampled is None for moment in moments)
    if any(moment.number is None for moment in moments) or (method == "stddev" and alone):
        return compute(method, family, [moment.instance for moment in moments])
    tally = Tally()
    for moment in moments:
        tally.add(moment.number, moment.resampled)
    if method == "avg":
        return mean_of(moments, tally)
    return OF_NUMBERS[method](tally.bucket(0, 0))


def of_buckets(series: Aggregated, periods: Periods, look: Look) -> dict[str, Any] | None:
    """Return the figures of a series of numbers.

    None where not all of it is numbers, or what is asked for has to be made of the numbers
    themselves.
    """
    buckets = series.buckets
    if any(bucket.count != bucket.numbers for bucket in buckets):
        return None
    if "avg" in look.methods and not all(map(tells_mean, buckets)):
        return None
    if "stddev" in look.methods and not all(map(tells_deviation, buckets)):
        return None
    shown = _head(series.dataset, Family.NUMBER)
    if look.period.whole:
        spans = [(timestamp(periods.origin), timestamp(periods.end))]
    else:
        spans = [(timestamp(one.start), timestamp(min(one.end, LAST))) for one in buckets]
    for method in look.methods:
        figure = OF_NUMBERS[method]
        shown[method] = [
            [figure(bucket), start, stop]
            for bucket, (start, stop) in zip(buckets, spans, strict=True)
        ]
    return shown


def _filled(moments: Sequence[Moment], periods: Periods, look: Look) -> dict[int, list[Moment]]:
    filled: dict[int, list[Moment]] = {}
    for moment in moments:
        at = time_of(moment, look.timeproperty)
        filled.setdefault(periods.index(at or 0), []).append(moment)
    return filled


def _head(dataset: str, family: Family) -> dict[str, Any]:
    relationship = family is Family.RELATIONSHIP
    shown: dict[str, Any] = {"type": "Relationship" if relationship else "Property"}
    if dataset != DEFAULT:
        shown["datasetId"] = dataset
    return shown


def _series(
    dataset: str, family: Family, rows: Mapping[str, Mapping[int, Any]], periods: Periods
) -> dict[str, Any]:
    """Return one series: by method [figure, start, end] of each period that has any."""
    shown = _head(dataset, family)
    indexes = sorted(next(iter(rows.values())))
    bounds = [(timestamp(periods.start(at)), timestamp(periods.stop(at))) for at in indexes]
    for method, figures in rows.items():
        shown[method] = [
            [figures[at], start, stop] for at, (start, stop) in zip(indexes, bounds, strict=True)
        ]
    return shown
