"""The portal over HTTP: the page, its event stream, its data as JSON, its files."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles

from apps.portal.counts import counts_file, counts_page
from apps.portal.developers import developers_page, download
from apps.portal.hub import Hub
from apps.portal.kept import Kept
from apps.portal.keys import KeysPage, keys_page, sign_in, sign_out
from apps.portal.level_page import levels_page
from apps.portal.models import models_page
from apps.portal.pages import KEPT, Pages
from apps.portal.past_page import of_the_past, past_page
from apps.portal.published import document, feed
from apps.shell.headers import SecurityHeaders
from apps.shell.language import language_of
from apps.shell.pages import equip, trouble
from broker.client import Client, Retry
from smart_data_models.registry import BUILT

HERE = Path(__file__).parent
HEARTBEAT = 15.0
AGAIN: Final = Retry(longest=1.0)
"""The page starts beside the broker, and shall not miss it for long."""


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """Where the broker is, which tenant holds the drills, and what to do once all is ready.

    `public_broker` is the broker's address as developers reach it, where that is another one;
    `registry` is the file of data models, `key` what the portal shows the broker.
    """

    broker: str
    drill_tenant: str
    ready: Callable[[], None] = lambda: None
    public_broker: str = ""
    registry: Path = BUILT
    key: str | None = field(default=None, repr=False)


def portal(settings: PortalSettings) -> Starlette:
    """Return the portal application."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            Client(settings.broker, name="portal", key=settings.key, retry=AGAIN) as real,
            Client(
                settings.broker,
                tenant=settings.drill_tenant,
                name="portal",
                key=settings.key,
                retry=AGAIN,
            ) as drill,
        ):
            app.state.town, app.state.drill = real, drill
            app.state.registry = settings.registry
            app.state.public_broker = (settings.public_broker or settings.broker).rstrip("/")
            app.state.hub = Hub(real, drill)
            app.state.pages = Pages(app.state.hub)
            app.state.kept = Kept()
            app.state.keys = KeysPage(real)
            following = asyncio.create_task(app.state.hub.run(settings.ready))
            yield
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following

    app = Starlette(lifespan=lifespan)
    app.add_route("/", _page, methods=["GET", "HEAD"])
    app.add_route("/levels", levels_page, methods=["GET", "HEAD"])
    app.add_route("/snapshot", _snapshot, methods=["GET", "HEAD"])
    app.add_route("/developers", developers_page, methods=["GET", "HEAD"])
    app.add_route("/download", download, methods=["GET"])
    app.add_route("/models", models_page, methods=["GET", "HEAD"])
    app.add_route("/counts", counts_page, methods=["GET", "HEAD"])
    app.add_route("/counts.csv", counts_file, methods=["GET"])
    app.add_route("/keys", keys_page, methods=["GET", "HEAD"])
    app.add_route("/keys/{deed}", keys_page, methods=["POST"])
    app.add_route("/sign-in", sign_in, methods=["GET", "HEAD", "POST"])
    app.add_route("/sign-out", sign_out, methods=["POST"])
    app.add_route("/live", _live, methods=["GET"])
    app.add_route("/curves/{kind}", _curves, methods=["GET"])
    app.add_route("/cap/{kind}", feed, methods=["GET", "HEAD"])
    app.add_route("/cap/{kind}/{id}", document, methods=["GET", "HEAD"])
    app.add_route("/town.json", _town, methods=["GET"])
    app.add_route("/health", _health, methods=["GET"])
    app.add_route("/ready", _ready, methods=["GET"])
    app.add_route("/robots.txt", _robots, methods=["GET"])
    equip(app)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    app.add_middleware(SecurityHeaders, forms=True)
    return app


async def _page(request: Request) -> Response:
    if of_the_past(request.query_params):
        return await past_page(request)
    language = language_of(request)
    return HTMLResponse(
        request.app.state.pages.page(language),
        headers={"Content-Language": language, "Vary": "Accept-Language"},
    )


async def _snapshot(request: Request) -> Response:
    language = language_of(request)
    return HTMLResponse(
        request.app.state.pages.snapshot(language),
        headers={
            "Content-Language": language,
            "Vary": "Accept-Language",
            "Cache-Control": f"public, max-age={KEPT:.0f}",
        },
    )


async def _curves(request: Request) -> Response:
    kind = request.path_params["kind"]
    if kind not in ("real", "drill"):
        return trouble(404, language_of(request))
    return HTMLResponse(request.app.state.pages.curves(kind, language_of(request)))


async def _town(request: Request) -> Response:
    view = request.app.state.pages.view(language_of(request))
    return Response(orjson.dumps(view), media_type="application/json")


async def _live(request: Request) -> Response:
    return StreamingResponse(
        _events(request.app.state.hub, request.app.state.pages, language_of(request)),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _events(hub: Hub, pages: Pages, language: str) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    seen = -1
    while True:
        version = await hub.wait(seen, HEARTBEAT)
        if version == seen:
            yield b"event: still\ndata:\n\n"
            continue
        seen = version
        yield pages.event(language)


async def _health(request: Request) -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")


async def _ready(request: Request) -> Response:
    hub: Hub = request.app.state.hub
    ready = hub.real.connected and hub.drill.connected
    body = b'{"ready":true}' if ready else b'{"ready":false}'
    return Response(body, status_code=200 if ready else 503, media_type="application/json")


async def _robots(request: Request) -> Response:
    return Response("User-agent: *\nDisallow: /\n", media_type="text/plain")
