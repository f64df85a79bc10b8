"""What a request asks of history: time range, aggregation, representation (§4.11, §4.5.19)."""

from __future__ import annotations

from typing import Final

from broker.api import params
from broker.api.asked import Asked
from broker.api.paging import window as page_window
from broker.api.selection import narrow
from broker.api.view import shown_members
from broker.errors import BadRequestData, InvalidRequest
from broker.jsonld.context import Context
from broker.model.times import microseconds
from broker.query.ast import Path
from broker.query.faults import refuse
from broker.query.order import parse_order
from broker.query.temporal import Temporal, parse_temporal
from broker.store.history import TimeProperty, Which, Window
from broker.temporal import service
from broker.temporal.aggregates import METHODS
from broker.temporal.duration import WHOLE, parse_duration
from broker.temporal.render import Format, Look

MOST_LAST: Final = 1_000_000_000


def time_range(asked: Asked, *, required: bool) -> Window:
    """Return the time range a request asks for (§4.11); raises BadRequestData.

    Without a temporal query, an instance counts with the time it has.
    """
    last = None
    if "lastN" in asked:
        last = params.whole(asked, "lastN", 1, MOST_LAST)
        if last == 0:
            refuse(
                "lastN=0 asks for nothing.",
                place=asked.place("lastN"),
                remedy="Send lastN=1 or more, or leave it out.",
            )
    given = [name for name in ("timerel", "timeAt", "endTimeAt") if name in asked]
    if given or required:
        first = given[0] if given else "timerel"
        prefix = asked.place(first).removesuffix(first)
        temporal = parse_temporal(asked, place=prefix)
        if "endTimeAt" in asked and temporal.end is None:
            refuse(
                f"endTimeAt has no meaning with timerel={temporal.relation}.",
                place=asked.place("endTimeAt"),
                remedy="Send timerel=between, or leave endTimeAt out.",
            )
        return _bounded(temporal, last)
    named = asked.get("timeproperty")
    if named is None:
        return Window(last=last)
    if named not in list(TimeProperty):
        refuse(
            f"{named[:60]!r} is no temporal property.",
            place=asked.place("timeproperty"),
            remedy="Use one of " + ", ".join(TimeProperty) + ".",
        )
    return Window(TimeProperty(named), last=last)


def _bounded(temporal: Temporal, last: int | None) -> Window:
    at = microseconds(temporal.at)
    end = None if temporal.end is None else microseconds(temporal.end)
    start: int | None = at
    if temporal.relation == "before":
        start, end = None, at
    return Window(TimeProperty(temporal.property), start, end, last)


def look(asked: Asked, context: Context, window: Window) -> tuple[frozenset[str] | None, Look]:
    """Return the IRIs that `attrs` keeps, and how history is shown.

    Raises InvalidRequest and BadRequestData.
    """
    attrs, projection = shown_members(asked, context, 0)
    format_, sys_attrs = _format(asked)
    methods: tuple[str, ...] = ()
    period = WHOLE
    if format_ is Format.AGGREGATED:
        methods = _methods(asked)
        if "aggrPeriodDuration" in asked:
            place = asked.place("aggrPeriodDuration")
            period = parse_duration(asked["aggrPeriodDuration"], place=place)
    shown = Look(
        format_,
        sys_attrs,
        projection,
        window.timeproperty,
        params.languages(asked),
        methods,
        period,
        attrs is not None or projection.pick is not None,
    )
    return attrs, shown


def series(asked: Asked, attrs: frozenset[str] | None, shown: Look) -> Which:
    """Return the series that may be shown."""
    datasets = params.datasets(asked)
    picked = shown.projection.pick
    if picked is not None and picked <= _MEMBERS:
        picked = None
    named = attrs if attrs is not None else picked
    return Which(
        None if named is None else tuple(sorted(named - _MEMBERS)),
        None if datasets is None else tuple(sorted(datasets)),
    )


def entities(
    asked: Asked, context: Context, max_limit: int
) -> tuple[service.Query, tuple[int, int]]:
    """Return which entities are asked for, one more than fit on the page, and (limit, offset)."""
    where = narrow(asked, context, None, 0)
    limit, offset, count = page_window(asked, max_limit, "entities")
    descending = "orderBy" in asked and _descending(asked, context)
    return service.Query(where, limit + 1, offset, count, descending), (limit, offset)


_MEMBERS: Final = frozenset({"id", "type", "scope"})


def _format(asked: Asked) -> tuple[Format, bool]:
    tokens = params.options(asked, frozenset(Format) | {"sysAttrs"})
    named = sorted(tokens - {"sysAttrs"})
    if len(named) > 1:
        raise InvalidRequest(
            f"{' and '.join(named)} exclude each other.",
            place="query:options",
            remedy="Ask for one representation.",
        )
    found = Format(named[0]) if named else Format.NORMALIZED
    given = asked.get("format")
    if given is not None:
        if given not in list(Format):
            raise InvalidRequest(
                f"`{given}` is not a representation of history.",
                place="query:format",
                remedy="Use one of " + ", ".join(Format) + ".",
            )
        found = Format(given)
    if "aggrMethods" in asked and given is None and not named:
        found = Format.AGGREGATED
    return found, "sysAttrs" in tokens


def _methods(asked: Asked) -> tuple[str, ...]:
    place = asked.place("aggrMethods")
    methods = dict.fromkeys(part.strip() for part in asked.get("aggrMethods", "").split(","))
    unknown = [method for method in methods if method not in METHODS]
    if unknown:
        raise BadRequestData(
            f"aggrMethods names {unknown[0][:60]!r}, which is no method of aggregation."
            if "aggrMethods" in asked
            else "Aggregated values need aggrMethods.",
            place=place,
            remedy="Use some of " + ", ".join(METHODS) + ", separated by commas.",
        )
    return tuple(methods)


def _descending(asked: Asked, context: Context) -> bool:
    """Return whether the order is turned round; history has no order but that by id (§5.7.4.4)."""
    orders = parse_order(
        asked["orderBy"], context.expand, collation=asked.get("collation"), place_of=asked.place
    )
    if [order.path for order in orders] != [Path((), "id")]:
        refuse(
            "History is ordered by id only.",
            place=asked.place("orderBy"),
            remedy="Send orderBy=id or orderBy=id;desc, or leave it out.",
        )
    return orders[0].descending
