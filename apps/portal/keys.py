"""Keys and quotas: a developer makes, exchanges and revokes keys, and sees what each asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from apps.portal.texts import TEXTS
from apps.portal.times import local_time
from apps.shell.entrance import Entrance, Person
from apps.shell.forms import SESSION, Seal
from apps.shell.language import language_of
from apps.shell.refused import FormRefused
from broker.client import Client, ClientError, Refused

_KEYS: Final = "/ngsi-ld/ex/v1/keys"
_TIMES: Final = ("created", "expires")


class KeysPage:
    """The page and its forms, for people who sign in as developers."""

    def __init__(self, broker: Client) -> None:
        self._broker = broker
        self._seal = Seal()
        self.entrance = Entrance(broker, self._seal, home="/keys")

    async def show(self, request: Request) -> Response:
        """Return the page, or the form to sign in."""
        person = await self._person(request)
        return person if isinstance(person, Response) else await self._page(request, person)

    async def act(self, request: Request) -> Response:
        """Do what a form asks; a key that is made is on the page this once."""
        person = await self._person(request)
        if isinstance(person, Response):
            return person
        broker = self._broker.acting_for(person.token)
        try:
            key = quote((await self._seal.read(request)).get("id", ""), safe="")
            match request.path_params["deed"]:
                case "make":
                    made = await broker.call("POST", _KEYS)
                case "rotate":
                    made = await broker.call("POST", f"{_KEYS}/{key}/rotate")
                case "revoke":
                    made = await broker.call("DELETE", f"{_KEYS}/{key}")
                case _:
                    raise FormRefused("bad_form")
        except FormRefused:
            return await self._page(request, person, told="keys_stale", status=403)
        except Refused as refusal:
            told = "keys_many" if refusal.status == 409 else "keys_refused"
            return await self._page(request, person, told=told, status=refusal.status)
        except ClientError:
            return self.entrance.form(request, "away", 503)
        return await self._page(request, person, made=made or {})

    async def _person(self, request: Request) -> Person | Response:
        try:
            person = await self.entrance.person(request)
        except ClientError:
            return self.entrance.form(request, "away", 503)
        if person is None:
            return RedirectResponse(f"/sign-in?lang={language_of(request)}", 303)
        if not person.has("developer", "administrator"):
            return self.entrance.form(request, "not_here", 403)
        return person

    async def _page(
        self,
        request: Request,
        person: Person,
        *,
        made: dict[str, Any] | None = None,
        told: str = "",
        status: int = 200,
    ) -> Response:
        language = language_of(request)
        try:
            known = await self._broker.acting_for(person.token).call("GET", _KEYS)
        except ClientError:
            return self.entrance.form(request, "away", 503)
        cookie = self._seal.cookie(request)
        page = request.app.state.pages.template("keys.html").render(
            t=TEXTS[language],
            language=language,
            person=person,
            known=known,
            asked=sum(key["askedToday"] for key in known["keys"]),
            keys=[_shown(key) for key in known["keys"] if key["valid"]],
            made=(made or {}).get("key", ""),
            told=told and TEXTS[language][told],
            token=self._seal.token(cookie, request.cookies.get(SESSION, "")),
        )
        answer = HTMLResponse(page, status, headers={"Content-Language": language})
        self._seal.give(request, answer, cookie)
        return answer


def _shown(key: dict[str, Any]) -> dict[str, Any]:
    """Return a key with its times as the page writes them."""
    times = {name: key[name] and local_time(datetime.fromisoformat(key[name])) for name in _TIMES}
    return {**key, **times}


async def keys_page(request: Request) -> Response:
    """Show the keys, or do what a form asks."""
    page: KeysPage = request.app.state.keys
    return await (page.act(request) if request.method == "POST" else page.show(request))


async def sign_in(request: Request) -> Response:
    """Show the form to sign in by, or take it."""
    page: KeysPage = request.app.state.keys
    if request.method == "POST":
        return await page.entrance.enter(request)
    return page.entrance.form(request)


async def sign_out(request: Request) -> Response:
    """End the session."""
    page: KeysPage = request.app.state.keys
    return await page.entrance.leave(request)
