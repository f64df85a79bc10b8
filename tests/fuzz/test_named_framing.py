"""Requests whose framing, headers or connection are not as they should be, to a real process."""

from __future__ import annotations

import socket

import pytest

from tests.fuzz.named import ENTITIES, TRANSACTIONS, create, refused
from tests.fuzz.wire import Wire, check
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.no_cover  # the broker is in another process


def framed(method: bytes, *lines: bytes, body: bytes = b"") -> bytes:
    """Return a request whose framing is written out."""
    head = [method + b" /ngsi-ld/v1/entities HTTP/1.1", b"Host: localhost", *lines]
    return b"\r\n".join([*head, b"Content-Type: application/json", b"", b""]) + body


ENTITY = b'{"id":"urn:x:framed","type":"T"}'


def test_a_chunked_body_is_411(wire: Wire) -> None:
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(ENTITY), ENTITY)
    refused(wire.raw(framed(b"POST", b"Transfer-Encoding: chunked", body=chunks), fresh=True), 411)


@pytest.mark.parametrize(
    "lines",
    [
        (b"Content-Length: -1",), (b"Content-Length: +5",), (b"Content-Length: 0x5",),
        (b"Content-Length: 5, 5",), (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: 99999999999999999999999999",), (b"Content-Length: five",),
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"), (b"Content-Length:",),
        (b"Transfer-Encoding: chunked, identity",), (b"Transfer-Encoding: nonsense",),
        (b"Bad Header: x",), (b"NoColon",), (b" Folded: x",), (b"A: b\x00c",), (b"\xff: x",),
    ],
    ids=repr,
)  # fmt: skip
def test_ambiguous_framing_is_refused(wire: Wire, lines: tuple[bytes, ...]) -> None:
    reply = check(wire.raw(framed(b"POST", *lines, body=b"5\r\n{}   \r\n0\r\n\r\n"), fresh=True))
    assert 400 <= reply.status < 500
    wire.close()


@pytest.mark.parametrize(
    "line",
    [
        b"GET", b"GET / HTTP/9.9", b"\x16\x03\x01\x02\x00", b"get / x", b"GET / HTTP/1.1 x",
        b"PRI * HTTP/2.0", b"G\x00T / HTTP/1.1",
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_no_http_is_refused(wire: Wire, line: bytes) -> None:
    reply = check(wire.raw(line + b"\r\nHost: localhost\r\n\r\n", fresh=True))
    assert 400 <= reply.status < 500
    wire.close()


@pytest.mark.parametrize("hosts", [(), (b"Host: evil.example",), (b"Host: localhost", b"Host: x")])
def test_a_missing_foreign_or_double_host_is_refused(wire: Wire, hosts: tuple[bytes, ...]) -> None:
    head = b"\r\n".join([b"GET /health HTTP/1.1", *hosts, b"", b""])
    refused(wire.raw(head, fresh=True))
    wire.close()


@pytest.mark.parametrize(
    "name", ["NGSILD-Tenant", "Content-Type", "Idempotency-Key", "Last-Event-ID"]
)
def test_a_header_that_can_be_meant_once_only_is_refused_twice(wire: Wire, name: str) -> None:
    twice = [(name.encode(), b"1"), (name.encode(), b"1")]
    told = refused(wire.request(b"POST", TRANSACTIONS.encode(), twice, b"{}")).json()
    assert told["place"] == f"header:{name}"


def test_lists_in_several_headers_are_one_list(wire: Wire) -> None:
    create(wire, b"1", "lists")
    path = f"{ENTITIES}/urn:x:lists"
    tag = wire.get(path).headers["etag"].encode()
    tags = [(b"If-None-Match", tag), (b"If-None-Match", b'"v9-0"')]
    assert check(wire.request(b"GET", path.encode(), tags)).status == 304
    accept = [(b"Accept", b"application/json;q=0.1"), (b"Accept", b"application/ld+json")]
    reply = check(wire.request(b"GET", path.encode(), accept))
    assert reply.headers["content-type"] == "application/ld+json"
    match = [(b"If-Match", tag), (b"If-Match", b'"v9-0"')]
    assert check(wire.request(b"DELETE", path.encode(), match)).status == 204


def test_a_body_shorter_than_announced_harms_nobody(wire: Wire) -> None:
    with socket.create_connection(("127.0.0.1", wire.port), timeout=PATIENCE) as connection:
        connection.sendall(framed(b"POST", b"Content-Length: 1000", body=ENTITY))
    assert check(wire.get("/health")).status == 200
    assert wire.get(f"{ENTITIES}/urn:x:framed").status == 404


def test_pipelined_requests_are_answered_in_order(wire: Wire) -> None:
    one = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    two = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", wire.port), timeout=PATIENCE) as connection:
        connection.sendall(one + two)
        answers = b""
        while chunk := connection.recv(65536):
            answers += chunk
    assert answers.index(b"HTTP/1.1 200") < answers.index(b"HTTP/1.1 404")


def test_streams_that_are_left_at_once_leave_nothing_behind(wire: Wire) -> None:
    for _ in range(200):
        with socket.create_connection(("127.0.0.1", wire.port), timeout=PATIENCE) as connection:
            connection.sendall(b"GET /ngsi-ld/ex/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(15).startswith(b"HTTP/1.1 200")
    assert check(wire.get("/ready")).status == 200
