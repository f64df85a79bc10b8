"""The ASGI application behind the dispatch table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module

from broker.api.behind import App, Message, Receive, Send
from broker.api.broker import Broker


class Application:
    """Answers where the operations do not, by FastAPI; its lifespan ends with `end`.

    FastAPI is loaded, in a thread, for the first who gets that far: a broker starts without it.
    """

    def __init__(self, broker: Broker, end: Callable[[], Awaitable[None]]) -> None:
        self._broker = broker
        self._end = end
        self._shell: App | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._shell is None:
            module = await asyncio.to_thread(import_module, "broker.api.shell")
            self._shell = module.shell(self._broker)
        await self._shell(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._end()
        await send({"type": "lifespan.shutdown.complete"})
