"""What one client may hold: sizes, times, connections, and what it does not read. On sockets."""

from __future__ import annotations

import asyncio
import socket

import orjson
import pytest

from broker.api.broker import Broker
from broker.api.limits import Limits
from broker.api.request import Request
from broker.api.response import Response, json_response
from tests.broker.api.wire.test_protocol import ECHO, HELLO, Gate, place, still_there
from tests.support.wired import route, wired

LIMITS = Limits(head=1000, headers=10, connections=3)
STALL = 4 * 1024 * 1024


@pytest.mark.parametrize(
    ("lines", "status", "where"),
    [
        ([b"GET /hello HTTP/1.1", *(b"A%d: b" % n for n in range(10))], 431, "header:"),
        ([b"GET /hello HTTP/1.1", *[b"A: b"] * 10], 431, "header:"),
        ([b"GET /hello HTTP/1.1", b"A: " + b"b" * 1000], 431, "header:"),
        ([b"GET /hello HTTP/1.1", b"A" * 1000 + b": b"], 431, "header:"),
        ([b"GET /hello?" + b"a" * 1000 + b" HTTP/1.1"], 414, "request"),
    ],
    ids=["many", "many of a name", "long value", "long name", "long target"],
)
async def test_a_head_over_the_limits_is_refused(
    lines: list[bytes], status: int, where: str
) -> None:
    async with wired(HELLO, limits=LIMITS) as running:
        caller = await running.call(*lines)
        reply = await caller.reply()
        assert (reply.status, reply.headers["connection"]) == (status, "close")
        assert place(reply) == where
        assert await caller.ended()


@pytest.mark.parametrize("begun", [b"GET /hello?", b"GET /hello HTTP/1.1\r\nA: "])
async def test_a_head_is_refused_before_it_ends(begun: bytes) -> None:
    async with wired(HELLO, limits=LIMITS) as running:
        caller = await running.call()
        caller.writer.write(begun)
        for _ in range(3):
            caller.writer.write(b"a" * 400)
            await asyncio.sleep(0.01)
        assert (await caller.reply()).status in (414, 431)
        assert await caller.ended()


async def test_a_head_at_the_limits_is_taken() -> None:
    async with wired(HELLO, limits=LIMITS) as running:
        caller = await running.call(
            b"GET /hello HTTP/1.1", *(b"A%d: b" % n for n in range(8)), b"Z: " + b"z" * 800
        )
        assert (await caller.reply()).status == 200
        await still_there(caller)


async def test_many_requests_in_one_piece_are_not_one_large_head() -> None:
    async with wired(HELLO, limits=LIMITS) as running:
        caller = await running.call()
        text = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100
        caller.writer.write(text[:-20])
        await running.begun()
        caller.writer.write(text[-20:])
        assert {(await caller.reply()).status for _ in range(100)} == {200}


@pytest.mark.parametrize(
    ("sent", "after"),
    [
        (b"GET /he", 11),
        (b"GET /hello HTTP/1.1\r\nHost: loc", 11),
        (b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", 11),
        (b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc", 11),
    ],
)
async def test_a_request_that_stalls_is_408(sent: bytes, after: float) -> None:
    async with wired(HELLO, ECHO) as running:
        caller = await running.call()
        caller.writer.write(sent)
        await running.until(lambda: [one for one in running.wire.connections if one.reading])
        running.later(after / 2)
        running.later(after / 2)
        reply = await caller.reply()
        assert (reply.status, reply.headers["connection"]) == (408, "close")
        assert place(reply) == "request"
        assert await caller.ended()


async def test_a_body_that_trickles_is_408_in_the_end() -> None:
    async with wired(ECHO) as running:
        caller = await running.call(b"POST /echo HTTP/1.1", b"Content-Length: 1000")
        for _ in range(25):
            caller.writer.write(b"x")
            await asyncio.sleep(0.01)
            running.later(5)
        assert (await caller.reply()).status == 408


async def test_a_stalled_body_whose_refusal_was_told_ends_the_connection() -> None:
    async with wired(ECHO) as running:
        caller = await running.call(b"POST /echo HTTP/1.1", b"Content-Length: 9999")
        assert (await caller.reply()).status == 413
        running.later(11)
        assert await caller.ended()


async def test_a_connection_nobody_uses_is_closed() -> None:
    async with wired(HELLO) as running:
        fresh, used = await running.call(), await running.call(b"GET /hello HTTP/1.1")
        await used.reply()
        running.later(59)
        await still_there(used)
        running.later(2)
        assert await fresh.ended()
        await still_there(used)
        running.later(61)
        assert await used.ended()


async def test_a_handler_may_take_its_time() -> None:
    gate = Gate()
    async with wired(route("/gate", gate)) as running:
        caller = await running.call(b"GET /gate HTTP/1.1")
        await running.until(lambda: gate.begun)
        running.later(1000)
        gate.open.set()
        assert (await caller.reply()).status == 200


async def test_one_connection_too_many_is_503_and_the_next_has_room() -> None:
    async with wired(HELLO, limits=LIMITS) as running:
        callers = [await running.call(b"GET /hello HTTP/1.1") for _ in range(3)]
        for caller in callers:
            await caller.reply()
        refused = await running.call()
        reply = await refused.reply()
        assert (reply.status, place(reply)) == (503, "broker")
        assert await refused.ended()
        callers[0].writer.close()
        refused.writer.close()
        await running.until(lambda: len(running.wire.connections) == 2)
        await still_there(await running.call())


class Large:
    """A handler that answers more than a connection takes at once."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, broker: Broker, request: Request) -> Response:
        """Answer."""
        self.count += 1
        return json_response("x" * STALL)


async def test_no_more_is_answered_than_the_client_reads() -> None:
    large = Large()
    async with wired(route("/large", large)) as running:
        caller = await running.call()
        caller.stop_reading()
        caller.writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10)
        await running.blocked()
        assert large.count < 10
        caller.go_on_reading()
        for _ in range(10):
            assert len((await caller.reply()).body) == STALL + 2


async def is_read_no_more(flood: socket.socket, requests: bytes) -> bool:
    """Send requests again and again; say whether that comes to an end."""
    for _ in range(1000):
        await asyncio.sleep(0.001)
        try:
            flood.send(requests)
        except BlockingIOError:
            return True
    return False


async def test_no_more_is_read_while_the_client_reads_nothing() -> None:
    large = Large()
    async with wired(route("/large", large)) as running:
        request = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with socket.create_connection(("127.0.0.1", running.port)) as flood:
            flood.setblocking(False)
            flood.send(request)
            await running.until(lambda: large.count)
            assert await is_read_no_more(flood, request * 1000)


async def test_a_client_that_reads_nothing_is_let_go() -> None:
    large = Large()
    async with wired(route("/large", large)) as running:
        caller = await running.call(b"GET /large HTTP/1.1")
        caller.stop_reading()
        await running.blocked()
        running.later(61)
        await running.until(lambda: not running.wire.connections)


async def test_no_more_is_read_than_can_be_answered() -> None:
    gate = Gate()
    async with wired(route("/gate", gate)) as running:
        with socket.create_connection(("127.0.0.1", running.port)) as flood:
            flood.setblocking(False)
            request = b"GET /gate HTTP/1.1\r\nHost: localhost\r\n\r\n"
            assert await is_read_no_more(flood, request * 1000)
            assert gate.begun == 1


async def test_what_a_client_holds_is_freed_when_it_leaves() -> None:
    async with wired(ECHO) as running:
        caller = await running.call(b"POST /echo HTTP/1.1", b"Content-Length: 9", body=b"abc")
        await running.until(lambda: running.wire.connections)
        caller.writer.transport.abort()
        await running.until(lambda: not running.wire.connections)


async def test_a_body_at_the_limit_is_taken() -> None:
    async with wired(ECHO) as running:
        caller = await running.call(
            b"POST /echo HTTP/1.1", b"Content-Length: 1024", body=b"x" * 1024
        )
        assert orjson.loads((await caller.reply()).body) == ["POST", "x" * 1024]


FULL = Limits(bodies=2048)
WHOLE = b"x" * 1024


async def test_bodies_are_refused_that_all_together_are_too_much() -> None:
    gate = Gate()
    async with wired(ECHO, route("/gate", gate, "POST", body=True), limits=FULL) as running:
        arriving = await running.call(
            b"POST /echo HTTP/1.1", b"Content-Length: 1024", body=WHOLE[1:]
        )
        waiting = await running.call(b"POST /gate HTTP/1.1", b"Content-Length: 1024", body=WHOLE)
        await running.until(lambda: running.wire.bodies.held == 2047)
        refused = await running.call(b"POST /echo HTTP/1.1", b"Content-Length: 2", body=b"ab")
        reply = await refused.reply()
        assert (reply.status, place(reply)) == (503, "body:")
        gate.open.set()
        assert (await waiting.reply()).status == 200
        refused.send(b"POST /echo HTTP/1.1", b"Content-Length: 2", body=b"ab")
        assert (await refused.reply()).status == 200
        arriving.writer.write(b"x")
        assert (await arriving.reply()).status == 200
        assert running.wire.bodies.held == 0


async def test_a_body_that_was_refused_half_way_leaves_nothing_and_the_next_is_taken() -> None:
    async with wired(ECHO, limits=FULL) as running:
        parts = [
            await running.call(b"POST /echo HTTP/1.1", b"Content-Length: 1024", body=WHOLE[1:])
            for _ in range(2)
        ]
        await running.until(lambda: running.wire.bodies.held == 2046)
        late = await running.call(b"POST /echo HTTP/1.1", b"Content-Length: 4", body=b"ab")
        await running.until(lambda: running.wire.bodies.held == 2048)
        late.writer.write(b"cd")
        assert (await late.reply()).status == 503
        assert running.wire.bodies.held == 2046
        for part in parts:
            part.writer.transport.abort()
        await running.until(lambda: not running.wire.bodies.held)
        late.send(b"POST /echo HTTP/1.1", b"Content-Length: 1024", body=WHOLE)
        assert orjson.loads((await late.reply()).body) == ["POST", "x" * 1024]


async def test_what_a_client_has_sent_ahead_is_let_go_with_it() -> None:
    gate = Gate()
    async with wired(ECHO, route("/gate", gate, "POST", body=True), limits=FULL) as running:
        caller = await running.call()
        head = b"HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
        parts = (b"POST /gate ", head, b"x" * 9, b"POST /echo ", head, b"x" * 9)
        caller.writer.write(b"".join((*parts, b"POST /echo ", head, b"abc")))
        await running.until(lambda: running.wire.bodies.held == 21)
        caller.writer.transport.abort()
        gate.open.set()
        await running.until(lambda: not running.wire.connections)
        assert running.wire.bodies.held == 0


async def test_a_chunked_body_over_the_limit_does_not_count_for_the_next() -> None:
    async with wired(ECHO) as running:
        caller = await running.call(b"POST /else HTTP/1.1", b"Transfer-Encoding: chunked")
        caller.writer.write(b"200\r\n" + b"x" * 512 + b"\r\n")
        caller.writer.write(b"300\r\n" + b"x" * 768 + b"\r\n0\r\n\r\n")
        assert (await caller.reply()).status == 413
        caller.send(b"POST /echo HTTP/1.1", b"Content-Length: 900", body=b"x" * 100)
        await running.begun()
        caller.writer.write(b"x" * 800)
        assert (await caller.reply()).status == 200
