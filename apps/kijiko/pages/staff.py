"""The door of the staff's pages: signed in, of a section that may; or a number at each act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from apps.kijiko.pages.site import (
    FINANCE,
    MOST_FORM,
    REFUSALS,
    TEXTS,
    Frame,
    Links,
    Site,
    onward,
    refusal,
)
from apps.shell.application import Outside
from apps.shell.entrance import Entrance, Person
from apps.shell.language import language_of
from apps.shell.refused import FormRefused
from apps.staff.forms import staff_number

LINKS: Final = (("/", "counter"), ("/treasury", "treasury"), ("/analysis", "analysis"))
TREASURY: Final = (FINANCE,)
ANALYSIS: Final = ("staff",)
BOSS: Final = "administrator"
Deed: TypeAlias = Callable[[dict[str, str], str], Awaitable[str]]
"""Does what a form asks for, by whom; returns what to tell."""


class Door:
    """Who is in, and how forms are taken. `roles` are those that may see a page."""

    def __init__(self, site: Site) -> None:
        self.frame = Frame(site, LINKS, None)
        self.entrance = Entrance(site.town.client, self.frame.seal)
        self._site = site

    async def person(self, request: Request, *roles: str) -> Person | None:
        """Return who is signed in, None where nobody signs in. Raises Outside, ClientError."""
        if not self._site.sign_in:
            return None
        person = await self.entrance.person(request)
        if person is None:
            raise Outside(onward("/sign-in", request))
        if not person.has(*roles, BOSS):
            raise Outside(self._elsewhere(request, person))
        return person

    def page(
        self, request: Request, template: str, status: int, told: str, person: Person | None,
        **shows: Any,
    ) -> Response:  # fmt: skip
        """Return a page with links to those pages that the person may see."""
        links = LINKS if person is None else self._links(person)
        return self.frame.page(request, template, status, told, links=links, person=person, **shows)

    def _links(self, person: Person) -> Links:
        roles = {"/": self._site.counter, "/treasury": TREASURY, "/analysis": ANALYSIS}
        return tuple(one for one in LINKS if person.has(*roles[one[0]], BOSS))

    def _elsewhere(self, request: Request, person: Person) -> Response:
        """Return the way from the first page to one that the person may see, else a refusal."""
        links = self._links(person)
        if request.method == "GET" and request.url.path == "/" and links:
            return onward(links[0][0], request)
        return self.entrance.form(request, "not_here", 403)

    async def enter(self, request: Request) -> Response:
        """Show the form to sign in by, or take it."""
        if request.method == "POST":
            return await self.entrance.enter(request)
        return self.entrance.form(request)

    async def act(
        self,
        request: Request,
        roles: tuple[str, ...],
        deeds: dict[str, Deed],
        show: Callable[..., Awaitable[Response]],
        back: str,
    ) -> Response:
        """Do what a form asks for; show the page again with what is told."""
        language = language_of(request)
        person = await self.person(request, *roles)
        try:
            fields = await self.frame.seal.read(request, MOST_FORM)
            deed = deeds.get(request.path_params["deed"])
            if deed is None:
                raise FormRefused("bad_form")
            by = f"urn:ngsi-ld:Staff:{person.user if person else staff_number(fields)}"
            told = await deed(fields | {"lang": language}, by)
        except REFUSALS as error:
            text, status = refusal(error, TEXTS[language])
            return await show(request, told=text, status=status)
        if told == "done":
            return onward(back, request, told=told)
        return await show(request, told=told)
