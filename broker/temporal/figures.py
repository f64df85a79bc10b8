"""The aggregated representation of a history, from its instances (§4.5.19, pure)."""

from __future__ import annotations

from typing import Any

from broker.errors import InvalidRequest
from broker.model.names import Names
from broker.store.history import Window
from broker.temporal.aggregates import Periods
from broker.temporal.evolution import Evolution, time_of
from broker.temporal.render import Look, aggregated, frame, latest_scope


def aggregated_evolution(
    evolution: Evolution, context: Names, look: Look, window: Window
) -> dict[str, Any]:
    """Return a history in figures.

    Periods follow each other from where the time range begins, or else from the entity's earliest
    instance. An attribute that none of the methods is defined for is left out; where the request
    names it, it is an error: raises InvalidRequest.
    """
    shown = frame(evolution.head, context, look)
    scope = latest_scope(evolution.scopes)
    if scope is not None and look.projection.shows("scope"):
        shown["scope"] = scope
    periods = periods_of(evolution, look, window)
    for iri, told in evolution.attributes.items():
        if not look.projection.shows(iri) or not told or periods is None:
            continue
        name = context.compact(iri)
        found = aggregated(told, periods, look)
        if found is not None:
            shown[name] = found
        elif look.named:
            raise InvalidRequest(
                f"None of {', '.join(look.methods)} is defined for the values of {name}.",
                place="query:aggrMethods",
                remedy="Use totalCount or distinctCount, or leave the attribute out.",
            )
    return shown


def periods_of(evolution: Evolution, look: Look, window: Window) -> Periods | None:
    """Return the periods of a history, None where it has no instances."""
    times = [
        time_of(moment, look.timeproperty) or 0
        for told in evolution.attributes.values()
        for _, moment in told
        if moment.deleted is None
    ]
    if not times:
        return None
    origin = min(times) if window.start is None else window.start
    return Periods(origin, max(times) if window.end is None else window.end, look.period)
