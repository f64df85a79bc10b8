"""Where the vendor posts events: `POST /remotelock/events`, with the secret in `X-Secret`.

The vendor waits three seconds for an answer and repeats for days: an event is kept and answered,
and understood afterwards. One that comes twice is written once.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from adapters.contract import Message
from adapters.remotelock.wire import EVENT

PATH = "/remotelock/events"
MOST_BYTES = 65_536

Take = Callable[[list[Message]], Awaitable[None]]


class Webhook:
    """The HTTP side of the adapter."""

    def __init__(self, secret: str, take: Take) -> None:
        self._secret = secret
        self._take = take

    def app(self) -> web.Application:
        """Return the application."""
        app = web.Application(client_max_size=MOST_BYTES)
        app.add_routes([web.post(PATH, self._event)])
        return app

    async def _event(self, request: web.Request) -> web.Response:
        shown = request.headers.get("X-Secret", "")
        if not hmac.compare_digest(shown.encode(), self._secret.encode()):
            raise web.HTTPForbidden(text="wrong secret")
        try:
            event = orjson.dumps(orjson.loads(await request.read())["data"])
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise web.HTTPBadRequest(text="the body is not {data: event}") from error
        await self._take([Message(EVENT, event)])
        return web.Response(status=204)
