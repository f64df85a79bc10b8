"""Serving several pages in one process, with work beside them, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

HOST: Final = "127.0.0.1"


class _Server(uvicorn.Server):
    """Leaves the signals to `serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(pages: Mapping[int, ASGIApp], beside: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Serve each app at its port of this machine until SIGINT or SIGTERM, then end the rest."""
    servers = [_server(app, port) for port, app in pages.items()]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    carried = [asyncio.create_task(one) for one in beside]
    try:
        await asyncio.gather(*(server.serve() for server in servers))
    finally:
        for task in carried:
            task.cancel()
        await asyncio.gather(*carried, return_exceptions=True)


def _server(app: ASGIApp, port: int) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            host=HOST,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
