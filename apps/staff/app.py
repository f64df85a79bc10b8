"""The staff page over HTTP, and the CAP documents of what is published."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from apps.alerts import cap
from apps.alerts.current import NEVER, sent_at
from apps.keys.doors import Doors
from apps.keys.page import EMERGENCY, KeysPage
from apps.shell.application import Outside, application, at_home
from apps.shell.entrance import Entrance, Person
from apps.shell.forms import SESSION, Seal
from apps.shell.language import LANGUAGES, language_of, words
from apps.shell.pages import templates
from apps.shell.problems import away, problem
from apps.shell.refused import FormRefused
from apps.staff.acts import LONGEST, LOOKS, REASONS, ActRefused
from apps.staff.deeds import DEEDS, LONGEST_LINE, LONGEST_TEXT, OUTCOMES, Desk
from apps.staff.doors import HELD_REASONS, adapters
from apps.staff.keys import act_on_keys, show_keys
from apps.staff.view import TYPES, tenant_view, time_shown
from broker.client import Client, ClientError, Entity, NotFound, Retry

HERE = Path(__file__).parent
TEXTS = words(HERE / "words")
SOON = Retry(attempts=2)
"""A person waits: an absent broker is told at once."""


@dataclass(frozen=True, slots=True)
class StaffSettings:
    """Where the broker is, which tenant holds the drills, where the adapters' folders are.

    With `sign_in` people sign in; what they decide is written by the page, with its own `key`, so
    that nobody gets around the rules of the page.
    """

    broker: str
    drill_tenant: str
    adapters: Path | None = None
    sign_in: bool = False
    key: str | None = field(default=None, repr=False)
    ready: Callable[[], None] = lambda: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


class Staff:
    """The page and what is done on it."""

    def __init__(self, settings: StaffSettings, clients: dict[str, Client]) -> None:
        self._settings = settings
        self._clients = clients
        self.seal = Seal()
        self.entrance = Entrance(clients["real"], self.seal)
        self._templates = templates(HERE / "templates")
        self._templates.filters["time"] = time_shown

    async def person(self, request: Request) -> Person | None:
        """Return who is signed in, None where nobody signs in. Raises Outside, ClientError."""
        if not self._settings.sign_in:
            return None
        person = await self.entrance.person(request)
        if person is None:
            raise Outside(RedirectResponse(f"/sign-in?lang={language_of(request)}", 303))
        if not person.has("staff", "officer", "administrator"):
            raise Outside(self.entrance.form(request, "not_here", 403))
        return person

    async def page(
        self, request: Request, person: Person | None, told: str = "", status: int = 200
    ) -> Response:
        """Return the page as a person may see it, with a word on what was just done or refused."""
        language = language_of(request)
        own_words, now = TEXTS[language], self._settings.clock()
        reached = True
        tenants = {}
        for name, client in self._clients.items():
            found: list[tuple[Entity, str]] = []
            try:
                found = await _all(client.acting_for(person.token) if person else client)
            except ClientError:
                reached = False
            tenants[name] = tenant_view(found, language, now, own_words)
        cookie = self.seal.cookie(request)
        content = self._templates.get_template("page.html").render(
            t=own_words,
            language=language,
            tenants=sorted(tenants.items(), key=lambda one: not one[1]["drafts"]),
            adapters=await adapters(self._settings.adapters),
            reached=reached,
            told=own_words.get(f"told_{told}", "") if told else "",
            refused=status >= 400,
            token=self.seal.token(cookie, request.cookies.get(SESSION, "")),
            person=person,
            sees_keys=person is None or person.has(*EMERGENCY),
            looks=list(LOOKS),
            reasons=REASONS,
            held_reasons=HELD_REASONS,
            minutes=(5, 15, 30, 60, LONGEST),
            languages=LANGUAGES,
            longest=(LONGEST_LINE, LONGEST_TEXT),
        )
        answer = HTMLResponse(content, status, headers={"Content-Language": language})
        self.seal.give(request, answer, cookie)
        return answer

    async def act(self, request: Request, person: Person | None) -> Response:
        """Do what a form asks for, then show the page anew."""
        try:
            fields = await self.seal.read(request)
            deed = DEEDS.get(request.path_params["deed"])
            if deed is None:
                raise FormRefused("bad_form")
            if person is not None:
                if not person.has(*deed.roles):
                    raise FormRefused("not_yours")
                fields["staff"] = person.user
            settings = self._settings
            desk = Desk(fields, self._clients, settings.adapters, settings.clock())
            outcome = await deed.do(desk)
        except FormRefused as refusal:
            return await self.page(request, person, str(refusal), 403)
        except ActRefused as refusal:
            return await self.page(request, person, str(refusal), 409)
        except ClientError:
            return await self.page(request, person, "broker_away", 503)
        language = language_of(request)
        return RedirectResponse(f"/?lang={language}&told={outcome}", 303)

    async def documents(self, request: Request) -> Response:
        """Return the list of CAP documents of a tenant, newest first."""
        tenant = request.path_params["tenant"]
        told = [one for one in await self._published(tenant) if _is_document(one)]
        entities = sorted(told, key=sent_at, reverse=True)
        listed = [
            {
                "identifier": cap.identifier(one),
                "href": f"/cap/{tenant}/{quote(one['id'], safe=':')}",
            }
            for one in entities
        ]
        return Response(orjson.dumps(listed), media_type="application/json")

    async def document(self, request: Request) -> Response:
        """Return one CAP document."""
        wanted = request.path_params["id"]
        for one in await self._published(request.path_params["tenant"]):
            if one["id"] == wanted and _is_document(one):
                return Response(cap.document(one), media_type=cap.MEDIA_TYPE)
        return problem(404, "There is no such document.", "See the list at /cap/real.")

    async def _published(self, tenant: str) -> list[Entity]:
        client = self._clients.get(tenant)
        if client is None:
            return []
        try:
            return await client.acting_for(None).query(type="Alert,EvacuationInformation")
        except NotFound:
            return []


def _is_document(entity: Entity) -> bool:
    return cap.is_public(entity) and sent_at(entity) != NEVER


def staff(settings: StaffSettings) -> Starlette:
    """Return the staff application."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            Client(settings.broker, name="staff", key=settings.key, retry=SOON) as real,
            Client(
                settings.broker,
                tenant=settings.drill_tenant,
                name="staff",
                key=settings.key,
                retry=SOON,
            ) as drill,
        ):
            app.state.staff = Staff(settings, {"real": real, "drill": drill})
            doors = Doors(settings.adapters) if settings.adapters else None
            app.state.keys = KeysPage(real, doors, settings.clock)
            settings.ready()
            yield

    app = application("staff", HERE / "static", lifespan=lifespan)
    app.add_route("/", at_home(_page), methods=["GET", "HEAD"])
    app.add_route("/sign-in", at_home(_entrance), methods=["GET", "HEAD", "POST"])
    app.add_route("/sign-out", at_home(_leave), methods=["POST"])
    app.add_route("/act/{deed}", at_home(_act), methods=["POST"])
    app.add_route("/keys", at_home(show_keys), methods=["GET", "HEAD"])
    app.add_route("/keys/{deed}", at_home(act_on_keys), methods=["POST"])
    app.add_route("/cap/{tenant}", at_home(_documents), methods=["GET"])
    app.add_route("/cap/{tenant}/{id}", at_home(_document), methods=["GET"])
    return app


async def _page(request: Request) -> Response:
    desk: Staff = request.app.state.staff
    told = request.query_params.get("told", "")
    try:
        person = await desk.person(request)
    except ClientError:
        return desk.entrance.form(request, "away", 503)
    return await desk.page(request, person, told if told in OUTCOMES else "")


async def _act(request: Request) -> Response:
    desk: Staff = request.app.state.staff
    try:
        person = await desk.person(request)
    except ClientError:
        return desk.entrance.form(request, "away", 503)
    return await desk.act(request, person)


async def _entrance(request: Request) -> Response:
    desk: Staff = request.app.state.staff
    if request.method == "POST":
        return await desk.entrance.enter(request)
    return desk.entrance.form(request)


async def _leave(request: Request) -> Response:
    desk: Staff = request.app.state.staff
    return await desk.entrance.leave(request)


async def _documents(request: Request) -> Response:
    try:
        answer: Response = await request.app.state.staff.documents(request)
    except ClientError:
        return away()
    return answer


async def _document(request: Request) -> Response:
    try:
        answer: Response = await request.app.state.staff.document(request)
    except ClientError:
        return away()
    return answer


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
