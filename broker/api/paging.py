"""Pages of lists: `limit`, `offset`, `count`, and the links to their neighbours (§6.3.10)."""

from __future__ import annotations

from urllib.parse import quote

from broker.api import params
from broker.api.request import Request
from broker.api.response import Headers
from broker.errors import BadRequestData, TooManyResults

MOST = 10**9

_PLAIN = ":/@!$'()*"
"""What a query string may hold as it is, and no reader of a Link header takes for its own."""


def window(query: dict[str, str], max_limit: int, what: str) -> tuple[int, int, bool]:
    """Return (limit, offset, count) of a list of `what`."""
    count = params.boolean(query, "count")
    limit = params.whole(query, "limit", 20, MOST)
    if limit > max_limit:
        raise TooManyResults(
            f"A page has at most {max_limit} {what}.",
            place="query:limit",
            remedy=f"Send limit={max_limit} or less, and follow the next links.",
        )
    if limit == 0 and not count:
        raise BadRequestData(
            "limit=0 asks for nothing.",
            place="query:limit",
            remedy="Add count=true to get the total only, or raise limit.",
        )
    return limit, params.whole(query, "offset", 0, MOST), count


def links(request: Request, media: bytes, limit: int, offset: int, more: bool) -> Headers:
    """Return the Link headers to the next page, if there is `more`, and to the one before."""
    found = []
    if limit:
        if more:
            found.append(_link(request, media, "next", offset + limit, limit))
        if offset:
            found.append(_link(request, media, "prev", max(0, offset - limit), limit))
    return found


def _link(
    request: Request, media: bytes, relation: str, offset: int, limit: int
) -> tuple[bytes, bytes]:
    pairs = {**request.query, "offset": str(offset), "limit": str(limit)}
    parameters = "&".join(
        f"{name}={value if value.isascii() and value.isalnum() else quote(value, safe=_PLAIN)}"
        for name, value in sorted(pairs.items())
    )
    url = f"{request.route.template}?{parameters}"
    return b"link", f'<{url}>; rel="{relation}"; type="{media.decode()}"'.encode()
