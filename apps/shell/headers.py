"""Response headers that keep a page to its own files and out of search engines."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS: Final = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"geolocation=(), camera=(), microphone=()"),
]


FORM_HEADERS: Final = {
    b"content-security-policy": POLICY.replace("form-action 'none'", "form-action 'self'").encode(),
    b"referrer-policy": b"same-origin",
}
CAMERA_HEADERS: Final = {
    b"permissions-policy": b"geolocation=(), camera=(self), microphone=()",
}


class SecurityHeaders:
    """ASGI middleware that adds `HEADERS` to every response; none is cached that does not say so.

    `forms` allows the pages' forms to be sent to their own origin, which they then name: without
    a referrer browsers send `Origin: null`. `camera` lets pages ask for the camera.
    """

    def __init__(self, app: ASGIApp, *, forms: bool = False, camera: bool = False) -> None:
        self._app = app
        changed = (FORM_HEADERS if forms else {}) | (CAMERA_HEADERS if camera else {})
        self._headers = [(name, changed.get(name, content)) for name, content in HEADERS]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                static = scope["path"].startswith("/static/")
                caching = (b"cache-control", b"no-cache" if static else b"no-store")
                own = any(name == b"cache-control" for name, _ in message["headers"])
                more = self._headers if own else [*self._headers, caching]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        await self._app(scope, receive, add)
