"""`/subscriptions` and `/csourceSubscriptions`, and `/{id}` below each (§6.10 to §6.13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

from broker.api import paging, params
from broker.api.body import json_and_context, link_context
from broker.api.broker import Broker
from broker.api.contexts import linked
from broker.api.made import check_made
from broker.api.registrations import headers
from broker.api.request import Request
from broker.api.response import LD, Response, no_content
from broker.jsonld.context import Context
from broker.store.outbox import StoredSubscription
from broker.subscriptions.parse import NULL
from broker.subscriptions.service import Subscriptions, is_owner
from broker.subscriptions.show import shown

_OPTIONS = frozenset({"sysAttrs"})


@dataclass(frozen=True, slots=True)
class Handlers:
    """The operations on subscriptions of one kind, below `path`."""

    path: str
    service: Callable[[Broker], Subscriptions]

    async def create(self, broker: Broker, request: Request) -> Response:
        """Create a subscription."""
        value, context = await json_and_context(broker, request)
        await check_made(broker, request)
        context = await linked(broker, request, context, create_tenant=True)
        service = self.service(broker)
        stored = await service.create(request.caller, request.tenant, value, context)
        where = self.path + "/" + quote(stored.id, safe=":@!$&'()*+,;=~")
        return Response(201, b"", [(b"Location", where.encode())])

    async def retrieve(self, broker: Broker, request: Request) -> Response:
        """Return one subscription."""
        context = await link_context(broker, request)
        options = params.options(request.query, _OPTIONS)
        service = self.service(broker)
        stored = await service.retrieve(request.caller, request.tenant, request.path[0])
        await broker.delivery.caught_up(stored.sid)
        stored = await service.retrieve(request.caller, request.tenant, request.path[0])
        told = _told(broker, request, stored, context, options)
        return Response(200, orjson.dumps(told), headers(request, context))

    async def query(self, broker: Broker, request: Request) -> Response:
        """Return a page of subscriptions, in order of creation."""
        context = await link_context(broker, request)
        options = params.options(request.query, _OPTIONS)
        most = broker.settings.max_limit
        limit, offset, count = paging.window(request.query, most, "subscriptions")
        service = self.service(broker)
        found, total = await service.page(request.caller, request.tenant, offset, limit)
        told = [_told(broker, request, stored, context, options) for stored in found]
        fields = headers(request, context)
        if count:
            fields.append((b"ngsild-results-count", str(total).encode()))
        more = offset + limit < total
        fields += paging.links(request, request.media, limit, offset, more)
        return Response(200, orjson.dumps(told), fields)

    async def update(self, broker: Broker, request: Request) -> Response:
        """Change members of a subscription."""
        value, context = await json_and_context(broker, request)
        service = self.service(broker)
        if _keeps_context(value):
            await service.retrieve(request.caller, request.tenant, request.path[0])
            context = await linked(broker, request, context)
        await service.update(request.caller, request.tenant, request.path[0], value, context)
        return no_content()

    async def delete(self, broker: Broker, request: Request) -> Response:
        """Delete a subscription."""
        await link_context(broker, request)
        service = self.service(broker)
        await service.delete(request.caller, request.tenant, request.path[0])
        return no_content()


TO_ENTITIES = Handlers("/ngsi-ld/v1/subscriptions", lambda broker: broker.subscriptions)
TO_REGISTRATIONS = Handlers(
    "/ngsi-ld/v1/csourceSubscriptions", lambda broker: broker.registration_subscriptions
)


def _keeps_context(change: Any) -> bool:
    """Tell whether the @context of a change is kept: as that of `q`, or of notifications."""
    if not isinstance(change, dict):
        return False
    return "q" in change or change.get("jsonldContext", "") in (None, NULL)


def _told(
    broker: Broker,
    request: Request,
    stored: StoredSubscription,
    context: Context,
    options: frozenset[str],
) -> dict[str, Any]:
    own = is_owner(request.caller, stored)
    told = shown(
        broker.subscriptions.opened(stored) if own else stored,
        context,
        broker.clock(),
        sys_attrs="sysAttrs" in options,
        secrets=own,
    )
    if request.media == LD:
        told["@context"] = context.source
    return told
