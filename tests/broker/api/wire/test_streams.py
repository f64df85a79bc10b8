"""Answers in parts, the application behind the table, and WebSocket handshakes. Over sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import Response
from tests.broker.api.wire.test_protocol import HELLO, still_there
from tests.support.wired import Wired, route, wired

TEXT = [(b"content-type", b"text/plain")]
PART = b"x" * 100_000


class Parts:
    """A handler that answers in parts."""

    def __init__(self, *parts: bytes, end: asyncio.Event | None = None) -> None:
        self.parts = parts
        self.end = end
        self.given = 0
        self.closed = False

    async def __call__(self, broker: Broker, request: Request) -> Response:
        """Answer with a stream."""
        return Response(200, b"", list(TEXT), self._stream())

    async def _stream(self) -> AsyncGenerator[bytes, None]:
        try:
            for part in self.parts:
                self.given += 1
                yield part
            if self.end is not None:
                await self.end.wait()
        finally:
            self.closed = True


async def test_a_stream_is_chunked_and_the_connection_stays() -> None:
    async with wired(route("/parts", Parts(b"a", b"", b"bc")), HELLO) as running:
        caller = await running.call(b"GET /parts HTTP/1.1")
        reply = await caller.reply()
        assert (reply.headers["transfer-encoding"], reply.body) == ("chunked", b"abc")
        await still_there(caller)


async def test_an_old_client_gets_a_stream_until_the_connection_ends() -> None:
    async with wired(route("/parts", Parts(b"a", b"bc"))) as running:
        caller = await running.call(b"GET /parts HTTP/1.0")
        reply = await caller.reply()
        assert "transfer-encoding" not in reply.headers
        assert (reply.headers["connection"], reply.body) == ("close", b"abc")


async def test_a_stream_ends_when_its_client_leaves() -> None:
    parts = Parts(b"a", end=asyncio.Event())
    async with wired(route("/parts", parts)) as running:
        caller = await running.call(b"GET /parts HTTP/1.1")
        await caller.reader.readuntil(b"a\r\n")
        caller.writer.close()
        await running.until(lambda: parts.closed)
        await running.until(lambda: not running.wire.connections)


async def test_a_stream_waits_for_a_slow_reader() -> None:
    parts = Parts(*[PART] * 200)
    async with wired(route("/parts", parts)) as running:
        caller = await running.call(b"GET /parts HTTP/1.1")
        caller.stop_reading()
        await running.blocked()
        assert parts.given < 200
        caller.go_on_reading()
        assert (await caller.reply()).body == PART * 200


async def test_a_reader_that_stalls_is_let_go_and_its_stream_ends() -> None:
    parts = Parts(*[PART] * 200)
    async with wired(route("/parts", parts)) as running:
        caller = await running.call(b"GET /parts HTTP/1.1")
        caller.stop_reading()
        await running.blocked()
        running.later(61)
        await running.until(lambda: parts.closed)


async def test_a_stream_that_fails_breaks_off_without_an_end() -> None:
    async def broken(broker: Broker, request: Request) -> Response:
        async def parts() -> AsyncGenerator[bytes, None]:
            yield b"a"
            raise ZeroDivisionError

        return Response(200, b"", list(TEXT), parts())

    async with wired(route("/broken", broken)) as running:
        caller = await running.call(b"GET /broken HTTP/1.1")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await caller.reply()


class Behind:
    """An ASGI application that does what its path says."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.received: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer."""
        self.scopes.append(scope)
        if scope["path"] == "/fails":
            raise ZeroDivisionError
        self.received.append(await receive())
        if scope["path"] == "/waits":
            self.received.append(await receive())
            return
        headers = [(b"content-length", b"2")] if scope["path"] == "/whole" else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        if scope["path"] != "/stops":
            await send({"type": "http.response.body", "body": b"b"})


@pytest.fixture
def behind() -> Behind:
    """Give an application."""
    return Behind()


@pytest.mark.parametrize("path", [b"/whole", b"/parts"])
async def test_other_paths_reach_the_application_behind(behind: Behind, path: bytes) -> None:
    async with wired(HELLO, app=behind) as running:
        caller = await running.call(
            b"POST " + path + b"?a=%20 HTTP/1.1", b"Content-Length: 3", b"A: b", body=b"xyz"
        )
        assert (await caller.reply()).body == b"ab"
        scope = behind.scopes[0]
        assert (scope["method"], scope["raw_path"], scope["query_string"]) == (
            "POST", path, b"a=%20",
        )  # fmt: skip
        assert (b"a", b"b") in scope["headers"]
        assert behind.received == [{"type": "http.request", "body": b"xyz", "more_body": False}]
        await still_there(caller)


async def test_it_gets_chunked_bodies_whole_and_within_the_limit(behind: Behind) -> None:
    async with wired(HELLO, app=behind) as running:
        caller = await running.call(b"POST /whole HTTP/1.1", b"Transfer-Encoding: chunked")
        caller.writer.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert (await caller.reply()).status == 200
        assert behind.received[0]["body"] == b"abcde"
        caller.send(b"POST /whole HTTP/1.1", b"Transfer-Encoding: chunked")
        for _ in range(4):
            caller.writer.write(b"12c\r\n" + b"x" * 300 + b"\r\n")
            await asyncio.sleep(0.01)
        assert (await caller.reply()).status == 413


async def test_its_answer_to_head_has_no_body(behind: Behind) -> None:
    async with wired(HELLO, app=behind) as running:
        for path in (b"/whole", b"/parts"):
            caller = await running.call(b"HEAD " + path + b" HTTP/1.1")
            assert (await caller.reply(bodiless=True)).status == 200
            await still_there(caller)


async def test_where_it_fails_the_answer_is_500(behind: Behind) -> None:
    async with wired(HELLO, app=behind) as running:
        caller = await running.call(b"GET /fails HTTP/1.1")
        assert (await caller.reply()).status == 500
        await still_there(caller)


async def test_where_it_stops_half_way_the_connection_breaks(behind: Behind) -> None:
    async with wired(app=behind) as running:
        caller = await running.call(b"GET /stops HTTP/1.1")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await caller.reply()


async def test_it_is_told_when_the_client_leaves(behind: Behind) -> None:
    async with wired(app=behind) as running:
        caller = await running.call(b"GET /waits HTTP/1.1")
        await running.until(lambda: behind.received)
        caller.writer.close()
        await running.until(lambda: len(behind.received) == 2)
        assert behind.received[1] == {"type": "http.disconnect"}


class Socket(asyncio.Protocol):
    """Takes what a WebSocket protocol would be given."""

    made: list[Socket]

    def __init__(self, config: Any, server_state: Any, app_state: Any) -> None:
        self.data = b""
        type(self).made.append(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.data += data


HANDSHAKE = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: AA==")


@pytest.fixture
async def sockets() -> Any:
    """Serve WebSockets by a protocol that only listens."""
    Socket.made = []
    async with wired(HELLO, ws=Socket) as running:
        yield running


async def test_a_websocket_gets_the_connection_and_its_handshake(sockets: Wired) -> None:
    caller = await sockets.call(b"GET /ws?a=b HTTP/1.1", *HANDSHAKE)
    await sockets.until(lambda: Socket.made)
    (made,) = Socket.made
    assert made.data.startswith(b"GET /ws?a=b HTTP/1.1\r\nhost: localhost\r\n")
    assert made.data.endswith(b"sec-websocket-key: AA==\r\n\r\n")
    caller.writer.write(b"frame")
    await sockets.until(lambda: made.data.endswith(b"frame"))
    assert not sockets.wire.connections
    made.transport.close()


async def test_a_handshake_for_a_foreign_host_is_refused(sockets: Wired) -> None:
    caller = await sockets.call()
    caller.send(b"GET /ws HTTP/1.1", *HANDSHAKE, host=b"Host: evil.example")
    assert (await caller.reply()).status == 400
    assert not Socket.made


async def test_a_handshake_waits_for_no_request_ahead_of_it(sockets: Wired) -> None:
    caller = await sockets.call()
    first = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
    caller.writer.write(first * 2 + b"\r\n".join([b"GET /ws HTTP/1.1", b"Host: localhost"]))
    caller.writer.write(b"\r\n" + b"\r\n".join([*HANDSHAKE, b"", b""]))
    assert [(await caller.reply()).status for _ in range(3)] == [200, 200, 400]
    assert await caller.ended()
