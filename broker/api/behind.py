"""How requests reach the ASGI application behind the dispatch table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import unquote

from broker.api.outgoing import Outgoing
from broker.api.request import Request
from broker.api.response import Response

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]


def scope(request: Request, transport: asyncio.BaseTransport, state: dict[str, Any]) -> Message:
    """Return the ASGI scope of a request."""
    path = request.raw_path.decode("ascii", "replace")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.0" if request.old else "1.1",
        "server": transport.get_extra_info("sockname", ("", 0))[:2],
        "client": transport.get_extra_info("peername", ("", 0))[:2],
        "scheme": "http",
        "root_path": "",
        "method": request.method,
        "path": unquote(path) if "%" in path else path,
        "raw_path": request.raw_path,
        "query_string": request.raw_query,
        "headers": list(request.headers.items()),
        "state": state.copy(),
    }


class Exchange:
    """One request's `receive` and `send`: the body is there as a whole."""

    def __init__(self, request: Request, outgoing: Outgoing, gone: asyncio.Future[None]) -> None:
        self._body: bytes | None = request.body
        self._outgoing = outgoing
        self._gone = gone
        self._start: Message = {}
        self.complete = False

    async def receive(self) -> Message:
        """Return the body, then wait for the client to leave."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if not self.complete:
            await asyncio.wait({self._gone})
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Write the head or a part of the body."""
        if message["type"] == "http.response.start":
            self._outgoing.begin(message["status"], message.get("headers", ()))
        elif message["type"] == "http.response.body":
            await self._outgoing.send(message.get("body", b""))
            if not message.get("more_body", False):
                self._outgoing.end()
                self.complete = True

    async def answer(self, response: Response) -> None:
        """Send a whole response of ours instead."""
        length = b"%d" % len(response.body)
        self._outgoing.begin(response.status, [*response.headers, (b"content-length", length)])
        await self._outgoing.send(response.body)
        self._outgoing.end()
        self.complete = True
