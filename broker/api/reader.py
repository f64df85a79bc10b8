"""Requests out of bytes: HTTP/1.1 as httptools parses it, within limits, and without a socket."""

from __future__ import annotations

import logging
from collections import deque

import httptools

from broker.api.bodies import Bodies, crowded
from broker.api.known import Known
from broker.api.lane import Lane, unexpected
from broker.api.limits import Limits
from broker.api.request import Request, repeat
from broker.errors import HeadersTooLarge, InvalidRequest, MachiError, UriTooLong

_PATIENCE = 4
"""How many times the largest body is read away after a refusal, before the connection ends."""

log = logging.getLogger("machi.broker")


class Reader:
    """Reads the requests of one connection.

    `ready` holds the requests to answer, in order: those that are complete, and those refused
    for their head, whose body is then read away. `target` is what of a head has come that is not
    complete, `current` the request whose body is being read. `deaf` says that nothing more is
    read, `spoilt` that what was read is no request. `upgrade` is the head of a WebSocket
    handshake with what followed it.
    """

    __slots__ = (
        "_answered", "_before", "_between", "_bodies", "_fed", "_headers", "_kept", "_known",
        "_lane", "_limits",
        "_max_body", "_owed", "_parser", "_parts", "_piece", "_repeated", "_repeats", "_size",
        "_upgrading", "address", "begun", "current", "deaf", "invited", "ready", "sockets",
        "spoilt", "target", "upgrade",
    )  # fmt: skip

    def __init__(
        self, lane: Lane, limits: Limits, bodies: Bodies, known: Known, *, sockets: bool
    ) -> None:
        self._lane = lane
        self._limits = limits
        self._bodies = bodies
        self._known = known
        self._between = True
        self._max_body = lane.max_body
        self.sockets = sockets
        self._parser = httptools.HttpRequestParser(self)
        self.ready: deque[Request] = deque()
        self.current: Request | None = None
        self.address = ""
        self.deaf = False
        self.spoilt = False
        self.invited = False
        self.upgrade: tuple[Request, bytes] | None = None
        self.begun = 0.0
        self.target = b""
        self._headers: dict[bytes, bytes] = {}
        self._repeated = b""
        self._repeats = 0
        self._parts: list[bytes] = []
        self._kept = 0
        self._piece = 0
        self._fed = 0
        self._size = 0
        self._before = 0
        self._owed = 0
        self._answered = False
        self._upgrading = False

    def feed(self, data: bytes) -> None:
        """Read on. What is no HTTP becomes a refusal in `ready`."""
        if not self._between or self.deaf:
            self._read(data)
        elif not self._again(data):
            ahead = len(self.ready)
            self._read(data)
            if self._whole(ahead):
                self._known.learn(data, self.ready[-1])

    def _whole(self, ahead: int) -> bool:
        """Tell whether a piece that came between requests was one, `ahead` of it being others."""
        return self._between and not self.deaf and len(self.ready) == ahead + 1

    def _read(self, data: bytes) -> None:
        """Read a piece, of whatever it is."""
        self._piece = self._fed = len(data)
        while data and not self.deaf:
            data = self._take(data) if self._owed else self._parse(data)
        if self.current is not None or self.target:
            self._unfinished()

    def _again(self, data: bytes) -> bool:
        """Read a piece that is a whole request with known header lines; else return False."""
        plain = self._known.read(data, self._limits.head)
        if plain is None:
            return False
        method, target, headers, body = plain
        request = Request(method, target, headers)
        request.address = self.address
        self._lane.prepare(request)
        if not body:
            pass
        elif (
            request.answer is None
            and request.served
            and request.route.body is not None
            and len(body) <= self._max_body
            and self._bodies.take(request, len(body))
        ):
            request.body = body
        else:
            self.current = request
            self.on_body(body)
            self.current = None
        self.ready.append(request)
        return True

    @property
    def unfinished(self) -> bool:
        """Whether a request has begun and is not complete."""
        return self.current is not None or bool(self.target)

    @property
    def expecting(self) -> bool:
        """Whether the client waits to be told to send its body."""
        request = self.current
        return (
            request is not None
            and not self.invited
            and not self._answered
            and not request.body
            and request.headers.get(b"expect", b"").lower() == b"100-continue"
        )

    def refuse(self, error: MachiError) -> None:
        """Refuse the request that is being read, or what should be one; read no more."""
        if self.deaf:
            return
        self.deaf = self.spoilt = True
        request = self.current or Request("", b"", {})
        request.closes = True
        if not self._answered:
            self._answered = True
            request.answer = self._lane.refuse(request, error)
            self.ready.append(request)

    def on_message_begin(self) -> None:
        """Note that the parser has begun with a request, of which nothing else is told yet."""
        self._between = False

    def on_url(self, target: bytes) -> None:
        """Take the target, or a part of it."""
        self.target = self.target + target if self.target else target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        name = name.lower()
        headers = self._headers
        if name in headers:
            self._repeats += 1
            if repeat(headers, name, value):
                self._repeated = name
        else:
            headers[name] = value

    def on_headers_complete(self) -> None:
        """Judge the head, before the body is there."""
        parser = self._parser
        target = self.target
        headers = self._headers
        if target[:1] != b"/" or b"#" in target:
            target = _origin(target)
        self.current = request = Request(parser.get_method().decode(), target, headers)
        request.address = self.address
        if not parser.should_keep_alive():
            request.closes = True
            request.old = parser.get_http_version() == "1.0"
        elif b"connection" in headers and parser.get_http_version() == "1.0":
            request.closes = request.old = True
        if self._repeats:
            request.repeated = self._repeated
        if (
            self._before + self._size + self._piece > self._limits.head
            or len(headers) + self._repeats > self._limits.headers
        ) and self._is_large(target, headers):
            request.answer = self._lane.refuse(request, self._too_large(target))
            request.closes = True
        if b"upgrade" in headers or request.method == "CONNECT":
            self._upgrading = parser.should_upgrade()
        if request.answer is None:
            if self._upgrading and self._is_handshake(request):
                self._lane.meet(request)
            else:
                self._lane.prepare(request)
        self.target = b""
        self._before = 0
        self._headers = {}
        if self._size or self._repeats:
            self._size = 0
            self._repeats = 0
            self._repeated = b""

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body if anyone will read it."""
        request = self.current
        assert request is not None
        if request.answer is not None or (request.served and request.route.body is None):
            return
        if not self._bodies.take(request, len(body)):
            self._refuse_body(request, crowded())
            return
        if not request.body and len(body) <= self._max_body:
            request.body = body
            return
        self._parts.append(body)
        self._kept += len(body)
        if self._kept + len(request.body) > self._max_body:
            self._refuse_body(request, self._lane.too_large())

    def on_message_complete(self) -> None:
        """Pass the request on, unless it was refused before."""
        if self._upgrading:
            return
        request = self.current
        assert request is not None
        self.current = None
        if self._parts:
            request.body = b"".join((request.body, *self._parts))
            self._parts = []
            self._kept = 0
        if self._headers:
            self._headers = {}
        self._size = self._fed = 0
        self._before = self._piece
        self._between = True
        self.begun = 0.0
        if self.deaf:
            return
        if self._answered:
            self._answered = self.invited = False
        else:
            self.ready.append(request)
        if request.closes:
            self.deaf = True

    def forget(self) -> None:
        """Read no more, and let go of what has been read and is not being answered."""
        self.deaf = True
        for request in (*self.ready, self.current):
            if request is not None:
                self._bodies.give_back(request)
        self.ready.clear()
        self._parts = []

    def _refuse_body(self, request: Request, error: MachiError) -> None:
        """Refuse a request in the middle of its body, of which nothing is kept."""
        self._bodies.give_back(request)
        request.body = b""
        self._parts = []
        self._kept = 0
        request.answer = self._lane.refuse(request, error)

    def _unfinished(self) -> None:
        if self.deaf:
            return
        self._size += self._fed
        request = self.current
        if request is None:
            if self._size > self._limits.head:
                self.refuse(self._too_large(self.target))
        elif self._size > _PATIENCE * self._max_body:
            self.refuse(self._lane.too_large())
        elif request.answer is not None and not self._answered:
            if self.expecting:
                request.closes = True
            self._answered = True
            self.ready.append(request)

    def _parse(self, data: bytes) -> bytes:
        """Have the parser read; return what follows the head of a request for an upgrade."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            self.refuse(unexpected("a request", error))
        except httptools.HttpParserError:
            self.refuse(
                InvalidRequest(
                    "This is not a request in HTTP/1.1.",
                    place="request",
                    remedy="Check the request line, the header lines and Content-Length.",
                )
            )
        return b""

    def _take(self, data: bytes) -> bytes:
        """Read a body the parser does not: that of a request for an upgrade; return the rest."""
        part, rest = data[: self._owed], data[self._owed :]
        self._owed -= len(part)
        self.on_body(part)
        if not self._owed:
            self.on_message_complete()
        return rest

    def _upgrade(self, rest: bytes) -> bytes:
        """Hand over a WebSocket handshake; go on with any other upgrade as if it were not asked."""
        request = self.current
        assert request is not None
        self._upgrading = False
        if request.answer is None and self._is_handshake(request):
            self.upgrade = request, rest
            self.deaf = True
            return b""
        if request.method == "CONNECT" or b"transfer-encoding" in request.headers:
            request.closes = True
        self._owed = int(request.headers.get(b"content-length", b"0"))
        if not self._owed:
            self.on_message_complete()
        return rest

    def _is_handshake(self, request: Request) -> bool:
        return (
            self.sockets
            and request.method == "GET"
            and request.headers.get(b"upgrade", b"").lower() == b"websocket"
        )

    def _is_large(self, target: bytes, headers: dict[bytes, bytes]) -> bool:
        size = len(target) + sum(len(name) + len(value) + 4 for name, value in headers.items())
        return size > self._limits.head or len(headers) + self._repeats > self._limits.headers

    def _too_large(self, target: bytes) -> MachiError:
        limits = self._limits
        if len(target) > limits.head // 2:
            return UriTooLong(
                f"The request line and headers are larger than {limits.head} bytes.",
                place="request",
                remedy="Send a shorter query, or several.",
            )
        return HeadersTooLarge(
            f"There are more than {limits.headers} headers, or request line and headers are "
            f"larger than {limits.head} bytes.",
            place="header:",
            remedy="Send fewer or shorter headers.",
        )


def _origin(target: bytes) -> bytes:
    """Return path and query of a target in another form than `/path?query`."""
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        return target
    return (url.path or b"") + (b"?" + url.query if url.query else b"")
