"""Forms: read with limits, and only from the page's own origin."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from apps.shell.refused import FormRefused

COOKIE: Final = "machi-form"
SESSION: Final = "machi-session"
"""The cookie that holds a session's token; the broker's own page uses it too."""
MOST_BYTES: Final = 32_768
HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Seal:
    """Ties a form to the browser and the session it was given to: an HMAC of both cookies.

    Without a `key` of the app's it has one that lives as long as the process: after a restart forms
    must be loaded again.
    """

    def __init__(self, key: bytes = b"") -> None:
        self._key = key or secrets.token_bytes(32)

    def cookie(self, request: Request) -> str:
        """Return the browser's cookie, a new one where it has none."""
        return request.cookies.get(COOKIE) or secrets.token_urlsafe(18)

    def give(self, request: Request, answer: Response, cookie: str) -> None:
        """Let an answer hand the browser its cookie."""
        answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", secure=secure(request))

    def token(self, cookie: str, session: str = "") -> str:
        """Return the token that a form for this browser carries, in this session."""
        return hmac.new(self._key, f"{cookie} {session}".encode(), hashlib.sha256).hexdigest()

    async def read(self, request: Request, most: int = MOST_BYTES) -> dict[str, str]:
        """Return a form's fields. Raises FormRefused for another origin's, or too large a one."""
        body = await own_body(request, most)
        try:
            fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        except ValueError as error:
            raise FormRefused("bad_form") from error
        cookie = request.cookies.get(COOKIE, "")
        token = self.token(cookie, request.cookies.get(SESSION, ""))
        if not cookie or not hmac.compare_digest(token.encode(), fields.get("token", "").encode()):
            raise FormRefused("stale_form")
        return fields


async def own_body(request: Request, most: int) -> bytes:
    """Return a body of so many bytes at most, sent by a page of our own.

    Raises FormRefused for another origin's, or too large a one.
    """
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise FormRefused("other_site")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise FormRefused("bad_form")
    return bytes(body)


def secure(request: Request) -> bool:
    """Say whether cookies travel by TLS only: everywhere but on this machine."""
    return request.url.scheme == "https" or request.url.hostname not in HOSTS


def host_allowed(request: Request) -> bool:
    """Say whether the request was meant for this machine: a page elsewhere cannot rebind a name."""
    return request.url.hostname in HOSTS
