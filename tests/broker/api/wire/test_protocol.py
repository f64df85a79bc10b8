"""HTTP connections: order, framing, closing, and what of it the client sees. Over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest

from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import Response, json_response
from tests.support.wired import Caller, Reply, Wired, route, wired


class Gate:
    """A handler that waits until it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.open = asyncio.Event()

    async def __call__(self, broker: Broker, request: Request) -> Response:
        """Wait."""
        self.begun += 1
        await self.open.wait()
        self.ended += 1
        return json_response("late")


async def echo(broker: Broker, request: Request) -> Response:
    """Answer with what was asked."""
    return json_response([request.method, request.body.decode()])


async def hello(broker: Broker, request: Request) -> Response:
    """Answer."""
    return json_response("hello")


HELLO = route("/hello", hello)
ECHO = route("/echo", echo, "POST", body=True)


@pytest.fixture
def gate() -> Gate:
    """Give a handler that waits."""
    return Gate()


@pytest.fixture
async def plain(gate: Gate) -> AsyncIterator[Wired]:
    """Serve a route that answers, one that reads a body, and one that waits."""
    async with wired(HELLO, ECHO, route("/gate", gate)) as running:
        yield running


def place(reply: Reply) -> str:
    """Return where a problem document says the fault lies."""
    told = orjson.loads(reply.body)
    assert told["status"] == reply.status
    assert told["remedy"]
    return str(told["place"])


async def still_there(caller: Caller) -> None:
    """See that the connection answers on."""
    caller.send(b"GET /hello HTTP/1.1")
    assert (await caller.reply()).body == b'"hello"'


async def test_an_answer_has_date_type_and_length_and_the_connection_stays(plain: Wired) -> None:
    caller = await plain.call(b"GET /hello HTTP/1.1")
    reply = await caller.reply()
    assert (reply.status, reply.body) == (200, b'"hello"')
    assert list(reply.headers) == ["date", "content-type", "content-length"]
    await still_there(caller)


async def test_pipelined_requests_are_answered_in_order_one_after_the_other(
    plain: Wired, gate: Gate
) -> None:
    caller = await plain.call()
    first = b"GET /gate HTTP/1.1\r\nHost: localhost\r\n\r\n"
    caller.writer.write(first * 2 + b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await plain.until(lambda: gate.begun)
    await asyncio.sleep(0)
    assert gate.begun == 1
    gate.open.set()
    assert [(await caller.reply()).body for _ in range(3)] == [b'"late"', b'"late"', b'"hello"']
    await still_there(caller)


async def test_a_request_may_come_byte_by_byte(plain: Wired) -> None:
    caller = await plain.call()
    text = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
    for n in range(len(text)):
        caller.writer.write(text[n : n + 1])
        await caller.writer.drain()
    assert orjson.loads((await caller.reply()).body) == ["POST", "abc"]


@pytest.mark.parametrize(
    ("version", "header"),
    [(b"1.1", b"Connection: close"), (b"1.0", b"A: b"), (b"1.0", b"Connection: keep-alive")],
)
async def test_the_connection_ends_where_the_client_wants_or_is_old(
    plain: Wired, version: bytes, header: bytes
) -> None:
    caller = await plain.call(b"GET /hello HTTP/" + version, header)
    reply = await caller.reply()
    assert reply.headers["connection"] == "close"
    assert await caller.ended()


async def test_what_follows_the_last_request_is_not_read(plain: Wired, gate: Gate) -> None:
    caller = await plain.call(b"GET /hello HTTP/1.1", b"Connection: close")
    caller.send(b"GET /gate HTTP/1.1")
    assert (await caller.reply()).status == 200
    assert await caller.ended()
    assert gate.begun == 0


async def test_a_client_that_expects_to_be_asked_for_its_body_is_asked(plain: Wired) -> None:
    caller = await plain.call(b"POST /echo HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 3")
    assert (await caller.reply()).status == 100
    caller.writer.write(b"abc")
    assert (await caller.reply()).status == 200
    await still_there(caller)


async def test_it_is_asked_in_its_turn(plain: Wired, gate: Gate) -> None:
    caller = await plain.call(b"GET /gate HTTP/1.1")
    caller.send(b"POST /echo HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 3")
    await plain.until(lambda: gate.begun)
    gate.open.set()
    assert [(await caller.reply()).status for _ in range(2)] == [200, 100]
    caller.writer.write(b"abc")
    assert (await caller.reply()).status == 200


async def test_it_is_not_asked_for_what_will_be_refused(plain: Wired) -> None:
    caller = await plain.call(
        b"POST /echo HTTP/1.1", b"Expect: 100-continue", b"Content-Length: 1025"
    )
    reply = await caller.reply()
    assert (reply.status, reply.headers["connection"]) == (413, "close")
    assert await caller.ended()


async def test_the_answer_to_head_has_no_body(plain: Wired) -> None:
    caller = await plain.call(b"HEAD /hello HTTP/1.1")
    reply = await caller.reply(bodiless=True)
    assert (reply.status, reply.headers["content-length"]) == (200, "7")
    await still_there(caller)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((b"POST /echo HTTP/1.1", b"Content-Length: 1025"), 413),
        ((b"POST /nowhere HTTP/1.1", b"Content-Length: 1025"), 413),
        ((b"GET /hello HTTP/1.1", b"Content-Length: 1025"), 413),
        ((b"PUT /hello HTTP/1.1", b"Content-Length: 1025"), 405),
    ],
)
async def test_a_refusal_comes_before_the_body_and_the_body_is_read_away(
    plain: Wired, lines: tuple[bytes, ...], status: int
) -> None:
    caller = await plain.call(*lines)
    assert (await caller.reply()).status == status
    caller.writer.write(b"x" * 1025)
    await still_there(caller)


async def test_a_chunked_body_is_refused_before_it_comes_and_read_away(plain: Wired) -> None:
    caller = await plain.call(b"POST /echo HTTP/1.1", b"Transfer-Encoding: chunked")
    assert (await caller.reply()).status == 411
    caller.writer.write(b"3\r\nabc\r\n0\r\n\r\n")
    await still_there(caller)


async def test_a_chunked_body_nobody_reads_is_ignored_and_its_trailers_are_no_headers(
    plain: Wired,
) -> None:
    caller = await plain.call(b"GET /hello HTTP/1.1", b"Transfer-Encoding: chunked")
    caller.writer.write(b"3\r\nabc\r\n0\r\nNGSILD-Tenant: a b\r\n\r\n")
    assert (await caller.reply()).status == 200
    await still_there(caller)


@pytest.mark.parametrize(
    "header", [b"Content-Length: 1000000", b"Transfer-Encoding: chunked"], ids=repr
)
async def test_an_endless_body_is_not_read_for_ever(plain: Wired, header: bytes) -> None:
    caller = await plain.call(b"POST /echo HTTP/1.1", header)
    assert (await caller.reply()).status in (411, 413)
    part = b"2710\r\n" + b"x" * 10_000 + b"\r\n"
    caller.writer.write(part)
    assert await caller.ended()


async def test_what_is_no_request_is_refused_after_what_came_before(
    plain: Wired, gate: Gate
) -> None:
    caller = await plain.call(b"GET /gate HTTP/1.1")
    caller.writer.write(b"no request\r\n\r\n")
    await plain.until(lambda: gate.begun)
    gate.open.set()
    assert (await caller.reply()).status == 200
    reply = await caller.reply()
    assert (reply.status, reply.headers["connection"]) == (400, "close")
    assert place(reply) == "request"
    assert await caller.ended()


async def test_a_client_that_has_closed_its_half_gets_its_answer(plain: Wired, gate: Gate) -> None:
    caller = await plain.call(b"GET /gate HTTP/1.1")
    caller.writer.write_eof()
    await plain.until(lambda: gate.begun)
    gate.open.set()
    assert (await caller.reply()).body == b'"late"'
    assert await caller.ended()


async def test_a_handler_goes_on_when_its_client_leaves(plain: Wired, gate: Gate) -> None:
    caller = await plain.call(b"GET /gate HTTP/1.1")
    await plain.until(lambda: gate.begun)
    caller.writer.transport.abort()
    gate.open.set()
    await plain.until(lambda: gate.ended)
    await plain.until(lambda: not plain.wire.connections)


async def test_a_request_that_waits_is_answered_before_the_server_stops(
    plain: Wired, gate: Gate
) -> None:
    idle = await plain.call(b"GET /hello HTTP/1.1")
    await idle.reply()
    caller = await plain.call(b"GET /gate HTTP/1.1")
    await plain.until(lambda: gate.begun)
    plain.server.should_exit = True
    assert await idle.ended()
    gate.open.set()
    reply = await caller.reply()
    assert (reply.body, reply.headers["connection"]) == (b'"late"', "close")
    assert await caller.ended()


async def test_a_request_that_waits_too_long_is_cancelled_when_the_server_stops(
    plain: Wired, gate: Gate
) -> None:
    caller = await plain.call(b"GET /gate HTTP/1.1")
    await plain.until(lambda: gate.begun)
    plain.server.should_exit = True
    assert await caller.ended()
    assert not gate.ended


@pytest.mark.parametrize("value", [b"a\r\nSet-Cookie: b=c", b"a\nb", b"a\rb"])
async def test_a_line_break_in_a_header_of_ours_is_a_fault_and_not_sent(value: bytes) -> None:
    async def forged(broker: Broker, request: Request) -> Response:
        return Response(200, b"", [(b"x", value)])

    async with wired(route("/forged", forged)) as running:
        caller = await running.call(b"GET /forged HTTP/1.1")
        reply = await caller.reply()
    assert reply.status == 500
    assert "x" not in reply.headers
    assert "set-cookie" not in reply.headers


async def test_other_upgrades_are_ignored_and_the_body_is_still_read(plain: Wired) -> None:
    upgrade = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA")
    caller = await plain.call(b"GET /hello HTTP/1.1", *upgrade)
    assert (await caller.reply()).body == b'"hello"'
    caller.send(b"POST /echo HTTP/1.1", *upgrade, b"Content-Length: 6", body=b"abc")
    caller.writer.write(b"def")
    assert orjson.loads((await caller.reply()).body) == ["POST", "abcdef"]
    await still_there(caller)


async def test_a_tunnel_is_refused(plain: Wired) -> None:
    caller = await plain.call(b"CONNECT localhost:443 HTTP/1.1", b"Content-Length: 0")
    assert (await caller.reply()).status >= 400
    assert await caller.ended()


async def waits_in_many_ways(broker: Broker, request: Request) -> Response:
    """Wait as handlers may."""
    told = []
    try:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    except TimeoutError:
        told.append("timeout")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(asyncio.sleep(0, "group"))
    told.append(task.result())
    await asyncio.sleep(0)
    told.append(await asyncio.wait_for(asyncio.sleep(0, "wait_for"), 1))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
            await asyncio.Event().wait()
    except* ZeroDivisionError:
        told.append("failed")
    return json_response(told)


async def fails() -> None:
    """Fail."""
    raise ZeroDivisionError


async def test_handlers_may_use_time_limits_and_task_groups() -> None:
    async with wired(route("/waits", waits_in_many_ways)) as running:
        caller = await running.call(b"GET /waits HTTP/1.1")
        told = orjson.loads((await caller.reply()).body)
        assert told == ["timeout", "group", "wait_for", "failed"]


async def test_a_handler_that_fails_after_waiting_is_500() -> None:
    async def late(broker: Broker, request: Request) -> Response:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    async with wired(route("/late", late), HELLO) as running:
        caller = await running.call(b"GET /late HTTP/1.1")
        assert (await caller.reply()).status == 500
        await still_there(caller)


async def test_a_handler_that_gives_itself_up_breaks_its_connection_only() -> None:
    async def gone(broker: Broker, request: Request) -> Response:
        raise asyncio.CancelledError

    async with wired(route("/gone", gone), HELLO) as running:
        assert await (await running.call(b"GET /gone HTTP/1.1")).ended()
        await still_there(await running.call())
