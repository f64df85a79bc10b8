"""The HTTP binding against real servers."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from broker.egress import Egress
from broker.subscriptions.delivery.http import HttpSender
from broker.subscriptions.delivery.message import Message
from broker.subscriptions.delivery.policy import Fate, Tried
from broker.subscriptions.delivery.resolve import Resolver
from broker.subscriptions.endpoint import parse_endpoint
from tests.support.receivers import HOST, answer, hang, receiver

MESSAGE = Message(b'{"data":[]}', (("Content-Type", "application/json"), ("X-Town", "Hitoyoshi")))


@contextlib.asynccontextmanager
async def sender(egress: Egress | None = None) -> AsyncIterator[HttpSender]:
    one = HttpSender(Resolver(egress or Egress(local=True)))
    try:
        yield one
    finally:
        await one.close()


async def send(
    http: HttpSender, url: str, message: Message = MESSAGE, attempt: int = 1, timeout: float = 5.0
) -> Tried:
    return await http.send(parse_endpoint(url), message, attempt=attempt, timeout=timeout)


@contextlib.asynccontextmanager
async def raw_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    handling: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handling.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await serve(reader, writer)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    server = await asyncio.start_server(handle, HOST, 0)
    try:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}/raw"
    finally:
        server.close()
        # A connection accepted a moment ago has no handler yet that would close it.
        for _ in range(10):
            await asyncio.sleep(0)
        for task in handling:
            task.cancel()
        await asyncio.gather(*handling, return_exceptions=True)


async def test_a_notification_arrives_as_it_was_rendered() -> None:
    async with receiver() as town, sender() as http:
        assert await send(http, town.url + "?token=a%20b") == Tried(Fate.DELIVERED)
    (got,) = town.got
    assert got.path == "/notify?token=a%20b"
    assert got.body == MESSAGE.body
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["X-Town"] == "Hitoyoshi"
    assert got.headers["Host"] == f"{HOST}:{town.port}"
    assert "Machi-Attempt" not in got.headers


async def test_a_repeat_says_which_try_it_is() -> None:
    async with receiver() as town, sender() as http:
        await send(http, town.url, attempt=3)
    assert town.got[0].headers["Machi-Attempt"] == "3"


async def test_one_connection_serves_many_notifications() -> None:
    async with receiver() as town, sender() as http:
        for _ in range(20):
            await send(http, town.url)
        assert len(town.got) == 20
        assert len(town.connections) == 1


async def test_a_kept_connection_that_is_dead_costs_a_second_try_that_says_so() -> None:
    heard: list[bytes] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answered in (True, False):
            heard.append(await reader.readuntil(MESSAGE.body))
            if answered:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw_server(once) as url, sender() as http:
        assert (await send(http, url)) == Tried(Fate.DELIVERED)
        assert (await send(http, url)) == Tried(Fate.DELIVERED, tries=2)
    assert [b"Machi-Attempt: 2" in one for one in heard] == [False, False, True]


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (200, Fate.DELIVERED), (204, Fate.DELIVERED), (301, Fate.REFUSED), (307, Fate.REFUSED),
        (400, Fate.REFUSED), (401, Fate.REFUSED), (404, Fate.REFUSED), (408, Fate.NOT_NOW),
        (410, Fate.GONE), (425, Fate.NOT_NOW), (429, Fate.NOT_NOW), (500, Fate.NOT_NOW),
        (503, Fate.NOT_NOW), (599, Fate.NOT_NOW),
    ],
)  # fmt: skip
async def test_the_status_decides(status: int, fate: Fate) -> None:
    async with receiver(answer(status)) as town, sender() as http:
        tried = await send(http, town.url)
    assert tried.fate is fate
    assert (str(status) in tried.words) is (fate is not Fate.DELIVERED)


async def test_a_redirect_is_not_followed() -> None:
    async with receiver() as secret, sender() as http:
        async with receiver(answer(307, {"Location": secret.url})) as town:
            tried = await send(http, town.url)
        assert secret.got == []
    assert "redirect" in tried.words


async def test_retry_after_is_heard() -> None:
    async with receiver(answer(503, {"Retry-After": "120"})) as town, sender() as http:
        assert (await send(http, town.url)).after == 120.0


async def test_a_receiver_that_hangs_is_given_up() -> None:
    async with receiver(answer(200)) as town, sender() as http:
        # A connection there is already, so that it is the answer that does not come in time.
        await send(http, town.url)
        town.reply = hang
        tried = await send(http, town.url, timeout=0.05)
        assert tried == Tried(Fate.NO_ANSWER, "The receiver did not answer in time.")
        town.reply = answer(200)
        assert (await send(http, town.url)).fate is Fate.DELIVERED


async def test_nobody_listening_is_no_answer() -> None:
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        async with sender() as http:
            tried = await send(http, f"http://{HOST}:{bound.getsockname()[1]}/")
    assert tried == Tried(Fate.NO_ANSWER, "The receiver's port takes no connections.")


async def test_a_name_nobody_has_is_no_answer() -> None:
    async with sender() as http:
        tried = await send(http, "http://nobody.invalid/")
    assert tried == Tried(Fate.NO_ANSWER, "The receiver's name cannot be resolved.")


async def test_the_egress_rule_holds_for_names_too() -> None:
    async with receiver() as town, sender(Egress()) as http:
        for url in (town.url, f"http://localhost:{town.port}/"):
            tried = await send(http, url)
            assert tried.fate is Fate.REFUSED
            assert "--allow-egress" in tried.words
        assert town.got == []


async def test_closing_without_an_answer_is_no_answer() -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)

    async with raw_server(close) as url, sender() as http:
        tried = await send(http, url)
    assert tried.fate is Fate.NO_ANSWER
    assert "without an answer" in tried.words


async def test_nonsense_is_no_answer() -> None:
    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"220 smtp.example ESMTP\r\n")
        await reader.read()

    async with raw_server(chatter) as url, sender() as http:
        tried = await send(http, url)
    assert tried == Tried(Fate.NO_ANSWER, "The receiver does not answer in proper HTTP.")


@pytest.mark.parametrize(
    "start",
    [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n"],
)
async def test_an_endless_body_is_not_read_to_its_end(start: bytes) -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.read(10)
        writer.write(start)
        with contextlib.suppress(OSError):
            while sent < 1 << 26:
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536

    async with raw_server(endless) as url, sender() as http:
        assert (await send(http, url)).fate is Fate.DELIVERED
    assert sent < 1 << 24


async def test_endless_headers_are_no_answer() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        with contextlib.suppress(OSError):
            for number in range(100_000):
                writer.write(b"x-%d: y\r\n" % number)
                await writer.drain()

    async with raw_server(endless) as url, sender() as http:
        assert (await send(http, url)).fate is Fate.NO_ANSWER


async def test_an_answer_that_stops_after_its_status_counts_by_its_status() -> None:
    async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 204 OK\r\nContent-Length: 5\r\n\r\n")
        await reader.read()

    async with raw_server(stuck) as url, sender() as http:
        assert (await send(http, url, timeout=2)).fate is Fate.DELIVERED


async def test_an_interim_answer_is_not_the_answer() -> None:
    async def polite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async with raw_server(polite) as url, sender() as http:
        assert (await send(http, url)).fate is Fate.NOT_NOW


@pytest.mark.parametrize(
    ("name", "value"), [("X-A\r\nX-B", "1"), ("X-A", "1\r\nX-B: 2"), ("X A", "1"), ("町", "1")]
)
async def test_receiver_info_cannot_add_headers_of_its_own(name: str, value: str) -> None:
    async with receiver() as town, sender() as http:
        tried = await send(http, town.url, Message(b"{}", ((name, value),)))
        assert town.got == []
    assert tried.fate is Fate.REFUSED


async def test_receiver_info_does_not_replace_what_frames_the_message() -> None:
    info = (("host", "evil"), ("Content-Length", "0"), ("transfer-encoding", "chunked"))
    async with receiver() as town, sender() as http:
        await send(http, town.url, Message(MESSAGE.body, (*MESSAGE.fields, *info)))
    assert town.got[0].body == MESSAGE.body
    assert town.got[0].headers["Host"] == f"{HOST}:{town.port}"
