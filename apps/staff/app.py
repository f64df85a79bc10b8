"""The staff page over HTTP, and the CAP documents of what is published."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from apps.alerts import cap
from apps.shell.headers import SecurityHeaders
from apps.shell.language import LANGUAGES, language_of, words
from apps.shell.pages import equip, templates
from apps.staff.acts import (
    LONGEST,
    LOOKS,
    REASONS,
    ActRefused,
    Override,
    Wording,
    approve,
    discard,
    override,
    release,
    reword,
)
from apps.staff.doors import adapters
from apps.staff.forms import COOKIE, FormRefused, Seal, host_allowed, staff_number, text, whole
from apps.staff.view import TYPES, tenant_view, time_shown
from broker.client import Client, ClientError, Entity, NotFound, Retry

HERE = Path(__file__).parent
TEXTS = words(HERE / "words")
LONGEST_LINE, LONGEST_TEXT = 200, 600
"""Characters of a headline and of a text."""
SOON = Retry(attempts=2)
"""A person waits: an absent broker is told at once."""
OUTCOMES = frozenset({"published", "approved", "reworded", "discarded", "overridden", "released"})


@dataclass(frozen=True, slots=True)
class StaffSettings:
    """Where the broker is, which tenant holds the drills, where the adapters' folders are."""

    broker: str
    drill_tenant: str
    adapters: Path | None = None
    ready: Callable[[], None] = lambda: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


class Staff:
    """The page and what is done on it."""

    def __init__(self, settings: StaffSettings, clients: dict[str, Client]) -> None:
        self._settings = settings
        self._clients = clients
        self.seal = Seal()
        self._templates = templates(HERE / "templates")
        self._templates.filters["time"] = time_shown

    async def page(self, request: Request, told: str = "", status: int = 200) -> Response:
        """Return the page, with a word on what was just done or refused."""
        language = language_of(request)
        own_words, now = TEXTS[language], self._settings.clock()
        reached = True
        tenants = {}
        for name, client in self._clients.items():
            found: list[tuple[Entity, str]] = []
            try:
                found = await _all(client)
            except ClientError:
                reached = False
            tenants[name] = tenant_view(found, language, now, own_words)
        cookie = self.seal.cookie(request)
        content = self._templates.get_template("page.html").render(
            t=own_words,
            language=language,
            tenants=tenants,
            adapters=await adapters(self._settings.adapters),
            reached=reached,
            told=own_words.get(f"told_{told}", "") if told else "",
            refused=status >= 400,
            token=self.seal.token(cookie),
            looks=list(LOOKS),
            reasons=REASONS,
            minutes=(5, 15, 30, 60, LONGEST),
            languages=LANGUAGES,
            longest=(LONGEST_LINE, LONGEST_TEXT),
        )
        answer = HTMLResponse(content, status, headers={"Content-Language": language})
        answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", path="/")
        return answer

    async def act(self, request: Request) -> Response:
        """Do what a form asks for, then show the page anew."""
        try:
            fields = await self.seal.read(request)
            client = self._clients.get(fields.get("tenant", ""))
            deed = DEEDS.get(request.path_params["deed"])
            if client is None or deed is None:
                raise FormRefused("bad_form")
            outcome = await deed(client, fields, self._settings.clock())
        except FormRefused as refusal:
            return await self.page(request, str(refusal), 403)
        except ActRefused as refusal:
            return await self.page(request, str(refusal), 409)
        except ClientError:
            return await self.page(request, "broker_away", 503)
        language = language_of(request)
        return RedirectResponse(f"/?lang={language}&told={outcome}", 303)

    async def documents(self, request: Request) -> Response:
        """Return the list of CAP documents of a tenant, newest first."""
        tenant = request.path_params["tenant"]
        entities = [one for one in await self._published(tenant) if cap.is_public(one)]
        listed = [
            {
                "identifier": cap.identifier(one),
                "href": f"/cap/{tenant}/{quote(one['id'], safe=':')}",
            }
            for one in reversed(entities)
        ]
        return Response(orjson.dumps(listed), media_type="application/json")

    async def document(self, request: Request) -> Response:
        """Return one CAP document."""
        wanted = request.path_params["id"]
        for one in await self._published(request.path_params["tenant"]):
            if one["id"] == wanted and cap.is_public(one):
                return Response(cap.document(one), media_type=cap.MEDIA_TYPE)
        return _problem(404, "There is no such document.", "See the list at /cap/real.")

    async def _published(self, tenant: str) -> list[Entity]:
        client = self._clients.get(tenant)
        if client is None:
            return []
        try:
            return await client.query(type="Alert,EvacuationInformation")
        except NotFound:
            return []


Deed = Callable[[Client, dict[str, str], datetime], Awaitable[str]]


async def _approve(client: Client, fields: dict[str, str], now: datetime) -> str:
    entity, version = fields.get("id", ""), fields.get("version", "")
    return await approve(client, entity, version, staff_number(fields), now)


async def _reword(client: Client, fields: dict[str, str], now: datetime) -> str:
    headline = {n: text(fields, f"headline_{n}", LONGEST_LINE, lines=False) for n in LANGUAGES}
    body = {n: text(fields, f"body_{n}", LONGEST_TEXT, lines=True) for n in LANGUAGES}
    if not all(headline.values()):
        raise FormRefused("bad_text")
    entity, version = fields.get("id", ""), fields.get("version", "")
    return await reword(client, entity, version, Wording(headline, body), staff_number(fields))


async def _discard(client: Client, fields: dict[str, str], now: datetime) -> str:
    entity, version = fields.get("id", ""), fields.get("version", "")
    return await discard(client, entity, version, staff_number(fields))


async def _override(client: Client, fields: dict[str, str], now: datetime) -> str:
    look, reason = fields.get("look", ""), fields.get("reason", "")
    if look not in LOOKS or reason not in REASONS:
        raise FormRefused("bad_form")
    wish = Override(look, whole(fields, "minutes", LONGEST), reason)
    return await override(client, fields.get("id", ""), wish, staff_number(fields), now)


async def _release(client: Client, fields: dict[str, str], now: datetime) -> str:
    return await release(client, fields.get("id", ""), now)


DEEDS: dict[str, Deed] = {
    "approve": _approve,
    "reword": _reword,
    "discard": _discard,
    "override": _override,
    "release": _release,
}


def staff(settings: StaffSettings) -> FastAPI:
    """Return the staff application."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with (
            Client(settings.broker, name="staff", retry=SOON) as real,
            Client(
                settings.broker, tenant=settings.drill_tenant, name="staff", retry=SOON
            ) as drill,
        ):
            app.state.staff = Staff(settings, {"drill": drill, "real": real})
            settings.ready()
            yield

    app = FastAPI(title="Machi staff", docs_url=None, redoc_url=None, openapi_url=None,
                  lifespan=lifespan)  # fmt: skip
    app.add_route("/", _guarded(_page), methods=["GET", "HEAD"])
    app.add_route("/act/{deed}", _guarded(_act), methods=["POST"])
    app.add_route("/cap/{tenant}", _guarded(_documents), methods=["GET"])
    app.add_route("/cap/{tenant}/{id}", _guarded(_document), methods=["GET"])
    app.add_route("/health", _health, methods=["GET"])
    app.mount("/static/staff", StaticFiles(directory=HERE / "static"))
    equip(app)
    app.add_middleware(SecurityHeaders, forms=True)
    return app


Handler = Callable[[Request], Awaitable[Response]]


def _guarded(handler: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        if not host_allowed(request):
            return Response("This name is not served here.", 421, media_type="text/plain")
        return await handler(request)

    return answer


async def _page(request: Request) -> Response:
    told = request.query_params.get("told", "")
    page: Response = await request.app.state.staff.page(request, told if told in OUTCOMES else "")
    return page


async def _act(request: Request) -> Response:
    answer: Response = await request.app.state.staff.act(request)
    return answer


async def _documents(request: Request) -> Response:
    try:
        answer: Response = await request.app.state.staff.documents(request)
    except ClientError:
        return _away()
    return answer


async def _document(request: Request) -> Response:
    try:
        answer: Response = await request.app.state.staff.document(request)
    except ClientError:
        return _away()
    return answer


def _away() -> Response:
    response = _problem(503, "The broker gives no answer.", "Ask again in a few seconds.")
    response.headers["Retry-After"] = "5"
    return response


def _problem(status: int, detail: str, remedy: str) -> Response:
    """Return a ProblemDetails document (RFC 9457)."""
    body = orjson.dumps({"status": status, "title": detail, "detail": detail, "remedy": remedy})
    return Response(body, status, media_type="application/problem+json")


async def _health(request: Request) -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")


async def _all(client: Client) -> list[tuple[Entity, str]]:
    """Return what the page shows of a tenant; only drafts need the version they were seen at."""
    try:
        found: list[Any] = await client.query(type=TYPES)
    except NotFound:
        return []
    shown = []
    for entity in found:
        if entity["type"] == "EvacuationInformation":
            shown.append(await client.retrieve_with_version(entity["id"]))
        else:
            shown.append((entity, ""))
    return shown
