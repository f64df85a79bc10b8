"""Answers that are sent in parts: event streams, and what other applications send."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from typing import Protocol

from broker.api.heads import LAST_CHUNK, chunk, head
from broker.api.request import Request


class Line(Protocol):
    """A connection that can be written to."""

    def write(self, data: bytes) -> None:
        """Send; nothing happens where the client has left."""
        ...

    async def drained(self) -> None:
        """Return when more may be written, or the client has left."""
        ...

    def date(self) -> bytes:
        """Return the Date header as a line."""
        ...


class Outgoing:
    """Writes one answer in parts: chunked, or to HTTP/1.0 until the connection closes."""

    def __init__(self, line: Line, request: Request) -> None:
        self._line = line
        self._request = request
        self._chunked = False
        self._bodiless = request.method == "HEAD"
        self.begun = False

    def begin(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Write the head. Without Content-Length the body's end is marked by its framing."""
        request = self._request
        lines = list(headers)
        if status < 200 or status in (204, 304):
            self._bodiless = True
        elif not any(name.lower() == b"content-length" for name, _ in lines):
            if request.old:
                request.closes = True
            else:
                self._chunked = not self._bodiless
                lines.append((b"transfer-encoding", b"chunked"))
        self._line.write(head(status, self._line.date(), lines, closes=request.closes))
        self.begun = True

    async def send(self, data: bytes) -> None:
        """Write a part and wait while the client reads too slowly."""
        if data and not self._bodiless:
            self._line.write(chunk(data) if self._chunked else data)
            await self._line.drained()

    def end(self) -> None:
        """Mark the end of the body."""
        if self._chunked:
            self._line.write(LAST_CHUNK)


async def pump(outgoing: Outgoing, parts: AsyncGenerator[bytes, None]) -> None:
    """Send parts until there are no more; closes the generator in any case."""
    try:
        async for part in parts:
            await outgoing.send(part)
        outgoing.end()
    finally:
        await parts.aclose()
