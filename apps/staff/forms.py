"""Forms: read with limits, and only from the page's own origin."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final
from urllib.parse import parse_qs, urlsplit

from fastapi import Request

COOKIE: Final = "machi-staff"
MOST_BYTES: Final = 32_768
STAFF: Final = re.compile(r"[A-Za-z0-9-]{1,20}")
HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class FormRefused(Exception):
    """A form that is not taken; the text is a key of the page's words."""


class Seal:
    """Ties a form to the browser it was given to: an HMAC of a same-site cookie.

    The key lives as long as the process: after a restart forms must be loaded again.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def cookie(self, request: Request) -> str:
        """Return the browser's cookie, a new one where it has none."""
        return request.cookies.get(COOKIE) or secrets.token_urlsafe(18)

    def token(self, cookie: str) -> str:
        """Return the token that a form for this browser carries."""
        return hmac.new(self._key, cookie.encode(), hashlib.sha256).hexdigest()

    async def read(self, request: Request) -> dict[str, str]:
        """Return a form's fields. Raises FormRefused for another origin's, or too large a one."""
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            raise FormRefused("other_site")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                raise FormRefused("bad_form")
        try:
            fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        except ValueError as error:
            raise FormRefused("bad_form") from error
        cookie = request.cookies.get(COOKIE, "")
        if not cookie or not hmac.compare_digest(
            self.token(cookie).encode(), fields.get("token", "").encode()
        ):
            raise FormRefused("stale_form")
        return fields


def host_allowed(request: Request) -> bool:
    """Say whether the request was meant for this machine: a page elsewhere cannot rebind a name."""
    return request.url.hostname in HOSTS


def staff_number(fields: dict[str, str]) -> str:
    """Return the number a person gave. Raises FormRefused."""
    given = fields.get("staff", "").strip()
    if not STAFF.fullmatch(given):
        raise FormRefused("bad_staff")
    return given


def whole(fields: dict[str, str], name: str, most: int) -> int:
    """Return a whole number from 1 to `most`. Raises FormRefused."""
    given = fields.get(name, "")
    if not re.fullmatch(r"[0-9]{1,6}", given) or not 1 <= int(given) <= most:
        raise FormRefused("bad_form")
    return int(given)


def text(fields: dict[str, str], name: str, most: int, *, lines: bool) -> str:
    """Return a text of at most so many characters, of one line or several. Raises FormRefused."""
    given = fields.get(name, "").replace("\r\n", "\n").strip()
    allowed = "\n" if lines else ""
    if len(given) > most or any(not c.isprintable() and c not in allowed for c in given):
        raise FormRefused("bad_text")
    return given
