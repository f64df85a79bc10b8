"""`/ngsi-ld/ex/v1/tickets`: identity for one stream, where no header can carry it."""

from __future__ import annotations

import orjson

from broker.api.broker import Broker
from broker.api.listening import check_tenant
from broker.api.request import Request
from broker.api.response import JSON, Response
from broker.guard import Action
from broker.subscriptions.live.tickets import SECONDS


async def issue(broker: Broker, request: Request) -> Response:
    """Give a ticket to a caller who may read."""
    broker.guard.allow(request.caller, request.tenant, Action.READ, None)
    await check_tenant(broker, request.headers, request.tenant)
    ticket = broker.tickets.issue(request.caller, request.tenant)
    headers = [(b"content-type", JSON), (b"cache-control", b"no-store")]
    body = {"ticket": ticket, "seconds": int(SECONDS)}
    return Response(201, orjson.dumps(body), headers)
