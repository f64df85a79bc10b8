"""Signing in to a page of the town: name and password for a session, kept in a cookie."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from apps.shell.forms import SESSION, Seal, secure
from apps.shell.language import language_of
from apps.shell.pages import FRAME, TEXTS
from apps.shell.refused import FormRefused
from apps.shell.tries import Tries
from broker.client import Client, ClientError, Refused

_SESSIONS: Final = "/ngsi-ld/ex/v1/sessions"
HOURS: Final = 12
"""How long a browser keeps the cookie; the broker ends the session then too."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in: a pseudonym, roles such as `staff:river`, and the session's token."""

    user: str
    roles: frozenset[str]
    token: str = field(repr=False)

    def has(self, *roles: str) -> bool:
        """Tell whether the person has one of these roles: `staff` is had in any section."""
        return any(
            role == mine or role == mine.partition(":")[0] for role in roles for mine in self.roles
        )


class Entrance:
    """The door of a page: who is signed in, the form to sign in by, and the way out.

    Failures from one address are counted here, besides those the broker counts for a name.
    """

    def __init__(
        self,
        broker: Client,
        seal: Seal,
        monotonic: Callable[[], float] = time.monotonic,
        home: str = "/",
    ) -> None:
        """`home` is the page to go to once signed in."""
        self._home = home
        self._broker = broker
        self._seal = seal
        self._tries = Tries(monotonic)

    async def person(self, request: Request) -> Person | None:
        """Return who is signed in, None for nobody. Raises ClientError."""
        token = request.cookies.get(SESSION)
        if not token:
            return None
        try:
            told = await self._broker.acting_for(token).call("GET", f"{_SESSIONS}/current")
        except Refused as refusal:
            if refusal.status == 401:
                return None
            raise
        return Person(told["user"], frozenset(told["roles"]), token)

    def form(self, request: Request, told: str = "", status: int = 200) -> Response:
        """Return the page that asks for name and password, with a word on why it is shown."""
        language = language_of(request)
        cookie = self._seal.cookie(request)
        page = FRAME.get_template("sign_in.html").render(
            language=language,
            t=TEXTS[language],
            told=told and TEXTS[language][f"sign_in_{told}"],
            token=self._seal.token(cookie, request.cookies.get(SESSION, "")),
            path="/sign-in",
        )
        answer = HTMLResponse(page, status, headers={"Content-Language": language})
        self._seal.give(request, answer, cookie)
        return answer

    async def enter(self, request: Request) -> Response:
        """Take the form: to the first page with a session, or the form again with the reason."""
        address = request.client.host if request.client else ""
        try:
            fields = await self._seal.read(request)
        except FormRefused:
            return self.form(request, "stale", 403)
        if self._tries.too_many(address):
            return self.form(request, "too_many", 429)
        given = {name: fields.get(name, "") for name in ("name", "password")}
        try:
            session = await self._broker.acting_for(None).call("POST", _SESSIONS, given)
        except Refused as refusal:
            if refusal.status == 429:
                return self.form(request, "too_many", 429)
            if refusal.status in (400, 401):
                self._tries.failed(address)
                return self.form(request, "wrong", 401)
            return self.form(request, "away", 503)
        except ClientError:
            return self.form(request, "away", 503)
        answer = RedirectResponse(f"{self._home}?lang={quote(language_of(request))}", 303)
        answer.set_cookie(
            SESSION,
            session["token"],
            max_age=HOURS * 3600,
            httponly=True,
            samesite="strict",
            secure=secure(request),
        )
        return answer

    async def leave(self, request: Request) -> Response:
        """End the session, and show the form."""
        try:
            await self._seal.read(request)
        except FormRefused:
            return self.form(request, "stale", 403)
        token = request.cookies.get(SESSION)
        if token:
            try:
                await self._broker.acting_for(token).call("DELETE", f"{_SESSIONS}/current")
            except Refused as refusal:
                if refusal.status != 401:
                    return self.form(request, "away", 503)
            except ClientError:
                return self.form(request, "away", 503)
        answer = RedirectResponse(f"/sign-in?lang={quote(language_of(request))}", 303)
        answer.delete_cookie(SESSION, httponly=True, samesite="strict", secure=secure(request))
        return answer
