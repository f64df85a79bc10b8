"""`/ngsi-ld/ex/v1/stream`: changes as Server-Sent Events (an extension of ours).

Each event's id is the change's sequence number; a client that comes back with it as
Last-Event-ID misses nothing the feed still keeps, and is told `reset` otherwise.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import orjson

from broker.api import params
from broker.api.body import link_context
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import Response
from broker.api.selection import where
from broker.errors import BadRequestData, NonexistentTenant, TooComplexQuery
from broker.guard import Action
from broker.jsonld.context import Context
from broker.model.change import changed_attributes
from broker.model.entity import Entity
from broker.model.render import Form, render
from broker.query.ast import And
from broker.query.predicate import compile_predicate
from broker.store.contract import Committed
from broker.subscriptions.live import Forgotten

HEARTBEAT = 15.0
_TENANT = "header:NGSILD-Tenant"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


async def stream(broker: Broker, request: Request) -> Response:
    """Follow the changes of a tenant's entities."""
    query = request.query
    given = query.get("context")
    context = await (
        broker.contexts.resolve(given, place="query:context")
        if given
        else link_context(broker, request)
    )
    form = params.form({k: v for k, v in query.items() if k in ("options", "format")})
    holds = compile_predicate(And(tuple(where(query, context, None))))
    after = _resume(request, broker.feed.head)
    broker.guard.allow(request.caller, request.tenant, Action.READ, None)
    if request.tenant not in await broker.store.tenants():
        raise NonexistentTenant(
            f"There is no tenant `{request.tenant}`.",
            place=_TENANT if b"ngsild-tenant" in request.headers else "query:tenant",
            remedy="A tenant comes into being with the first entity created in it.",
        )
    return Response(200, b"", list(_HEADERS), _events(broker, request, holds, context, form, after))


def _resume(request: Request, head: int) -> int:
    text = request.query.get("lastEventId")
    place = "query:lastEventId"
    raw = request.headers.get(b"last-event-id")
    if raw is not None:
        text, place = raw.decode("latin-1"), "header:Last-Event-ID"
    if not text:
        return head
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequestData(
            "This is not an event id of this stream.",
            place=place,
            remedy="Send the id of the last event you got, or nothing to start now.",
        )
    return int(text)


async def _events(
    broker: Broker,
    request: Request,
    holds: Callable[[Entity], bool],
    context: Context,
    form: Form,
    after: int,
) -> AsyncGenerator[bytes, None]:
    feed, guard, tenant = broker.feed, broker.guard, request.tenant
    follower = feed.follow(tenant, after)
    yield b"retry: 2000\n" + _event("open", after, {"seq": after})
    while not feed.closed:
        try:
            changes = await follower.read()
        except (Forgotten, TooComplexQuery):
            follower.skip()
            yield _event("reset", follower.after, {"seq": follower.after})
            continue
        for one in changes:
            seen = guard.deliver(request.caller, tenant, one)
            if seen is not None and (seen is one or _visible(seen)):
                event = _tell(seen, holds, context, form)
                if event is not None:
                    yield event
        if follower.after < feed.head:
            continue
        if not await follower.wait(HEARTBEAT) and not feed.closed:
            yield b": still here\n\n"


def _visible(one: Committed) -> bool:
    """Tell whether anything of the change is left to see once the guard has been over it."""
    if one.before is None or one.after is None or _changed(one):
        return True
    members = (one.before.keys() | one.after.keys()) - {"modifiedAt", "attrs"}
    return any(one.before.get(member) != one.after.get(member) for member in members)


def _changed(one: Committed) -> list[str]:
    shown = {iri for side in (one.before, one.after) if side for iri in side["attrs"]}
    return [iri for iri in changed_attributes(one.change) if iri in shown]


def _tell(
    one: Committed, holds: Callable[[Entity], bool], context: Context, form: Form
) -> bytes | None:
    was = one.before is not None and holds(one.before)
    after = one.after if one.after is not None and holds(one.after) else None
    if after is None and not was:
        return None
    if after is not None:
        name = "update" if was else "enter"
    else:
        name = "delete" if one.after is None else "leave"
    change = one.change
    types = (one.after or one.before or {})["type"]
    data = {
        "seq": change.seq,
        "at": change.at,
        "version": change.version,
        "id": change.entity_id,
        "type": context.compact(types[0])
        if len(types) == 1
        else [context.compact(iri) for iri in types],
        "changed": sorted(map(context.compact, _changed(one))),
        "entity": None if after is None else render(after, context, form),
    }
    return _event(name, change.seq, data)


def _event(name: str, seq: int, data: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, name.encode(), orjson.dumps(data))
