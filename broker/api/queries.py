"""`GET /entities` and `POST /entityOperations/query`: pages of entities (§5.7.2, §6.4, §6.23)."""

from __future__ import annotations

from broker.api import paging, show
from broker.api.asked import Asked, from_query
from broker.api.body import json_and_context, link_context
from broker.api.broker import Broker
from broker.api.contexts import linked
from broker.api.request import Request
from broker.api.response import LD, Response
from broker.api.selection import page_query
from broker.jsonld.context import Context


async def query(broker: Broker, request: Request) -> Response:
    """Return a page of the entities that URL parameters select."""
    context = await link_context(broker, request)
    return await _page(broker, request, Asked(request.query), context)


async def query_by_post(broker: Broker, request: Request) -> Response:
    """Return a page of the entities that a Query in the body selects."""
    value, context = await json_and_context(broker, request)
    if request.media != LD:
        context = await linked(broker, request, context)
    return await _page(broker, request, from_query(value, request.query), context)


async def _page(broker: Broker, request: Request, asked: Asked, context: Context) -> Response:
    view, one_more = page_query(request, asked, context, broker.settings.max_limit)
    limit = one_more.limit - 1
    generation = broker.rendered.generation
    picker = show.picker(broker, request, view)
    shown = None if one_more.count else limit
    page = await broker.entities.query(request.caller, request.tenant, one_more, picker, shown)
    records = page.records[:limit]
    response = await show.many(broker, request, view, records, picker, generation)
    if page.total is not None:
        response.headers.append((b"ngsild-results-count", str(page.total).encode()))
    more = len(page.records) > limit
    if one_more.after is None:
        response.headers += paging.links(request, view.media, limit, one_more.offset, more)
    else:
        last = records[-1].id if more and records else None
        response.headers += paging.next_link(request, view.media, limit, last)
    return response
