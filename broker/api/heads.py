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


class ForgedHeader(Exception):
    """A header of ours would end the head early: it holds a line break."""


def head(
    status: int,
    date: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    *,
    length: int | None = None,
    closes: bool,
) -> bytes:
    """Return status line and headers; `date` is a whole line. Raises ForgedHeader."""
    lines = [_STATUS[status], date]
    for name, value in headers:
        lines += (name, b": ", value, b"\r\n")
    breaks = len(lines) // 4 + 3
    if length is not None:
        lines.append(b"content-length: %d\r\n" % length)
        breaks += 1
    if closes:
        lines.append(b"connection: close\r\n")
        breaks += 1
    lines.append(b"\r\n")
    text = b"".join(lines)
    if text.count(b"\n") != breaks or text.count(b"\r") != breaks:
        raise ForgedHeader
    return text


def whole(response: Response, date: bytes, *, closes: bool, bodiless: bool) -> bytes:
    """Return a response in one piece; `bodiless` for the answer to HEAD. Raises ForgedHeader."""
    status, body = response.status, response.body
    length = None if status == 204 or status == 304 else len(body)
    text = head(status, date, response.headers, length=length, closes=closes)
    return text if bodiless else text + body


def done(date: bytes) -> bytes:
    """Return a 204 without headers, as one piece."""
    return b"%b%b\r\n" % (_STATUS[204], date)


def chunk(data: bytes) -> bytes:
    """Return one chunk of a chunked body; `data` is not empty."""
    return b"%x\r\n%b\r\n" % (len(data), data)
