"""`/ngsi-ld/ex/v1/stream`: changes as Server-Sent Events (an extension of ours).

Each event's id is the change's sequence number; a client that comes back with it as
Last-Event-ID misses nothing the feed still keeps, and is told `reset` otherwise. Heartbeats carry
the newest place, so that a quiet stream need not read a week of other people's changes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from broker.api import listening, params
from broker.api.asked import Asked
from broker.api.body import link_context
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import Response
from broker.subscriptions.live import Lens
from broker.subscriptions.live.tickets import Holder

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_RETRY = b"retry: 2000\n"


async def stream(broker: Broker, request: Request) -> Response:
    """Follow the changes of a tenant's entities."""
    query = request.query
    known = Holder(request.caller, request.tenant)
    holder = await listening.listener(broker, request.headers, query, known)
    url = query.get("context")
    if url:
        context = await broker.contexts.resolve(url, place="query:context", tenant=holder.tenant)
    else:
        context = await link_context(broker, request)
    lens = listening.lens(Asked(query), context)
    snapshot = params.boolean(query, "snapshot")
    raw = request.headers.get(b"last-event-id")
    last = query.get("lastEventId") if raw is None else raw.decode("latin-1")
    named = "query:lastEventId" if raw is None else "header:Last-Event-ID"
    after = listening.place(last, broker.feed.head, named)
    events = _events(broker, holder, lens, after, snapshot=snapshot, resumed=bool(last))
    return Response(200, b"", list(_HEADERS), events)


async def _events(
    broker: Broker, holder: Holder, lens: Lens, after: int, *, snapshot: bool, resumed: bool
) -> AsyncGenerator[bytes, None]:
    """Yield the stream as bytes."""
    with broker.seats.taken(holder.caller):
        follower, batches = listening.follow(
            broker, holder, lens, after, snapshot=snapshot, resumed=resumed
        )
        begun = _RETRY
        async with aclosing(batches):
            async for batch in batches:
                if broker.disclosures.pending:
                    await broker.disclosures.settled()
                if batch:
                    yield begun + b"".join([told.sse() for told in batch])
                    begun = b""
                else:
                    yield b": still here\nid: %d\n\n" % follower.after
