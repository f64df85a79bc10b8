"""One kept-open HTTP/1.1 connection to a receiver, one request at a time."""

from __future__ import annotations

import asyncio
from typing import Final, cast

import httptools

from broker.subscriptions.delivery.answer import retry_after

MOST_BODY: Final = 65_536
MOST_HEAD: Final = 65_536


class Answer:
    """What is known of an answer so far."""

    __slots__ = ("asked", "size", "status")

    def __init__(self) -> None:
        self.status = 0
        self.size = 0
        self.asked = 0.0


class Connection(asyncio.Protocol):
    """One connection; carries one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.used = False
        self.since = 0.0
        self._waiter: asyncio.Future[Answer] | None = None
        self._answer = Answer()
        self._parser = httptools.HttpResponseParser(self)
        self._keep = True
        self._head = 0

    @property
    def open(self) -> bool:
        """Tell whether another request can be sent."""
        return self._keep and self.transport is not None and not self.transport.is_closing()

    def post(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; the future has the answer, or why there is none."""
        assert self.transport is not None
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        self._answer = Answer()
        self._head = 0
        self.transport.write(request)
        return self._waiter

    def abort(self) -> None:
        """Close at once."""
        self._keep = False
        self._waiter = None
        if self.transport is not None:
            self.transport.abort()

    @property
    def status(self) -> int:
        """Return the status of the answer under way, 0 while there is none."""
        return self._answer.status

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none by class.
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._keep = False
        if self._answer.status >= 200:
            self._finish()
        else:
            self._fail(ConnectionResetError("closed without an answer"))

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:
            self.abort()
            return
        self._head += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._keep = False
            self._fail(ValueError(str(error)))
        if not self._answer.status and self._head > MOST_HEAD:
            self._fail(ValueError("endless headers"))
        if not self._keep and self.transport is not None and self._waiter is None:
            self.transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self._answer.asked = retry_after(value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._answer.size += len(body)
        if self._answer.size > MOST_BODY:
            self._keep = False
            self._finish()

    def on_message_complete(self) -> None:
        if self._answer.status < 200:
            self._answer.status = 0
            return
        self._keep = self._keep and self._parser.should_keep_alive()
        self._finish()

    def _finish(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(self._answer)
        self._waiter = None

    def _fail(self, error: Exception) -> None:
        self._keep = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        self._waiter = None
