"""The request object handlers get: parsed as far as every operation needs, and no further."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from broker.api.response import Response
from broker.errors import BadRequestData, InvalidRequest
from broker.guard import Caller

if TYPE_CHECKING:
    from broker.api.table import Route

MOST_PARAMETERS = 100
TENANT = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?")

_LISTS = frozenset((b"accept", b"connection", b"host", b"if-match", b"if-none-match", b"link"))
_ONCE = {
    name.lower().encode(): name
    for name in (
        *("NGSILD-Tenant", "Content-Type", "Content-Length", "Content-Encoding"),
        *("Authorization", "Idempotency-Key", "Last-Event-ID", "Machi-Client", "Machi-Purpose"),
    )
}


class Request:
    """One HTTP request.

    The connection gives method, path and query (both as they came), headers by lower-case name
    (`repeated` is one that must not come twice and does), and the body; it knows whether it
    `closes` after the answer and whether the client is `old` (HTTP/1.0); `weight` is how many bytes
    of its body `Bodies` counts; `address` is the client's, empty where it is not known.

    The lane adds the rest: `path` holds the decoded values of the route's `{…}` segments in
    order; `query` the parameters, each at most once and known to the route; `media` the type of
    the answer. It is not `served` where its path is none of the dispatch table, and `answer` is
    set where it is refused.
    """

    __slots__ = (
        "address", "answer", "body", "caller", "closes", "headers", "media", "method", "old",
        "path", "query", "raw_path", "raw_query", "repeated", "route", "served", "tenant",
        "weight",
    )  # fmt: skip

    route: Route
    path: list[str]
    query: dict[str, str]
    tenant: str
    caller: Caller
    media: bytes

    def __init__(self, method: str, target: bytes, headers: dict[bytes, bytes]) -> None:
        self.method = method
        self.raw_path, _, self.raw_query = target.partition(b"?")
        self.headers = headers
        self.repeated = b""
        self.address = ""
        self.body = b""
        self.weight = 0
        self.closes = False
        self.old = False
        self.served = False
        self.answer: Response | None = None

    def read(self, route: Route, values: list[bytes], caller: Caller) -> None:
        """Take the request as one for `route`; raises BadRequestData, InvalidRequest."""
        self.served = True
        self.route = route
        self.caller = caller
        if self.repeated:
            name = _ONCE[self.repeated]
            raise InvalidRequest(
                f"The header {name} is given more than once.",
                place=f"header:{name}",
                remedy="Send it once.",
            )
        if len(values) == 1:
            self.path = [decode_segment(values[0])]
        else:
            self.path = [decode_segment(value) for value in values]
        self.query = parse_query(self.raw_query, route) if self.raw_query else {}
        named = self.headers.get(b"ngsild-tenant")
        if named is not None:
            self.tenant = tenant(named, "header:NGSILD-Tenant")
        elif route.tenant_parameter and self.query.get("tenant"):
            self.tenant = tenant(self.query["tenant"].encode(), "query:tenant")
        else:
            self.tenant = ""


def repeat(headers: dict[bytes, bytes], name: bytes, value: bytes) -> bool:
    """Add a header that is there already: lists go on, of others the last counts.

    Returns whether that is ambiguous.
    """
    headers[name] = headers[name] + b", " + value if name in _LISTS else value
    return name in _ONCE


def tenant(value: bytes, place: str) -> str:
    """Return the name of a tenant; raises BadRequestData."""
    if not TENANT.fullmatch(value):
        raise BadRequestData(
            "The tenant name is not usable.",
            place=place,
            remedy="Use 1 to 64 letters, digits, `_`, `.` or `-`; not `.` or `-` at the ends.",
        )
    return value.decode()


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
    if b"%" in part or b"+" in part:
        return _decoded(name), _decoded(value)
    return name.decode("utf-8"), value.decode("utf-8")


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
