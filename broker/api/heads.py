"""Responses as bytes (HTTP/1.1 message syntax, RFC 9112)."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from broker.api.response import Response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

_STATUS = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, phrase.encode())
    for status, phrase in (
        *((status, "") for status in range(200, 600)),
        *((one.value, one.phrase) for one in HTTPStatus),
    )
}
_CLOSE = b"connection: close\r\n\r\n"
_KEEP = b"\r\n"


class ForgedHeader(Exception):
    """A header of ours would end the head early: it holds a line break."""


def head(status: int, date: bytes, headers: Iterable[tuple[bytes, bytes]], closes: bool) -> bytes:
    """Return status line and headers; `date` is a whole line. Raises ForgedHeader."""
    lines = [_STATUS[status], date]
    for name, value in headers:
        lines += (name, b": ", value, b"\r\n")
    breaks = len(lines) // 4 + (4 if closes else 3)
    lines.append(_CLOSE if closes else _KEEP)
    text = b"".join(lines)
    if text.count(b"\n") != breaks or text.count(b"\r") != breaks:
        raise ForgedHeader
    return text


def whole(response: Response, date: bytes, *, closes: bool, bodiless: bool) -> bytes:
    """Return a response in one piece; `bodiless` for the answer to HEAD. Raises ForgedHeader."""
    headers = response.headers
    status = response.status
    if status != 204 and status != 304:
        headers.append((b"content-length", b"%d" % len(response.body)))
    text = head(status, date, headers, closes)
    return text if bodiless else text + response.body


def chunk(data: bytes) -> bytes:
    """Return one chunk of a chunked body; `data` is not empty."""
    return b"%x\r\n%b\r\n" % (len(data), data)
