"""Cross-origin requests: pages of other sites may read answers only where settings say so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from broker.api.request import Request
from broker.api.response import Response

_ANY: Final = "*"
_SENT: Final = (
    b"Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
    b"Last-Event-ID, Link, Machi-Client, Machi-Purpose, NGSILD-Tenant, Prefer"
)
_READ: Final = b"Allow, ETag, Link, Location, NGSILD-Results-Count, NGSILD-Tenant"
_SECONDS: Final = b"600"


class Origins:
    """The origins whose pages may read answers; `*` stands for all. Cookies are never let in."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(origin.lower() for origin in allowed)

    def __bool__(self) -> bool:
        return bool(self._allowed)

    def allow(self, request: Request, response: Response, methods: Iterable[str] = ()) -> None:
        """Add to a response what lets the page read it; `methods` answer a preflight request."""
        headers = response.headers
        headers.append((b"vary", b"Origin"))
        origin = request.headers.get(b"origin")
        if origin is None or not self._holds(origin):
            return
        headers.append((b"access-control-allow-origin", origin))
        headers.append((b"access-control-expose-headers", _READ))
        if methods and b"access-control-request-method" in request.headers:
            headers.append((b"access-control-allow-methods", ", ".join(methods).encode()))
            headers.append((b"access-control-allow-headers", _SENT))
            headers.append((b"access-control-max-age", _SECONDS))

    def _holds(self, origin: bytes) -> bool:
        return _ANY in self._allowed or origin.decode("latin-1").lower() in self._allowed
