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
_QUOTED = {code: quote(chr(code), safe=_PLAIN) for code in range(128)}


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


def page_after(query: dict[str, str], ordered: bool) -> str | None:
    """Return the id behind which a page begins (`pageAfter`), None for one found by `offset`.

    Raises BadRequestData where it would be out of order: `ordered` tells of an order that is not
    that of the ids.
    """
    after = query.get("pageAfter")
    if after is None:
        return None
    if ordered:
        raise BadRequestData(
            "A page behind an id is one in the order of ids, and orderBy asks for another.",
            place="query:pageAfter",
            remedy="Leave orderBy out or send orderBy=id; or page through with offset.",
        )
    if params.whole(query, "offset", 0, MOST):
        raise BadRequestData(
            "pageAfter and offset both say where the page begins.",
            place="query:offset",
            remedy="Leave offset out.",
        )
    return after


def next_link(request: Request, media: bytes, limit: int, last: str | None) -> Headers:
    """Return the Link header to the page behind the id `last`; none where it is None."""
    if not limit or last is None:
        return []
    return [_link(request, media, "next", {"pageAfter": last, "limit": str(limit)})]


def links(request: Request, media: bytes, limit: int, offset: int, more: bool) -> Headers:
    """Return the Link headers to the next page, if there is `more`, and to the one before."""
    found = []
    if limit:
        if more:
            found.append(_link(request, media, "next", _at(offset + limit, limit)))
        if offset:
            found.append(_link(request, media, "prev", _at(max(0, offset - limit), limit)))
    return found


def _at(offset: int, limit: int) -> dict[str, str]:
    return {"offset": str(offset), "limit": str(limit)}


def _quoted(value: str) -> str:
    return value.translate(_QUOTED) if value.isascii() else quote(value, safe=_PLAIN)


def _link(
    request: Request, media: bytes, relation: str, window: dict[str, str]
) -> tuple[bytes, bytes]:
    pairs = {**request.query, **window}
    parameters = "&".join([f"{name}={_quoted(value)}" for name, value in sorted(pairs.items())])
    url = f"{request.route.template}?{parameters}"
    return b"link", f'<{url}>; rel="{relation}"; type="{media.decode()}"'.encode()
