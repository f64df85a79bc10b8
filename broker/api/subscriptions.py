"""`/subscriptions` and `/subscriptions/{id}` (§6.10, §6.11)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson

from broker.api import paging, params
from broker.api.body import json_and_context, link_context
from broker.api.broker import Broker
from broker.api.contexts import linked
from broker.api.request import Request
from broker.api.response import JSON, LD, Headers, Response, no_content
from broker.api.view import applied, context_link, version_asked
from broker.jsonld.context import Context
from broker.store.outbox import StoredSubscription
from broker.subscriptions.service import is_owner
from broker.subscriptions.show import shown

PATH = "/ngsi-ld/v1/subscriptions/"
_OPTIONS = frozenset({"sysAttrs"})


async def create(broker: Broker, request: Request) -> Response:
    """Create a subscription."""
    value, context = await json_and_context(broker, request)
    context = await linked(broker, request, context, create_tenant=True)
    stored = await broker.subscriptions.create(request.caller, request.tenant, value, context)
    where = PATH + quote(stored.id, safe=":@!$&'()*+,;=~")
    return Response(201, b"", [(b"location", where.encode())])


async def retrieve(broker: Broker, request: Request) -> Response:
    """Return one subscription."""
    context = await link_context(broker, request)
    options = params.options(request.query, _OPTIONS)
    await broker.delivery.settled()
    stored = await broker.subscriptions.retrieve(request.caller, request.tenant, request.path[0])
    told = _told(broker, request, stored, context, options)
    return Response(200, orjson.dumps(told), _headers(request, context))


async def query(broker: Broker, request: Request) -> Response:
    """Return a page of subscriptions, in order of creation."""
    context = await link_context(broker, request)
    options = params.options(request.query, _OPTIONS)
    limit, offset, count = paging.window(request.query, broker.settings.max_limit, "subscriptions")
    await broker.delivery.settled()
    found, total = await broker.subscriptions.page(request.caller, request.tenant, offset, limit)
    told = [_told(broker, request, stored, context, options) for stored in found]
    headers = _headers(request, context)
    if count:
        headers.append((b"ngsild-results-count", str(total).encode()))
    more = offset + limit < total
    headers += paging.links(request, request.media, limit, offset, more)
    return Response(200, orjson.dumps(told), headers)


async def update(broker: Broker, request: Request) -> Response:
    """Change members of a subscription."""
    value, context = await json_and_context(broker, request)
    await broker.subscriptions.update(
        request.caller, request.tenant, request.path[0], value, context
    )
    return no_content()


async def delete(broker: Broker, request: Request) -> Response:
    """Delete a subscription."""
    await link_context(broker, request)
    await broker.subscriptions.delete(request.caller, request.tenant, request.path[0])
    return no_content()


def _told(
    broker: Broker,
    request: Request,
    stored: StoredSubscription,
    context: Context,
    options: frozenset[str],
) -> dict[str, Any]:
    told = shown(
        stored,
        context,
        broker.clock(),
        sys_attrs="sysAttrs" in options,
        secrets=is_owner(request.caller, stored),
    )
    if request.media == LD:
        told["@context"] = context.source
    return told


def _headers(request: Request, context: Context) -> Headers:
    headers: Headers = [(b"content-type", request.media)]
    if request.media == JSON:
        headers.append((b"link", context_link(context)))
    version = version_asked(request)
    if version is not None:
        headers.append(applied(version))
    return headers
