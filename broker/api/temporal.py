"""`/temporal/entities` and below: the history of entities (§6.18 to §6.22, §6.24)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from broker.api import paging, params, temporal_asked
from broker.api.asked import Asked, from_query
from broker.api.body import json_and_context, link_context
from broker.api.broker import Broker
from broker.api.contexts import linked
from broker.api.request import Request
from broker.api.response import LD, Response, no_content
from broker.api.view import plain_view
from broker.errors import ResourceNotFound
from broker.jsonld.context import Context
from broker.model.entity import DEFAULT
from broker.model.names import check_attribute_name, check_dataset, check_entity_id, check_uri
from broker.model.times import timestamp
from broker.store.history import SCOPE, TimeProperty, Which, Window
from broker.temporal import service
from broker.temporal.body import parse_evolution, parse_more, parse_replacement
from broker.temporal.evolution import Cut, Evolution, size
from broker.temporal.figures import document
from broker.temporal.render import Format, Look, render

BASE = "/ngsi-ld/v1/temporal/entities/"


async def retrieve(broker: Broker, request: Request) -> Response:
    """Return the history of one entity (§5.7.3)."""
    context = await link_context(broker, request)
    asked = Asked(request.query)
    params.check_elsewhere(asked)
    entity_id = check_entity_id(request.path[0], "path:entityId")
    window = temporal_asked.time_range(asked, required=False)
    attrs, look = temporal_asked.look(asked, context, window)
    which = temporal_asked.series(asked, attrs, look)
    wanted = _wanted(broker, which, window, look)
    who = request.caller, request.tenant, entity_id
    found = await broker.past.retrieve(*who, wanted)
    part = await _part(broker, request, [found], wanted, look)
    empty = part is None and not any(found.attributes.values())
    missing = attrs is not None and (found.bare or empty)
    if missing and not await broker.past.has(*who, which):
        raise _nothing(entity_id, "query:attrs")
    (shown,) = await _documents(broker, request, [found], wanted, context, look)
    if not shown:
        raise _nothing(entity_id, "query:pick" if "pick" in asked else "query:omit")
    view = plain_view(context, request.media)
    return _answer(view.text(shown), view.headers(), part, window)


async def query(broker: Broker, request: Request) -> Response:
    """Return a page of the histories that URL parameters select (§5.7.4)."""
    context = await link_context(broker, request)
    return await _page(broker, request, Asked(request.query), context)


async def query_by_post(broker: Broker, request: Request) -> Response:
    """Return a page of the histories that a Query in the body selects."""
    value, context = await json_and_context(broker, request)
    if request.media != LD:
        context = await linked(broker, request, context)
    asked = from_query(value, request.query, temporal=True)
    return await _page(broker, request, asked, context)


async def _page(broker: Broker, request: Request, asked: Asked, context: Context) -> Response:
    params.check_elsewhere(asked)
    window = temporal_asked.time_range(asked, required=True)
    attrs, look = temporal_asked.look(asked, context, window)
    wanted = _wanted(broker, temporal_asked.series(asked, attrs, look), window, look)
    entities, (limit, offset) = temporal_asked.entities(asked, context, broker.settings.max_limit)
    page = await broker.past.query(request.caller, request.tenant, entities, wanted)
    shown = page.evolutions[:limit]
    part = await _part(broker, request, shown, wanted, look)
    view = plain_view(context, request.media)
    documents = await _documents(broker, request, shown, wanted, context, look)
    body = b"[" + b",".join(view.text(one) for one in documents if one) + b"]"
    response = _answer(body, view.headers(), part, window)
    if page.total is not None:
        response.headers.append((b"ngsild-results-count", str(page.total).encode()))
    more = len(page.evolutions) > limit
    response.headers += paging.links(request, view.media, limit, offset, more)
    return response


async def upsert(broker: Broker, request: Request) -> Response:
    """Add to the history of an entity, or begin one (§5.6.11)."""
    value, context = await json_and_context(broker, request)
    entity_id, told = parse_evolution(value, context)
    if not await broker.amendments.upsert(request.caller, request.tenant, entity_id, told):
        return no_content()
    where = BASE + quote(entity_id, safe=":@!$&'()*+,;=~")
    return Response(201, b"", [(b"location", where.encode())])


async def delete(broker: Broker, request: Request) -> Response:
    """Remove the history of an entity (§5.6.16)."""
    entity_id = check_entity_id(request.path[0], "path:entityId")
    await link_context(broker, request)
    await broker.amendments.delete(request.caller, request.tenant, entity_id)
    return no_content()


async def append(broker: Broker, request: Request) -> Response:
    """Add instances to the history of an entity (§5.6.12)."""
    entity_id = check_entity_id(request.path[0], "path:entityId")
    value, context = await json_and_context(broker, request)
    told = parse_more(value, context)
    await broker.amendments.append(request.caller, request.tenant, entity_id, told)
    return no_content()


async def delete_attribute(broker: Broker, request: Request) -> Response:
    """Remove an attribute from the history of an entity (§5.6.13)."""
    entity_id, name = _attribute_of(request)
    context = await link_context(broker, request)
    dataset: str | None = check_dataset(request.query.get("datasetId", DEFAULT), "query:datasetId")
    if params.boolean(request.query, "deleteAll"):
        dataset = None
    await broker.amendments.delete_attribute(
        request.caller, request.tenant, entity_id, _expanded(name, context), dataset
    )
    return no_content()


async def modify_instance(broker: Broker, request: Request) -> Response:
    """Replace one instance (§5.6.14)."""
    entity_id, name = _attribute_of(request)
    instance_id = _instance_of(request)
    value, context = await json_and_context(broker, request)
    fact = parse_replacement(_expanded(name, context), name, value, context)
    await broker.amendments.modify(request.caller, request.tenant, entity_id, instance_id, fact)
    return no_content()


async def delete_instance(broker: Broker, request: Request) -> Response:
    """Remove one instance (§5.6.15)."""
    entity_id, name = _attribute_of(request)
    instance_id = _instance_of(request)
    context = await link_context(broker, request)
    await broker.amendments.delete_instance(
        request.caller, request.tenant, entity_id, _expanded(name, context), instance_id
    )
    return no_content()


def _wanted(broker: Broker, which: Which, window: Window, look: Look) -> service.Asked:
    """Return what has to be read: where instances are shown, no more than fit in an answer."""
    if look.format is not Format.AGGREGATED:
        return service.Asked(which, window, broker.settings.max_instances + 1)
    timed = window.timeproperty not in (None, TimeProperty.DELETED)
    bare = timed and window.last is None and "distinctCount" not in look.methods
    return service.Asked(which, window, bare=bare)


async def _part(
    broker: Broker,
    request: Request,
    shown: Sequence[Evolution],
    wanted: service.Asked,
    look: Look,
) -> Cut | None:
    """Leave of histories what fits in an answer; tell what part of time that is."""
    if look.format is Format.AGGREGATED:
        return None
    most = broker.settings.max_instances
    return await broker.past.part(request.caller, request.tenant, shown, wanted, most)


async def _documents(
    broker: Broker,
    request: Request,
    shown: Sequence[Evolution],
    wanted: service.Asked,
    context: Context,
    look: Look,
) -> list[dict[str, Any]]:
    """Return each history in the representation that is asked for.

    More instances of one time than else fit in an answer are rendered in a thread.
    """
    if look.format is not Format.AGGREGATED:

        def rendered() -> list[dict[str, Any]]:
            return [render(one, context, look, wanted.window) for one in shown]

        if sum(map(size, shown)) <= broker.settings.max_instances:
            return rendered()
        return await asyncio.to_thread(rendered)
    figures = await broker.past.figures(request.tenant, shown, wanted, look)
    return [document(one, its, context, look) for one, its in zip(shown, figures, strict=True)]


def _answer(
    body: bytes, headers: list[tuple[bytes, bytes]], part: Cut | None, window: Window
) -> Response:
    """Return 200, or 206 with the time range that is in the answer (§6.3.10)."""
    if part is None:
        return Response(200, body, headers)
    if window.last is None:
        start = part.earliest if window.start is None else window.start
        stop, size = part.latest, "*"
    else:
        start = part.latest if window.end is None else window.end
        stop, size = part.earliest, str(window.last)
    said = f"date-time {timestamp(start)}-{timestamp(stop)}/{size}"
    headers.append((b"content-range", said.encode()))
    return Response(206, body, headers)


def _attribute_of(request: Request) -> tuple[str, str]:
    """Return entity and attribute of the path; `scope` is the scope's history."""
    entity_id = check_entity_id(request.path[0], "path:entityId")
    name = request.path[1]
    return entity_id, name if name == "scope" else check_attribute_name(name, "path:attrId")


def _expanded(name: str, context: Context) -> str:
    return SCOPE if name == "scope" else context.expand(name)


def _instance_of(request: Request) -> str:
    example = "urn:ngsi-ld:instance:1"
    return check_uri(request.path[2], "path:instanceId", "An instanceId", example)


def _nothing(entity_id: str, place: str) -> ResourceNotFound:
    return ResourceNotFound(
        f"The history of {entity_id} has nothing of what is asked for.",
        place=place,
        remedy="Check the names and the @context they are expanded with.",
    )
