"""A server of a few routes of the test's own, over real sockets, with a clock that stands still."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, cast

import uvicorn

from broker.api.app import start, stop
from broker.api.broker import Broker
from broker.api.lane import Lane
from broker.api.limits import Limits
from broker.api.table import Body, Handler, Route, Table
from broker.api.wire import Wire
from broker.settings import Settings
from broker.store.memory import MemoryStore
from tests.support.live import Server
from tests.support.patience import PATIENCE

BUFFER = 64 * 1024
"""What either end's system keeps of a connection, in bytes: left alone it may grow to megabytes."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer off the wire; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Caller:
    """A client's connection: bytes out, answers in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *lines: bytes, body: bytes = b"", host: bytes = b"Host: localhost") -> None:
        """Send one request: its first line, more headers, a body."""
        first, *more = lines
        self.writer.write(b"\r\n".join([first, host, *more, b"", b""]) + body)

    async def reply(self, *, bodiless: bool = False) -> Reply:
        """Read one answer whole. Raises TimeoutError where none comes."""
        async with asyncio.timeout(PATIENCE):
            return await self._reply(bodiless)

    def stop_reading(self) -> None:
        """Take nothing more off the connection."""
        cast(asyncio.Transport, self.writer.transport).pause_reading()

    def go_on_reading(self) -> None:
        """Read again."""
        cast(asyncio.Transport, self.writer.transport).resume_reading()

    async def ended(self) -> bool:
        """Tell that the server closes without sending more. Raises TimeoutError."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True

    async def _reply(self, bodiless: bool) -> Reply:
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = text.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        status = int(first.split(" ")[1])
        body = b""
        if bodiless or status < 200 or status in (204, 304):
            pass
        elif "content-length" in headers:
            body = await self.reader.readexactly(int(headers["content-length"]))
        elif headers.get("transfer-encoding") == "chunked":
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readline()
        else:
            body = await self.reader.read()
        return Reply(status, headers, body)


class Wired:
    """A running server."""

    def __init__(self, wire: Wire, server: uvicorn.Server, port: int, broker: Broker) -> None:
        self.wire = wire
        self.server = server
        self.port = port
        self.broker = broker
        self.seconds = 1000.0
        self._callers: list[Caller] = []

    async def call(self, *lines: bytes, body: bytes = b"") -> Caller:
        """Connect, and send a request if one is given."""
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=made)
        caller = Caller(reader, writer)
        self._callers.append(caller)
        if lines:
            caller.send(*lines, body=body)
        return caller

    def later(self, seconds: float) -> None:
        """Let time pass, and the wire make its round."""
        self.seconds += seconds
        self.wire.round()

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something has come about."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await asyncio.sleep(0.001)

    async def blocked(self) -> None:
        """Wait until a connection is written to no more because its client does not read."""
        await self.until(lambda: any(one._blocked is not None for one in self.wire.connections))

    async def begun(self) -> None:
        """Wait until a request has begun to arrive that is not complete."""
        await self.until(lambda: any(one.reading for one in self.wire.connections))

    def hang_up(self) -> None:
        """Let all clients leave."""
        for caller in self._callers:
            caller.writer.transport.abort()


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """Be an application that takes no request."""
    raise AssertionError(scope)


@contextlib.asynccontextmanager
async def wired(
    *routes: Route, limits: Limits | None = None, app: Any = nothing, ws: Any = "none"
) -> AsyncIterator[Wired]:
    """Serve the routes, and `app` behind them."""
    broker = await start(Settings(max_body=1024), MemoryStore())
    running: Wired

    def clock() -> float:
        return running.seconds

    wire = Wire(Lane(Table(routes), broker), limits=limits, clock=clock)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    http: Any = wire.protocol
    config = uvicorn.Config(
        app, http=http, ws=ws, lifespan="off", log_config=None, timeout_graceful_shutdown=1
    )
    server = Server(config)
    running = Wired(wire, server, listening.getsockname()[1], broker)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await running.until(lambda: server.started)
        yield running
    finally:
        running.hang_up()
        server.should_exit = True
        await serving
        await stop(broker)


def route(path: str, handler: Handler, method: str = "GET", *, body: bool = False) -> Route:
    """Return a route of the test's own."""
    return Route(method, path, handler, "own", "Own", body=Body("Own", {}) if body else None)
