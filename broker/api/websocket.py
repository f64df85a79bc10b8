"""uvicorn's WebSocket protocol, with an end for clients that take nothing any more."""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

ABORT: Final = "machi.abort"
"""The extension of the scope by which an application closes at once, whatever is unsent."""


class WebSocket(WebSocketsSansIOProtocol):
    """One connection. Closing it properly waits for the client to read; `ABORT` does not."""

    async def run_asgi(self) -> None:
        """Serve the connection; what is unsent `close_timeout` after the end is given up."""
        scope: Any = self.scope
        scope["extensions"][ABORT] = self.transport.abort
        await super().run_asgi()
        self.loop.call_later(self.close_timeout, self.transport.abort)
