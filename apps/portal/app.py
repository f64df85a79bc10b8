"""The portal over HTTP: the page, its event stream, its data as JSON, its files."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from apps.portal.developers import developers_page, download
from apps.portal.headers import SecurityHeaders
from apps.portal.hub import Hub
from apps.portal.models import models_page
from apps.portal.scale import Sketch
from apps.portal.texts import LANGUAGES, TEXTS, language_of
from apps.portal.view import View, town_view
from broker.client import Client
from smart_data_models.registry import BUILT

HERE = Path(__file__).parent
HEARTBEAT = 15.0


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """Where the broker is, which tenant holds the drills, and what to do once all is ready.

    `public_broker` is the broker's address as developers reach it, where that is another one;
    `registry` is the file of data models.
    """

    broker: str
    drill_tenant: str
    ready: Callable[[], None] = lambda: None
    public_broker: str = ""
    registry: Path = BUILT


class Pages:
    """Renders the page from the hub's state."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
        )

    def view(self, language: str) -> View:
        """Return the changing part of the page."""
        return town_view(self._hub.real, self._hub.drill, language, datetime.now(UTC))

    def page(self, language: str) -> str:
        """Return the page."""
        view = self.view(language)
        other = next(name for name in LANGUAGES if name != language)
        return self._templates.get_template("page.html").render(
            t=TEXTS[language],
            language=language,
            other=other,
            view=view,
            sketch=_sketch(view),
            words=orjson.dumps(
                {key: TEXTS[language][key] for key in ("seconds", "minutes", "hours", "days")}
            ).decode(),
        )

    def template(self, name: str) -> Template:
        """Return a page's template."""
        return self._templates.get_template(name)

    def missing(self, language: str) -> str:
        """Return the page for a path that leads nowhere."""
        return self._templates.get_template("missing.html").render(
            t=TEXTS[language], language=language
        )


def portal(settings: PortalSettings) -> FastAPI:
    """Return the portal application."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            Client(settings.broker, name="portal") as real,
            Client(settings.broker, tenant=settings.drill_tenant, name="portal") as drill,
        ):
            app.state.town = real
            app.state.registry = settings.registry
            app.state.public_broker = (settings.public_broker or settings.broker).rstrip("/")
            app.state.hub = Hub(real, drill)
            app.state.pages = Pages(app.state.hub)
            following = asyncio.create_task(app.state.hub.run(settings.ready))
            yield
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following

    app = FastAPI(title="Machi portal", docs_url=None, redoc_url=None, openapi_url=None,
                  lifespan=lifespan)  # fmt: skip
    app.add_route("/", _page, methods=["GET", "HEAD"])
    app.add_route("/developers", developers_page, methods=["GET", "HEAD"])
    app.add_route("/download", download, methods=["GET"])
    app.add_route("/models", models_page, methods=["GET", "HEAD"])
    app.add_route("/live", _live, methods=["GET"])
    app.add_route("/town.json", _town, methods=["GET"])
    app.add_route("/health", _health, methods=["GET"])
    app.add_route("/ready", _ready, methods=["GET"])
    app.add_route("/robots.txt", _robots, methods=["GET"])
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    app.add_exception_handler(404, _missing)
    app.add_middleware(SecurityHeaders, forms=True)
    return app


async def _page(request: Request) -> Response:
    language = language_of(request)
    return HTMLResponse(
        request.app.state.pages.page(language),
        headers={"Content-Language": language, "Vary": "Accept-Language"},
    )


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
            yield b": still here\n\n"
            continue
        seen = version
        view = {key: part for key, part in pages.view(language).items() if key != "shelters"}
        yield b"event: town\ndata: " + orjson.dumps(view) + b"\n\n"


async def _health(request: Request) -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")


async def _ready(request: Request) -> Response:
    hub: Hub = request.app.state.hub
    ready = hub.real.connected and hub.drill.connected
    body = b'{"ready":true}' if ready else b'{"ready":false}'
    return Response(body, status_code=200 if ready else 503, media_type="application/json")


async def _robots(request: Request) -> Response:
    return Response("User-agent: *\nDisallow: /\n", media_type="text/plain")


async def _missing(request: Request, error: Exception) -> Response:
    return HTMLResponse(request.app.state.pages.missing(language_of(request)), status_code=404)


def _sketch(view: View) -> dict[str, Any] | None:
    """Return the map's drawing: shelters, gauges and bridge as points, the river as a line."""
    shelters = [s for s in view["shelters"] if s["position"]]
    if not shelters:
        return None
    sketch = Sketch([s["position"] for s in shelters])
    real = view["situations"]["real"]
    gauges = [s for s in real["stations"] if s["position"] and sketch.holds(s["position"])]
    bridge = real["light"]["position"] if real["light"] else None
    course = sorted(g["position"] for g in gauges) + ([bridge] if bridge else [])
    return {
        "height": sketch.height,
        "shelters": [{**s, "point": sketch.point(s["position"])} for s in shelters],
        "gauges": [{**g, "point": sketch.point(g["position"])} for g in gauges],
        "bridge": sketch.point(bridge) if bridge else None,
        "river": " ".join(f"{x},{y}" for x, y in map(sketch.point, course)),
    }
