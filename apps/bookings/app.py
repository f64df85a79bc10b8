"""The bookings app over HTTP: the citizens' application, and the counter's, which stays at home."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles

from apps.bookings.pages.citizen import Citizen
from apps.bookings.pages.counter import Counter, Outside
from apps.bookings.pages.site import Site
from apps.shell.forms import host_allowed
from apps.shell.headers import SecurityHeaders
from apps.shell.language import language_of
from apps.shell.pages import equip, trouble
from broker.client import ClientError

STATIC: Final = Path(__file__).parent / "static"
Handler = Callable[[Request], Awaitable[Response]]


def citizens(site: Site) -> FastAPI:
    """Return the application for citizens."""
    pages = Citizen(site)
    app = _application("Machi bookings")
    for path, handler, method in (
        ("/", pages.find, "GET"),
        ("/spaces/{local}", pages.space, "GET"),
        ("/spaces/{local}/book", pages.book, "POST"),
        ("/bookings/{local}", pages.booking, "GET"),
        ("/bookings/{local}/{deed}", pages.act, "POST"),
        ("/my", pages.mine, "GET"),
        ("/my/{secret}.ics", pages.feed, "GET"),
        ("/open", pages.open, "GET"),
        ("/leave", pages.leave, "POST"),
        ("/case", pages.money, "GET"),
        ("/payments/notify", pages.notify, "POST"),
    ):
        app.add_route(path, _answering(handler), methods=[method])
    return _finished(app)


def counter(site: Site) -> FastAPI:
    """Return the application for the counter; it answers to names of this machine only."""
    pages = Counter(site)
    app = _application("Machi bookings: counter")
    app.add_route("/", _guarded(pages.page), methods=["GET"])
    app.add_route("/act/{deed}", _guarded(pages.act), methods=["POST"])
    app.add_route("/sign-in", _guarded(pages.enter), methods=["GET", "POST"])
    app.add_route("/sign-out", _guarded(pages.entrance.leave), methods=["POST"])
    app.add_route("/ledger.csv", _guarded(pages.download), methods=["GET"])
    return _finished(app)


def _application(title: str) -> FastAPI:
    return FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)


def _finished(app: FastAPI) -> FastAPI:
    app.add_route("/health", _health, methods=["GET"])
    app.mount("/static/bookings", StaticFiles(directory=STATIC))
    equip(app)
    app.add_middleware(SecurityHeaders, forms=True)
    return app


def _answering(handler: Callable[..., Awaitable[Response]]) -> Handler:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientError:
            page = trouble(500, language_of(request))
            page.status_code = 503
            page.headers["Retry-After"] = "5"
            return page

    return answer


def _guarded(handler: Callable[..., Awaitable[Response]]) -> Handler:
    plain = _answering(handler)

    async def answer(request: Request) -> Response:
        if not host_allowed(request):
            return Response("This name is not served here.", 421, media_type="text/plain")
        try:
            return await plain(request)
        except Outside as outside:
            return outside.answer

    return answer


async def _health(request: Request) -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")
