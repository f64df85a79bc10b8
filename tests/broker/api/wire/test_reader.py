"""Reading requests: the same whatever the pieces they come in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.api.app import start, stop
from broker.api.bodies import Bodies
from broker.api.known import MOST, Known
from broker.api.lane import Lane
from broker.api.limits import Limits
from broker.api.reader import Reader
from broker.api.request import Request
from broker.api.table import Table
from broker.settings import Settings
from broker.store.memory import MemoryStore
from tests.broker.api.wire.test_protocol import ECHO, HELLO

HOST = b"\r\nHost: localhost\r\n"
REQUESTS = [
    b"GET /hello?a=b HTTP/1.1" + HOST + b"\r\n",
    b"GET http://localhost/hello#x HTTP/1.1" + HOST + b"A: 1\r\nA: 2\r\n\r\n",
    b"POST /echo HTTP/1.1" + HOST + b"Content-Length: 11\r\n\r\nhello world",
    b"POST /echo HTTP/1.1" + HOST + b"Content-Length: 99\r\n\r\n" + b"x" * 99,
    b"POST /echo HTTP/1.1" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    b"POST /else HTTP/1.1" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    b"1\r\na\r\n2\r\nbc\r\n0\r\nNGSILD-Tenant: t\r\n\r\n",
    b"POST /echo HTTP/1.1" + HOST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3"
    b"\r\n\r\nabc",
    b"PUT /hello HTTP/1.1" + HOST + b"Content-Length: 3\r\n\r\nabc",
    b"GET /hello HTTP/1.0" + HOST + b"\r\n",
    b"GET /hello HTTP/1.1" + HOST + b"Connection: close\r\n\r\n",
    b"GET /hello HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    b"no request\r\n\r\n",
]


@pytest.fixture(scope="module")
def lane() -> Lane:
    """Give a lane of two routes; nothing here reaches their handlers."""

    async def made() -> Lane:
        broker = await start(Settings(max_body=90), MemoryStore())
        await stop(broker)
        return Lane(Table([HELLO, ECHO]), broker)

    return asyncio.run(made())


def read(
    lane: Lane, pieces: list[bytes], limits: Limits | None = None, known: Known | None = None
) -> list[Any]:
    """Return what a reader makes of the pieces."""
    known = Known() if known is None else known
    reader = Reader(lane, limits or Limits(), Bodies(10**9), known, sockets=True)
    for piece in pieces:
        reader.feed(piece)
    found: list[Any] = [
        (
            *(one.method, one.raw_path, one.raw_query, one.headers, one.closes, one.old),
            one.answer.status if one.answer else one.body,
        )
        for one in reader.ready
    ]
    return [*found, reader.deaf, reader.upgrade is None]


@given(data=st.data(), count=st.integers(1, 4))
def test_requests_are_the_same_in_whatever_pieces(
    lane: Lane, data: st.DataObject, count: int
) -> None:
    text = b"".join(data.draw(st.sampled_from(REQUESTS)) for _ in range(count))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read(lane, [piece for piece in pieces if piece]) == read(lane, [text])


@pytest.mark.parametrize("text", REQUESTS, ids=lambda text: repr(text[:20]))
def test_they_are_the_same_byte_by_byte(lane: Lane, text: bytes) -> None:
    assert read(lane, [text[n : n + 1] for n in range(len(text))]) == read(lane, [text])


def test_trailers_are_no_headers_of_this_request_or_the_next(lane: Lane) -> None:
    *found, _, _ = read(lane, [REQUESTS[5] + REQUESTS[0]])
    assert [sorted(one[3]) for one in found] == [[b"host", b"transfer-encoding"], [b"host"]]


UPGRADE = REQUESTS[6]


def test_requests_that_ask_for_an_upgrade_count_only_their_own_bytes(lane: Lane) -> None:
    text = UPGRADE * 6 + REQUESTS[3]
    assert read(lane, [text[:-1], text[-1:]]) == read(lane, [text])


def test_any_number_of_requests_that_ask_for_an_upgrade_may_come_in_one_piece(lane: Lane) -> None:
    assert len(read(lane, [UPGRADE * 1000])) == 1002


def test_a_head_that_begins_behind_another_request_is_held_to_the_same_limit(lane: Lane) -> None:
    head = b"GET /hello HTTP/1.1" + HOST + b"A: " + b"a" * 1000 + b"\r\n\r\n"
    text, limits = REQUESTS[0] + head, Limits(head=1000)
    one = read(lane, [text], limits)
    assert one[1][-1] == 431
    assert read(lane, [text[:-100], text[-100:]], limits) == one


class Ignorant(Known):
    """Learns nothing, so that everything is parsed."""

    def learn(self, data: bytes, request: Request) -> None:
        return None


LINES = [
    *(b"POST /echo", b"GET /hello", b"GET /hello?a=%20b", b'PATCH /echo?a?"', b"HEAD /hello"),
    *(b"GET /hello#x", b"GET http://localhost/hello", b"GET  /hello", b"GET /h\xc3\xa9", b"GET *"),
    *(b"\r\nGET /hello", b"G ET /hello", b"get /hello", b"GET /he llo", b"CONNECT /hello"),
]
FIELDS = [
    *(b"", b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"content-length:3\r\n"),
    *(b"Accept: a\r\nAccept: b\r\n", b"Content-Length: 3\r\nContent-Length: 3\r\n"),
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"A: b\r\n c\r\n", b"A: b\n"),
    *(b"Content-Type: a\r\nContent-Type: b\r\n", b"A\r\n", b"A: \r\n"),
    *(b"Expect: 100-continue\r\nContent-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"),
    b"Connection: upgrade\r\nUpgrade: websocket\r\n",
]
MORE = [
    b"POST /echo HTTP/1.1" + HOST + b"Content-Length: 3\r\n\r\n" + rest
    for rest in (b"abc", b"ab", b"abcG", b"abc\r\n", b"abc" + REQUESTS[0], b"")
]
WHOLE = [
    line + version + HOST + field + b"\r\n" + (b"abc" if b"3" in field else b"")
    for line in LINES
    for version in (b" HTTP/1.1", b" HTTP/1.0", b" HTTP/1.1 ", b"")
    for field in FIELDS
]


@pytest.fixture(scope="module")
def known(lane: Lane) -> Known:
    """Give the header lines of all those requests."""
    known = Known()
    for one in (*MORE, b"\r\n", *WHOLE):
        read(lane, [one], known=known)
    return known


@pytest.mark.parametrize("head", [Limits().head, 60])
def test_header_lines_that_came_before_say_what_they_said(
    lane: Lane, known: Known, head: int
) -> None:
    limits = Limits(head=head)
    for one in WHOLE:
        assert read(lane, [one], limits, known) == read(lane, [one], limits, Ignorant())


@pytest.mark.parametrize("text", MORE)
def test_what_is_learnt_is_of_one_request(lane: Lane, text: bytes) -> None:
    assert read(lane, [text, text]) == read(lane, [text, text], None, Ignorant())


@given(pieces=st.lists(st.sampled_from(WHOLE) | st.sampled_from([*MORE, b"G", b"abc"]), min_size=2))
def test_they_say_it_only_between_requests(lane: Lane, known: Known, pieces: list[bytes]) -> None:
    assert read(lane, pieces, None, known) == read(lane, pieces, None, Ignorant())


def test_no_more_header_lines_are_kept_than_some(lane: Lane) -> None:
    known = Known()
    for number in range(2 * MOST):
        read(lane, [b"GET /hello HTTP/1.1" + HOST + b"A: %d\r\n\r\n" % number], known=known)
        assert len(known) <= MOST
    read(lane, [b"GET /hello HTTP/1.1" + HOST + b"A: " + b"a" * 3000 + b"\r\n\r\n"], known=known)
    assert max(map(len, known)) < 3000
