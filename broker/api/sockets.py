"""`/ngsi-ld/ex/v1/ws`: the handshake of a WebSocket, as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NoReturn, TypeAlias
from urllib.parse import parse_qsl

from broker.api import listening
from broker.api.broker import Broker
from broker.api.request import TENANT, Request
from broker.api.response import problem
from broker.api.session import Session
from broker.api.websocket import ABORT
from broker.errors import BadRequestData, InvalidRequest, MachiError, UpgradeRequired
from broker.jsonld.context import Context
from broker.subscriptions.live.tickets import Holder

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

PARAMETERS = ("tenant", "context", "ticket")


async def plain(broker: Broker, request: Request) -> NoReturn:
    """Answer a request that is no handshake."""
    raise UpgradeRequired(
        "This resource speaks WebSocket.",
        place="header:Upgrade",
        remedy="Open it as a WebSocket, or use GET /ngsi-ld/ex/v1/stream (Server-Sent Events).",
    )


class Sockets:
    """Meets WebSockets: refuses with a problem document, or accepts and runs a session."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection until its end."""
        await receive()
        broker = self._broker
        try:
            holder, context = await self._meet(scope)
        except MachiError as error:
            broker.metrics.requests["websocket", error.status] += 1
            await _refuse(send, error)
            return
        broker.metrics.requests["websocket", 101] += 1
        with broker.seats.taken(holder.caller):
            await send({"type": "websocket.accept"})
            abort = scope["extensions"][ABORT]
            await Session(broker, holder, context, receive, send, abort).run()

    async def _meet(self, scope: Message) -> tuple[Holder, Context]:
        """Return who listens to which tenant, and the context names are read by."""
        broker = self._broker
        headers: dict[bytes, bytes] = dict(scope["headers"])
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        for name in query:
            if name not in PARAMETERS:
                raise InvalidRequest(
                    f"There is no parameter `{name}` here.",
                    place=f"query:{name}",
                    remedy="What a stream selects is said in its subscribe message; the URL takes "
                    + ", ".join(PARAMETERS)
                    + ".",
                )
        peer = scope.get("client")
        caller = broker.guard.identify(headers, peer[0] if peer else "")
        known = Holder(caller, _tenant(headers, query))
        url = query.get("context")
        context = broker.default_context
        if url:
            context = await broker.contexts.resolve(url, place="query:context", tenant=known.tenant)
        return await listening.listener(broker, headers, query, known, socket=True), context


def _tenant(headers: dict[bytes, bytes], query: dict[str, str]) -> str:
    given = headers.get(b"ngsild-tenant")
    place = "query:tenant" if given is None else "header:NGSILD-Tenant"
    value = query.get("tenant", "").encode() if given is None else given
    if value and not TENANT.fullmatch(value):
        raise BadRequestData(
            "The tenant name is not usable.",
            place=place,
            remedy="Use 1 to 64 letters, digits, `_`, `.` or `-`; not `.` or `-` at the ends.",
        )
    return value.decode()


async def _refuse(send: Send, error: MachiError) -> None:
    response = problem(error)
    length = (b"content-length", b"%d" % len(response.body))
    await send(
        {
            "type": "websocket.http.response.start",
            "status": response.status,
            "headers": [*response.headers, length],
        }
    )
    await send({"type": "websocket.http.response.body", "body": response.body})
