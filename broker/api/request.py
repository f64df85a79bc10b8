"""The request object handlers get: parsed as far as every operation needs, and no further."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote_to_bytes

from broker.api.negotiate import media_type
from broker.api.response import JSON
from broker.errors import BadRequestData, InvalidRequest, LengthRequired, PayloadTooLarge
from broker.guard import ANYONE, Caller

if TYPE_CHECKING:
    from broker.api.table import Route

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST_PARAMETERS = 100
TENANT = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?")


class Disconnected(Exception):
    """The client went away before its body had arrived."""


class Request:
    """One HTTP request on its way through the fast lane.

    `path` holds the decoded values of the route's `{…}` segments in order; `query` the
    parameters, each at most once and known to the route; `caller` is set by the lane.
    """

    __slots__ = (
        "_raw", "caller", "headers", "max_body", "path", "query", "receive", "route", "scope",
        "tenant",
    )  # fmt: skip

    def __init__(
        self, scope: Scope, receive: Receive, route: Route, path: list[str], max_body: int
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.route = route
        self.path = path
        self.max_body = max_body
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        if len(self.headers) != len(scope["headers"]):
            self.headers = _combined(scope["headers"])
        raw = scope["query_string"]
        self.query: dict[str, str] = parse_query(raw, route) if raw else {}
        self.tenant = self._tenant()
        self.caller: Caller = ANYONE
        self._raw: bytes | None = None

    def _tenant(self) -> str:
        value = self.headers.get(b"ngsild-tenant")
        place = "header:NGSILD-Tenant"
        if value is None:
            if self.route.tenant_parameter:
                value = self.query.get("tenant", "").encode()
                place = "query:tenant"
            if not value:
                return ""
        if not TENANT.fullmatch(value):
            raise BadRequestData(
                "The tenant name is not usable.",
                place=place,
                remedy="Use 1 to 64 letters, digits, `_`, `.` or `-`; not `.` or `-` at the ends.",
            )
        return value.decode()

    def accept(self) -> bytes:
        """Return the media type of the response; raises NotAcceptable."""
        value = self.headers.get(b"accept")
        return JSON if value is None else media_type(value, self.route.geojson)

    async def body(self) -> bytes:
        """Return the whole body, as often as asked; raises LengthRequired, PayloadTooLarge."""
        if self._raw is None:
            self._raw = await self._read()
        return self._raw

    async def _read(self) -> bytes:
        length = self.headers.get(b"content-length")
        if length is None:
            raise LengthRequired(
                "The request has no Content-Length.",
                place="header:Content-Length",
                remedy="Send the body in one piece with its length; chunked bodies are not taken.",
            )
        if not length.isdigit() or len(length) > 18 or int(length) > self.max_body:
            raise PayloadTooLarge(
                f"The body is larger than {self.max_body} bytes.",
                place="body:",
                remedy="Send less at once, for instance several smaller batches.",
            )
        message = await self.receive()
        chunk: bytes = message.get("body", b"")
        if not message.get("more_body", False) and message["type"] == "http.request":
            return chunk
        chunks = [chunk]
        while message["type"] == "http.request" and message.get("more_body", False):
            message = await self.receive()
            chunks.append(message.get("body", b""))
        if message["type"] != "http.request":
            raise Disconnected
        return b"".join(chunks)


_LISTS = frozenset((b"accept", b"if-match", b"if-none-match", b"link"))
_ONCE = {
    name.lower().encode(): name
    for name in (
        *("NGSILD-Tenant", "Content-Type", "Content-Length", "Content-Encoding"),
        *("Idempotency-Key", "Last-Event-ID", "Machi-Client"),
    )
}


def _combined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the headers by name, lists put together; raises InvalidRequest for ambiguous ones."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in found and name in _ONCE:
            raise InvalidRequest(
                f"The header {_ONCE[name]} is given more than once.",
                place=f"header:{_ONCE[name]}",
                remedy="Send it once.",
            )
        found[name] = found[name] + b", " + value if name in found and name in _LISTS else value
    return found


def parse_query(raw: bytes, route: Route) -> dict[str, str]:
    """Return the query parameters, refusing repeated, unknown and undecodable ones."""
    parts = raw.split(b"&", MOST_PARAMETERS)
    try:
        pairs = [_pair(part) for part in parts if part]
    except UnicodeDecodeError:
        pairs = []
        parts = []
    if not 0 < len(parts) <= MOST_PARAMETERS:
        raise InvalidRequest(
            f"The query string is not percent-encoded UTF-8 with at most {MOST_PARAMETERS} "
            "parameters.",
            place="query:",
            remedy="Percent-encode each parameter value as UTF-8.",
        )
    query = dict(pairs)
    if len(query) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidRequest(
            f"The parameter `{twice}` is given more than once.",
            place=f"query:{twice}",
            remedy="Give each parameter once; lists are separated by commas.",
        )
    for name in query:
        if name not in route.known:
            raise InvalidRequest(
                f"`{name}` is not a parameter of {route.method} {route.template}.",
                place=f"query:{name}",
                remedy="Use only these: " + (", ".join(sorted(route.known)) or "none") + ".",
            )
    return query


def _pair(part: bytes) -> tuple[str, str]:
    name, _, value = part.partition(b"=")
    return _decoded(name), _decoded(value)


def _decoded(text: bytes) -> str:
    if b"+" in text:
        text = text.replace(b"+", b" ")
    if b"%" in text:
        text = unquote_to_bytes(text)
    return text.decode("utf-8")


def decode_segment(segment: bytes) -> str:
    """Return one path segment percent-decoded; raises BadRequestData where it is not UTF-8."""
    if b"%" in segment:
        segment = unquote_to_bytes(segment)
    try:
        return segment.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequestData(
            "The path is not percent-encoded UTF-8.",
            place="path:",
            remedy="Percent-encode ids and names as UTF-8.",
        ) from None
