"""Fetching one remote context document over HTTP, within limits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import orjson
from yarl import URL

from broker.egress import Egress, EgressRefused
from broker.jsonld.core import CORE_URL, is_core
from broker.model.entity import Json

if TYPE_CHECKING:
    import aiohttp

DEFAULT_FRESH = 3600.0
SHORTEST_FRESH = 30.0
LONGEST_FRESH = 86400.0

_HEADERS = {
    "Accept": "application/ld+json, application/json;q=0.9",
    "User-Agent": "Machi",
}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Unavailable(Exception):
    """The document cannot be had: refused, unreachable, too slow, not answered with success."""


class Refused(Unavailable):
    """The egress rule forbids the address of the document, or of one it redirects to."""


class NotAContext(Exception):
    """There is a document, and it is no context document within the limits."""


@dataclass(frozen=True, slots=True)
class Document:
    """A context document: the value of its @context, and how long it may be used unasked.

    `url` is where it was found after redirects, `digest` identifies its bytes, `fresh` is in
    seconds, `size` in bytes.
    """

    url: str
    context: Json
    digest: bytes
    fresh: float
    size: int


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes found at a URL, where they were found, and for how many seconds they are fresh."""

    url: str
    content: bytes
    fresh: float


async def fetch(
    session: aiohttp.ClientSession, egress: Egress, url: str, *, max_bytes: int, redirects: int
) -> Document:
    """Return the context document at a URL. Raises Unavailable, Refused or NotAContext.

    Every redirect is checked against the egress rule; one that leads to the core context is not
    followed, since the core is built in.
    """
    found = await fetch_body(session, egress, url, max_bytes=max_bytes, redirects=redirects)
    if is_core(found.url):
        return Document(found.url, CORE_URL, b"core", LONGEST_FRESH, 0)
    try:
        document = orjson.loads(found.content)
    except orjson.JSONDecodeError:
        raise NotAContext("It is not JSON.") from None
    if not isinstance(document, dict) or "@context" not in document:
        raise NotAContext("It is not a JSON object with @context.")
    digest = hashlib.blake2b(found.content, digest_size=32).digest()
    return Document(found.url, document["@context"], digest, found.fresh, len(found.content))


async def fetch_body(
    session: aiohttp.ClientSession, egress: Egress, url: str, *, max_bytes: int, redirects: int
) -> Body:
    """Return what is at a URL, as `fetch` finds it; nothing of the core context."""
    from aiohttp import ClientError

    target = url
    try:
        for _ in range(redirects + 1):
            checked = egress.check_url(target)
            async with session.get(checked, headers=_HEADERS, allow_redirects=False) as response:
                if response.status not in _REDIRECTS:
                    return await _read(response, target, max_bytes)
                target = _location(response, checked)
            if is_core(target):
                return Body(target, b"", LONGEST_FRESH)
    except (ClientError, OSError, ValueError) as error:
        raise _unavailable(error) from None
    raise Unavailable(f"It redirects more than {redirects} times.")


async def _read(response: aiohttp.ClientResponse, url: str, max_bytes: int) -> Body:
    if not 200 <= response.status < 300:
        raise Unavailable(f"It answers with status {response.status}.")
    body = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if len(body) > max_bytes:
            raise NotAContext(f"It is larger than {max_bytes} bytes.")
    return Body(url, bytes(body), freshness(response.headers))


def freshness(headers: Mapping[str, str]) -> float:
    """Return for how many seconds an answer may be used without asking again (RFC 9111 §4.2).

    From Cache-Control (`s-maxage`, then `max-age`), else Expires, else an hour; never under 30
    seconds, since a context is needed by every request that names it, nor over a day.
    """
    directives: dict[str, str] = {}
    for directive in headers.get("Cache-Control", "").lower().split(","):
        name, _, value = directive.strip().partition("=")
        directives[name] = value.strip('" ')
    seconds = DEFAULT_FRESH
    if "no-store" in directives or "no-cache" in directives:
        seconds = 0.0
    elif (age := directives.get("s-maxage", directives.get("max-age"))) is not None:
        seconds = float(age) if age.isdecimal() else 0.0
    elif "Expires" in headers and "Date" in headers:
        try:
            expires = parsedate_to_datetime(headers["Expires"]).timestamp()
            seconds = expires - parsedate_to_datetime(headers["Date"]).timestamp()
        except ValueError:
            seconds = 0.0
    return min(max(seconds, SHORTEST_FRESH), LONGEST_FRESH)


def _location(response: aiohttp.ClientResponse, base: URL) -> str:
    location = response.headers.get("Location")
    if not location:
        raise Unavailable("It redirects to nowhere.")
    return str(base.join(URL(location)))


def _unavailable(error: Exception) -> Unavailable:
    from aiohttp import ClientConnectorDNSError, ClientConnectorError, InvalidURL

    cause = error.os_error if isinstance(error, ClientConnectorError) else error
    if isinstance(cause, EgressRefused):
        return Refused(str(cause))
    if isinstance(cause, TimeoutError):
        return Unavailable("It does not answer in time.")
    if isinstance(error, (InvalidURL, ValueError)):
        return Unavailable("It is not a URL that can be fetched.")
    if isinstance(error, ClientConnectorDNSError):
        return Unavailable("Its host name cannot be resolved.")
    if isinstance(error, ClientConnectorError):
        return Unavailable("No connection can be made.")
    return Unavailable("It does not answer in proper HTTP.")
