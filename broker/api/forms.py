"""Forms of the broker's own pages: taken from these pages only, as the person who has them open."""

from __future__ import annotations

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs, urlsplit

from broker.api.request import Request
from broker.errors import Forbidden, UnsupportedMediaType

COOKIE: Final = "machi-session"
"""Holds a session's token, for pages only: the API does not look at it."""
TYPE: Final = b"application/x-www-form-urlencoded"


class Forms:
    """Ties a form to the session of the browser it was given to."""

    def __init__(self, key: bytes) -> None:
        """`key` is known to nobody else; with another one, forms must be loaded again."""
        self._key = key

    def token(self, request: Request) -> str:
        """Return what a form for this browser carries."""
        session = session_of(request.headers)
        return hmac.new(self._key, session.encode(), hashlib.sha256).hexdigest()

    def read(self, request: Request) -> dict[str, str]:
        """Return the fields of a form that a page of ours sent. Raises Forbidden.

        A browser says where a form comes from; one of another site is refused, since it would be
        sent with the rights of whoever sits at this browser.
        """
        origin = request.headers.get(b"origin")
        host = request.headers.get(b"host", b"").decode("latin-1")
        site = request.headers.get(b"sec-fetch-site", b"same-origin")
        foreign = origin is not None and urlsplit(origin.decode("latin-1")).netloc != host
        if foreign or site not in (b"same-origin", b"none"):
            raise Forbidden(
                "This form comes from another site.",
                place="header:Origin",
                remedy="Open /operator on the broker itself and use its buttons.",
            )
        if request.headers.get(b"content-type", b"").split(b";")[0].strip().lower() != TYPE:
            raise UnsupportedMediaType(
                "The body is no form.",
                place="header:Content-Type",
                remedy="Use the buttons of /operator, or the API below /ngsi-ld/ex/v1.",
                accept=[TYPE.decode()],
            )
        fields = parse_qs(request.body.decode("utf-8", "replace"), max_num_fields=20)
        form = {name: values[0] for name, values in fields.items()}
        if not hmac.compare_digest(self.token(request).encode(), form.get("token", "").encode()):
            raise Forbidden(
                "This form was loaded before you signed in, or before the broker was started.",
                place="body:/token",
                remedy="Load the page again and use its buttons.",
            )
        return form


def session_of(headers: dict[bytes, bytes]) -> str:
    """Return the session's token in the cookie, empty where there is none."""
    try:
        cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""
