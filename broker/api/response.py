"""What a handler returns, and the few shapes most of them return."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, TypeAlias

import orjson

from broker.errors import MachiError

JSON = b"application/json"
LD = b"application/ld+json"
GEO = b"application/geo+json"

Headers: TypeAlias = list[tuple[bytes, bytes]]

_JSON_TYPE = (b"content-type", JSON)
_TOLD = {
    "allow": b"allow",
    "accept": b"accept",
    "accept_encoding": b"accept-encoding",
    "www_authenticate": b"www-authenticate",
    "retry_after": b"retry-after",
}
"""Members of an error that are headers too."""


class Response:
    """Status, headers and either a whole body or a stream of chunks."""

    __slots__ = ("body", "headers", "status", "stream")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        headers: Headers | None = None,
        stream: AsyncGenerator[bytes, None] | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers if headers is not None else []
        self.stream = stream


def json_response(value: Any, status: int = 200) -> Response:
    """Return `value` as application/json."""
    return Response(status, orjson.dumps(value), [_JSON_TYPE])


def problem(error: MachiError) -> Response:
    """Return the ProblemDetails document of `error`, as application/json (§6.3.6)."""
    if error.bare:
        response = Response(error.status)
    else:
        body = orjson.dumps(error.problem(), option=orjson.OPT_NON_STR_KEYS, default=str)
        response = Response(error.status, body, [_JSON_TYPE])
    for member, header in _TOLD.items():
        if member in error.members:
            response.headers.append((header, ", ".join(error.members[member]).encode()))
    return response


def no_content() -> Response:
    """Return 204 without body and Content-Length."""
    return Response(204)
