"""The consent centre over HTTP: the person's own page, notices, decisions, and the board's page."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from apps.consent import emergency, guardians, records, view
from apps.consent.board import decide, move
from apps.shell.application import Handler, Outside, application, at_home
from apps.shell.entrance import Entrance, Person
from apps.shell.forms import SESSION, Seal
from apps.shell.language import language_of, words
from apps.shell.pages import templates
from apps.shell.refused import FormRefused
from broker.client import Client, ClientError, Entity, NotFound, Refused, Retry, value
from smart_data_models.notice import digest

HERE: Final = Path(__file__).parent
TEXTS: Final = words(HERE / "words")
_EASY: Final = orjson.loads((HERE / "words" / "ja-Hira.json").read_bytes())
NOTICE: Final = {**TEXTS, "ja-Hira": {**TEXTS["ja"], **_EASY}}
"""Words of a notice, by its language."""
SOON: Final = Retry(attempts=2)
OWN: Final = "TagDetection,FacilityBooking,Wallet"
"""Types of which a person is shown what is theirs."""
OUTCOMES: Final = frozenset(
    (
        *("given", "refused", "withdrawn", "approved", "rejected", "opened", "ended"),
        *("active", "suspended", "retired", "recorded", "unbound"),
    )
)


@dataclass(frozen=True, slots=True)
class ConsentSettings:
    """Where the broker is."""

    broker: str
    ready: Callable[[], None] = lambda: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


class Centre:
    """The pages and what is done on them, each with the person's own session."""

    def __init__(self, settings: ConsentSettings, client: Client) -> None:
        self._clock = settings.clock
        self._client = client
        self._seal = Seal()
        self.entrance = Entrance(client, self._seal)
        self._templates = templates(HERE / "templates")

    async def person(self, request: Request) -> Person:
        """Return who is signed in. Raises Outside, ClientError."""
        found = await self.entrance.person(request)
        if found is None:
            raise Outside(RedirectResponse(f"/sign-in?lang={language_of(request)}", 303))
        return found

    async def home(self, request: Request) -> Response:
        """Show a person's data, consents and log."""
        person = await self.person(request)
        language = language_of(request)
        client = self._client.acting_for(person.token)
        purposes = await _all(client, "DataPurpose")
        mine = records.holder(person.user)
        found = [
            one for one in await _all(client, "ConsentRecord")
            if value(one, "refPrincipal") == mine
        ]  # fmt: skip
        names = view.names(purposes, language)
        log = await client.call("GET", "/ngsi-ld/ex/v1/disclosures")
        # Asked for by holder: an officer with an open override would look at everybody's.
        own = await _all(client, OWN, f'refHolder=="{mine}"')
        return self._page(
            request, "home.html", "/", person,
            data=own,
            consents=view.consents(found, names, self._clock(), mine),
            asked=view.undecided(purposes, found, self._clock()),
            wards=guardians.rows(await self._wards(client, mine), self._clock()),
            log=view.entries(log, names),
            said=view.said,
        )  # fmt: skip

    async def _wards(self, client: Client, guardian: str) -> list[Entity]:
        return await _all(client, guardians.KIND, f'refGuardian=="{guardian}"')

    async def ward(self, request: Request) -> Response:
        """Show a guardian what a minor is asked, and the consents and data of theirs."""
        person = await self.person(request)
        client = self._client.acting_for(person.token)
        now, language = self._clock(), language_of(request)
        bond = await client.retrieve(request.query_params.get("id", ""))
        ward = value(guardians.checked(bond, person.user, now), "refHolder")
        purposes = await _all(client, "DataPurpose")
        found = [
            one for one in await _all(client, "ConsentRecord")
            if value(one, "refPrincipal") == ward
        ]  # fmt: skip
        names = view.names(purposes, language)
        return self._page(
            request, "ward.html", f"/ward?id={quote(bond['id'])}", person,
            data=await _all(client, OWN, f'refHolder=="{ward}"'),
            consents=view.consents(found, names, now, records.holder(person.user)),
            asked=view.undecided(purposes, found, now),
            bond=guardians.rows([bond], now)[0],
            said=view.said,
        )  # fmt: skip

    async def notice(self, request: Request) -> Response:
        """Show what a purpose is about, before anything is decided."""
        person = await self.person(request)
        client = self._client.acting_for(person.token)
        purpose = await client.retrieve(request.query_params.get("purpose", ""))
        chosen = request.query_params.get("notice") or language_of(request)
        chosen = chosen if chosen in view.NOTICES else "ja"
        path = f"/notice?purpose={quote(purpose['id'])}"
        bond = await self._bond(client, person, request.query_params.get("ward", ""))
        if bond is not None:
            path += f"&ward={quote(bond['id'])}"
        shown = records.shown(purpose, chosen)
        return self._page(
            request, "notice.html", path, person,
            shown=shown,
            seen=digest(shown),
            n=NOTICE[chosen],
            lasts=view.lasts,
            recipient=view.recipient,
            chosen=chosen,
            choices=view.NOTICES,
            removes=view.REMOVES,
            purpose=purpose["id"],
            bond=bond,
            number=guardians.number,
            value=value,
        )  # fmt: skip

    async def _bond(self, client: Client, person: Person, asked: str) -> Entity | None:
        """Return the guardianship that somebody decides by, None where they do for themselves."""
        if not asked:
            return None
        return guardians.checked(await client.retrieve(asked), person.user, self._clock())

    async def leaving(self, request: Request) -> Response:
        """Ask once more, and say what stops, before a consent is withdrawn."""
        person = await self.person(request)
        client = self._client.acting_for(person.token)
        consent = await client.retrieve(request.query_params.get("id", ""))
        purposes = view.names(await _all(client, "DataPurpose"), language_of(request))
        me = records.holder(person.user)
        (row,) = view.consents([consent], purposes, self._clock(), me)
        path, bond = f"/withdraw?id={quote(consent['id'])}", request.query_params.get("ward", "")
        if bond:
            path += f"&ward={quote(bond)}"
        return self._page(request, "withdraw.html", path, person, row=row, ward=bond)

    async def receipt(self, request: Request) -> Response:
        """Give a consent to take along, as JSON."""
        person = await self.person(request)
        client = self._client.acting_for(person.token)
        consent = await client.retrieve(request.query_params.get("id", ""))
        body = orjson.dumps(records.receipt(consent), option=orjson.OPT_INDENT_2)
        name = consent["id"].rpartition(":")[2]
        headers = {"Content-Disposition": f'attachment; filename="consent-{quote(name)}.json"'}
        return Response(body, media_type="application/json", headers=headers)

    async def board(self, request: Request) -> Response:
        """Show purposes and assessments; to the board, forms to decide."""
        person = await self.entrance.person(request)
        client = self._client.acting_for(person.token if person else None)
        language = language_of(request)
        found = await _all(client, "PrivacyImpactAssessment")
        purposes = await _all(client, "DataPurpose")
        return self._page(
            request, "board.html", "/board", person,
            assessments=view.assessments(found, language),
            purposes=view.purposes(purposes, found, language, self._clock()),
            lasts=view.lasts,
            recipient=view.recipient,
            decides=person is not None and any(r == "officer:ethics" for r in person.roles),
        )  # fmt: skip

    async def emergency(self, request: Request) -> Response:
        """Show an officer the form to open an override, and those that are open."""
        person = await self._officer(request)
        client = self._client.acting_for(person.token)
        return self._page(
            request, "emergency.html", "/emergency", person,
            types=emergency.types_of(await _all(client, "DataPurpose")),
            minutes=emergency.MINUTES,
            overrides=emergency.rows(
                await _all(client, emergency.KIND), person.user, self._clock()
            ),
        )  # fmt: skip

    async def emergency_data(self, request: Request) -> Response:
        """Show what an open override lets its officer see; the persons' logs tell of it."""
        person = await self._officer(request)
        client = self._client.acting_for(person.token)
        asked = request.query_params.get("id", "")
        override = await client.retrieve(asked)
        types = ",".join(value(override, "targetTypes") or [])
        found = await _all(client, types, limit=emergency.MOST_SHOWN)
        path = f"/emergency/data?id={quote(asked)}"
        shown = [{"id": one["id"], "said": emergency.said(one)} for one in found]
        return self._page(request, "emergency_data.html", path, person, shown=shown)

    async def guardians(self, request: Request) -> Response:
        """Show an officer the form to record a guardian, and those that are recorded."""
        person = await self._officer(request)
        client = self._client.acting_for(person.token)
        bonds = guardians.rows(await _all(client, guardians.KIND), self._clock())
        return self._page(
            request, "guardians.html", "/guardians", person, bonds=bonds, number=guardians.NUMBER
        )

    async def _officer(self, request: Request) -> Person:
        person = await self.person(request)
        if not person.has("officer"):
            raise Outside(self.entrance.form(request, "not_here", 403))
        return person

    async def act(self, request: Request) -> Response:
        """Do what a form asks for, then show the page it came from."""
        person = await self.person(request)
        fields = await self._seal.read(request)
        client = self._client.acting_for(person.token)
        deed = request.path_params["deed"]
        now = self._clock()
        local = f"432032:{secrets.token_hex(8)}"
        if deed == "decide":
            purpose = await client.retrieve(fields.get("purpose", ""))
            bond = await self._bond(client, person, fields.get("ward", ""))
            state, language = records.decided(purpose, fields)
            await client.create(
                records.record(purpose, person.user, state, language, now, local, bond)
            )
            return _back(request, _home(fields), state)
        if deed == "withdraw":
            await client.append(fields.get("id", ""), records.end(now))
            return _back(request, _home(fields), "withdrawn")
        if deed == "board":
            return _back(request, "/board", await decide(client, fields, person.user, now))
        if deed == "purpose":
            return _back(request, "/board", await move(client, fields))
        return await self._officers(request, deed, fields, client, person.user, local)

    async def _officers(
        self,
        request: Request,
        deed: str,
        fields: dict[str, str],
        client: Client,
        officer: str,
        local: str,
    ) -> Response:
        """Do what a form of an officer's asks for; the broker refuses who is none."""
        now = self._clock()
        if deed == "emergency":
            types = emergency.types_of(await _all(client, "DataPurpose"))
            await client.create(emergency.opened(fields, types, officer, now, local))
            return _back(request, "/emergency", "opened")
        if deed == "emergency-end":
            await client.append(fields.get("id", ""), emergency.ending(now))
            return _back(request, "/emergency", "ended")
        if deed == "guardian":
            await client.create(guardians.recorded(fields, now, local))
            return _back(request, "/guardians", "recorded")
        if deed == "guardian-end":
            await client.append(fields.get("id", ""), guardians.ended(now))
            return _back(request, "/guardians", "unbound")
        raise FormRefused("bad_form")

    def _page(
        self, request: Request, name: str, path: str, person: Person | None, **more: Any
    ) -> Response:
        language = language_of(request)
        t = TEXTS[language]
        told = request.query_params.get("told", "")
        cookie = self._seal.cookie(request)
        content = self._templates.get_template(name).render(
            t=t,
            language=language,
            path=path,
            person=person,
            told=t[f"told_{told}"] if told in OUTCOMES else "",
            token=self._seal.token(cookie, request.cookies.get(SESSION, "")),
            **more,
        )
        answer = HTMLResponse(content, headers={"Content-Language": language})
        self._seal.give(request, answer, cookie)
        return answer

    def trouble(self, request: Request, word: str, status: int) -> Response:
        """Return the page that says why something was not done."""
        language = language_of(request)
        content = self._templates.get_template("trouble.html").render(
            t=TEXTS[language], language=language, word=TEXTS[language][f"refused_{word}"], path="/"
        )
        return HTMLResponse(content, status, headers={"Content-Language": language})


def centre(settings: ConsentSettings) -> Starlette:
    """Return the application of the consent centre."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with Client(settings.broker, name="consent", retry=SOON) as client:
            app.state.centre = Centre(settings, client)
            settings.ready()
            yield

    app = application("consent", HERE / "static", lifespan=lifespan)
    gets = {
        "/": Centre.home,
        "/notice": Centre.notice,
        "/withdraw": Centre.leaving,
        "/receipt": Centre.receipt,
        "/board": Centre.board,
        "/ward": Centre.ward,
        "/guardians": Centre.guardians,
        "/emergency": Centre.emergency,
        "/emergency/data": Centre.emergency_data,
    }
    for path, page in gets.items():
        app.add_route(path, _guarded(page), methods=["GET", "HEAD"])
    app.add_route("/act/{deed}", _guarded(Centre.act), methods=["POST"])
    app.add_route("/sign-in", _guarded(_enter), methods=["GET", "HEAD", "POST"])
    app.add_route("/sign-out", _guarded(_leave), methods=["POST"])
    return app


Page = Callable[[Centre, Request], Awaitable[Response]]


def _guarded(page: Page) -> Handler:
    async def answer(request: Request) -> Response:
        desk: Centre = request.app.state.centre
        try:
            return await page(desk, request)
        except FormRefused as refused:
            word = "number" if str(refused) == "bad_number" else "form"
            return desk.trouble(request, word, 403)
        except NotFound:
            return desk.trouble(request, "gone", 404)
        except Refused as refused:
            return desk.trouble(request, "rule", refused.status)
        except ClientError:
            return desk.trouble(request, "away", 503)

    return at_home(answer)


async def _enter(desk: Centre, request: Request) -> Response:
    if request.method == "POST":
        return await desk.entrance.enter(request)
    return desk.entrance.form(request)


async def _leave(desk: Centre, request: Request) -> Response:
    return await desk.entrance.leave(request)


def _back(request: Request, path: str, told: str) -> Response:
    mark = "&" if "?" in path else "?"
    return RedirectResponse(f"{path}{mark}lang={language_of(request)}&told={told}", 303)


def _home(fields: dict[str, str]) -> str:
    """Return the page of whom a decision was about."""
    ward = fields.get("ward", "")
    return f"/ward?id={quote(ward)}" if ward else "/"


async def _all(
    client: Client, types: str, q: str | None = None, limit: int | None = None
) -> list[Entity]:
    try:
        return await client.query(type=types, q=q, limit=limit)
    except NotFound:
        return []
