"""Receivers of notifications: real servers that answer as a test tells them to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from tests.support.patience import PATIENCE
from tests.support.tools import require_tool

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Got:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return orjson.loads(self.body)

    @property
    def entity(self) -> dict[str, Any]:
        """Return the first entity of the notification."""
        entity: dict[str, Any] = self.json()["data"][0]
        return entity


Reply = Callable[[Got], Awaitable[web.StreamResponse]]


async def accept(got: Got) -> web.StreamResponse:
    """Answer 200."""
    return web.Response()


def answer(status: int, headers: dict[str, str] | None = None) -> Reply:
    """Return a reply of this status."""

    async def reply(got: Got) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    return reply


async def hang(got: Got) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


@dataclass(slots=True)
class Receiver:
    """An HTTP server that keeps what it gets. `reply` says how it answers.

    A reply that raises ConnectionResetError closes the connection without an answer.
    """

    port: int = 0
    reply: Reply = accept
    got: list[Got] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    connections: set[int] = field(default_factory=set)
    _runner: web.AppRunner | None = None
    _kept: socket.socket | None = None

    @property
    def url(self) -> str:
        """Return the URL notifications go to."""
        return f"http://{HOST}:{self.port}/notify"

    async def start(self) -> None:
        """Listen; on the same port as before where it listened before."""
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{tail:.*}", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        self._let_go()
        site = web.TCPSite(self._runner, HOST, self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Take no more connections and close those there are; keep the port from others."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            self._kept = socket.socket()
            self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._kept.bind((HOST, self.port))

    async def end(self) -> None:
        """Stop for good."""
        await self.stop()
        self._let_go()

    def _let_go(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    async def wait_for(self, count: int, within: float = PATIENCE) -> list[Got]:
        """Return what came, once there is so much of it."""
        async with asyncio.timeout(within), self.news:
            await self.news.wait_for(lambda: len(self.got) >= count)
        return list(self.got)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        got = Got(request.path_qs, dict(request.headers), await request.read())
        self.connections.add(id(request.transport))
        async with self.news:
            self.got.append(got)
            self.news.notify_all()
        try:
            return await self.reply(got)
        except ConnectionResetError:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()


@contextlib.asynccontextmanager
async def receiver(reply: Reply = accept) -> AsyncIterator[Receiver]:
    """Run a receiver."""
    one = Receiver(reply=reply)
    await one.start()
    try:
        yield one
    finally:
        await one.end()


async def listening(port: int) -> None:
    """Wait until somebody listens on the port."""
    while True:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        await writer.wait_closed()
        return


@contextlib.asynccontextmanager
async def mosquitto(port: int, folder: Path, *settings: str) -> AsyncIterator[None]:
    """Run Mosquitto on a port; without `settings` it takes everybody.

    It keeps the user it is started as, so that it can read files of the test.
    """
    config = folder / f"mosquitto-{port}.conf"
    lines = ["user root", f"listener {port} {HOST}", *(settings or ("allow_anonymous true",))]
    config.write_text("\n".join(lines) + "\n")
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        require_tool("mosquitto"), "-c", str(config), stdout=quiet, stderr=quiet
    )
    try:
        await asyncio.wait_for(listening(port), PATIENCE)
        yield
    finally:
        # Asked to end just as it begins to serve, it forgets that.
        process.kill()
        await process.wait()
