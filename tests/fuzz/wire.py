"""Requests as bytes on a socket, and what every answer to them must be like."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from dataclasses import dataclass
from typing import Any

import orjson

from tests.support.crowding import crowding
from tests.support.patience import PATIENCE

HOST = "127.0.0.1"
LONGEST = 2.0
"""Seconds an answer may take on a machine that has nothing else to do."""

UNFETCHED = "https://uri.etsi.org/ngsi-ld/errors/LdContextNotAvailable"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: header names in lower case; `seconds` until all of it had arrived."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        """Return the body as JSON."""
        return orjson.loads(self.body)


class Wire:
    """A connection to a server, opened again where it was closed. Sends bytes as they are given."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.count = 0
        self._socket: socket.socket | None = None

    def request(
        self,
        method: bytes,
        target: bytes,
        headers: list[tuple[bytes, bytes]] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Send one request with Host and, for a body, Content-Length; return the answer."""
        lines = [b"%b %b HTTP/1.1" % (method, target), b"Host: localhost:%d" % self.port]
        lines += [name + b": " + value for name, value in headers or []]
        if body is not None:
            lines.append(b"Content-Length: %d" % len(body))
        return self.raw(b"\r\n".join([*lines, b"", b""]) + (body or b""))

    def json(
        self, method: str, path: str, body: Any, headers: list[tuple[bytes, bytes]] | None = None
    ) -> Reply:
        """Send a JSON body; bytes are sent as they are."""
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        kind = [(b"Content-Type", b"application/json")]
        return self.request(method.encode(), path.encode(), [*(headers or kind)], raw)

    def get(self, path: str) -> Reply:
        """GET."""
        return self.request(b"GET", path.encode())

    def raw(self, data: bytes, *, fresh: bool = False) -> Reply:
        """Send bytes and return the first answer; `fresh` on a connection of its own."""
        self.count += 1
        if fresh:
            self.close()
        begun = time.perf_counter()
        try:
            return self._exchange(data, begun)
        except (ConnectionError, http.client.RemoteDisconnected):
            # The server may close an idle or refused connection at any time.
            self.close()
            return self._exchange(data, begun)

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _exchange(self, data: bytes, begun: float) -> Reply:
        if self._socket is None:
            self._socket = socket.create_connection((HOST, self.port), timeout=PATIENCE)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            # A server may answer and close before it has read all of a large body.
            self._socket.sendall(data)
        answer = http.client.HTTPResponse(self._socket)
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        body = b"" if _endless(headers) else answer.read()
        reply = Reply(answer.status, headers, body, time.perf_counter() - begun)
        if answer.will_close or _endless(headers):
            self.close()
        return reply


def _endless(headers: dict[str, str]) -> bool:
    return headers.get("content-type", "").startswith("text/event-stream")


def check(reply: Reply) -> Reply:
    """Return the answer, having checked that it is sound: quick, no fault, and helpful.

    Of the 5xx one is sound, 504 LdContextNotAvailable (5.5.7): the fault is that of whoever was to
    serve the @context, and fuzzed requests name some that nobody serves.
    """
    assert reply.seconds < LONGEST or reply.seconds < LONGEST * crowding(), reply
    assert reply.status < 500 or reply.status == 504, reply
    if reply.status == 504:
        assert reply.json()["type"] == UNFETCHED, reply
    if reply.status in (411, 415):
        assert reply.body == b"", reply
    elif reply.status >= 400:
        assert reply.headers["content-type"] == "application/json", reply
        told = reply.json()
        assert told["status"] == reply.status
        for member in ("type", "title", "detail", "place", "remedy"):
            assert isinstance(told[member], str), reply
            assert told[member], reply
    elif reply.body and reply.headers.get("content-type", "").startswith("application/"):
        orjson.loads(reply.body)
    return reply
