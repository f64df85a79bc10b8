"""What every app's server is put together from: the frame, health, and who may come to a page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from apps.shell.forms import host_allowed
from apps.shell.headers import SecurityHeaders
from apps.shell.language import language_of
from apps.shell.pages import equip, trouble
from broker.client import ClientError

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


class Outside(Exception):
    """Nobody is signed in who may see the page; `answer` is what is shown instead."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def application(area: str, static: Path, *, camera: bool = False, **options: Any) -> Starlette:
    """Return an app with the frame, `/health`, and the files of `static` at `/static/<area>`.

    Its pages may ask for the camera where `camera` says so.
    """
    app = Starlette(**options)
    app.add_route("/health", _health, methods=["GET"])
    app.mount(f"/static/{area}", StaticFiles(directory=static))
    equip(app)
    app.add_middleware(SecurityHeaders, forms=True, camera=camera)
    return app


def answering(handler: Handler) -> Handler:
    """Return a handler that answers 503, to be tried again, where the broker gives no answer."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientError:
            page = trouble(500, language_of(request))
            page.status_code = 503
            page.headers["Retry-After"] = "5"
            return page

    return answer


def at_home(handler: Handler) -> Handler:
    """Return a handler that answers to names of this machine only, and shows whom it lets in."""

    async def answer(request: Request) -> Response:
        if not host_allowed(request):
            return Response("This name is not served here.", 421, media_type="text/plain")
        try:
            return await handler(request)
        except Outside as outside:
            return outside.answer

    return answer


async def _health(request: Request) -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")
