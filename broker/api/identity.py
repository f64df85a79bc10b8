"""`/info/sourceIdentity`: who this context source is (§5.15, §5.2.40)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b

import orjson

from broker.api.body import link_context
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import JSON, LD, Response
from broker.api.view import context_link
from broker.clock import Clock
from broker.store.contract import Resource, Store, Tx

_RESOURCE = "sourceIdentity"


async def own_name(store: Store, clock: Clock, token: Callable[[], str]) -> str:
    """Return the name that a store gives its broker: made once, and the same from then on."""
    known = await store.resource("", _RESOURCE, _RESOURCE)
    if known is None:
        known = Resource(_RESOURCE, _RESOURCE, clock(), token().encode())
        resource = known

        async def work(tx: Tx) -> None:
            await tx.put_resource(resource)

        await store.write("", work)
    return known.body.decode()


def alias(broker: Broker, tenant: str) -> str:
    """Return the pseudonym by which this broker and tenant are known in a Via header."""
    text = f"{broker.name}\n{tenant}".encode()
    return "machi-" + blake2b(text, digest_size=8).hexdigest()


async def source_identity(broker: Broker, request: Request) -> Response:
    """Tell who this source is, for the tenant asked."""
    context = await link_context(broker, request)
    now = broker.entities.clock()
    name = alias(broker, request.tenant)
    told = {
        "id": f"urn:ngsi-ld:ContextSourceIdentity:{name}",
        "type": "ContextSourceIdentity",
        "contextSourceAlias": name,
        "contextSourceUptime": _duration(broker.started, now),
        "contextSourceTimeAt": now,
    }
    if request.media == LD:
        told["@context"] = context.source
        return Response(200, orjson.dumps(told), [(b"content-type", LD)])
    headers = [(b"content-type", JSON), (b"link", context_link(context))]
    return Response(200, orjson.dumps(told), headers)


def _duration(start: str, end: str) -> str:
    """Return the time between two times of a Clock as an ISO 8601 duration."""
    passed = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    hours, rest = divmod(passed.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"P{passed.days}DT{hours}H{minutes}M{seconds}S"
