"""Header lines that came before: clients send the same ones again and again.

To parse the head of a small request costs as much as half of what is done about it. So header
lines that the parser took are remembered with what it made of them. A request whose lines are the
same, byte for byte, is read without the parser; only its request line is new, and that is taken
in its plainest form or not at all.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias

from broker.api.request import Request

BREAK: Final = b"\r\n"
BLANK: Final = b"\r\n\r\n"

LONGEST: Final = 2048
"""Bytes of header lines that are remembered."""

MOST: Final = 256
"""Sets of header lines that are remembered, of all connections together."""

_METHODS: Final = {name.encode(): name for name in ("DELETE", "GET", "PATCH", "POST", "PUT")}
_LINE: Final = re.compile(rb"(DELETE|GET|PATCH|POST|PUT) (/[!\"$-~]*) HTTP/1\.1")
"""The plainest request line: its target has characters that no parser reads in another way."""


class Lines(NamedTuple):
    """What header lines say."""

    headers: dict[bytes, bytes]
    length: int
    """Of the body that follows."""


Plain: TypeAlias = tuple[str, bytes, dict[bytes, bytes], bytes]
"""A request that came in one piece: method, target, headers and body."""


class Known(dict[bytes, Lines]):
    """The header lines of late, of all connections of a server."""

    __slots__ = ()

    def read(self, data: bytes, most: int) -> Plain | None:
        """Return the request that `data` is, its head of at most so many bytes.

        None where it has to be parsed.
        """
        begin = data.find(BREAK)
        end = data.find(BLANK, begin) + len(BLANK)
        lines = self.get(data[begin:end])
        if lines is None or len(data) - end != lines.length or end > most:
            return None
        line = _LINE.fullmatch(data, 0, begin)
        if line is None:
            return None
        name, target = line.groups()
        return _METHODS[name], target, lines.headers, data[end:]

    def learn(self, data: bytes, request: Request) -> None:
        """Remember the header lines of a request that was parsed, and is all of `data`."""
        begin = data.find(BREAK)
        end = data.find(BLANK, begin) + len(BLANK)
        lines, headers = data[begin:end], request.headers
        if len(lines) > LONGEST or lines.count(BREAK) != len(headers) + 2:
            return
        if b"upgrade" in headers or _LINE.fullmatch(data, 0, begin) is None:
            return
        length = len(data) - end
        if length != int(headers.get(b"content-length", b"0")):
            return
        if len(self) >= MOST:
            self.clear()
        self[lines] = Lines(headers, length)
