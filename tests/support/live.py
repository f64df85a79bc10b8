"""Real servers inside the test's own event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from broker.accounts import Accounts
from broker.api.app import application, start, wire
from broker.api.websocket import WebSocket
from broker.disclosures import Disclosures
from broker.guard import Guard
from broker.safe import KeyFile, Safe
from broker.settings import Settings
from broker.store.sqlite import SqliteStore
from broker.validation import Models


class Server(uvicorn.Server):
    """Leaves the signals to the test runner."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serve(app: ASGIApp, http: Any = "auto") -> AsyncIterator[str]:
    """Serve an ASGI application on a free port, by uvicorn's HTTP or another; give its URL."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=http,
        lifespan="on",
        log_config=None,
        timeout_graceful_shutdown=1,
        ws=WebSocket,
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@contextlib.asynccontextmanager
async def live_broker(
    data: Path,
    settings: Settings | None = None,
    guard: Guard | None = None,
    models: Models | None = None,
    accounts: Accounts | None = None,
    disclosures: Disclosures | None = None,
) -> AsyncIterator[str]:
    """Run a broker on a SQLite file in `data`; give its URL."""
    store = SqliteStore(data)
    settings, safe = settings or Settings(data=data), Safe(KeyFile(data))
    broker = await start(
        settings,
        store,
        guard=guard,
        models=models,
        accounts=accounts,
        disclosures=disclosures,
        safe=safe,
    )
    async with serve(application(broker), wire(broker).protocol) as url:
        try:
            yield url
        finally:
            broker.feed.close()
