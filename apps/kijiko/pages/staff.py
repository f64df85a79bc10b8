"""The door of the staff's pages: signed in, of a section that may; or a number at each act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from fastapi import Request, Response

from apps.kijiko.pages.site import MOST_FORM, REFUSALS, TEXTS, Frame, Site, onward, refusal
from apps.shell.application import Outside
from apps.shell.entrance import Entrance, Person
from apps.shell.forms import FormRefused
from apps.shell.language import language_of
from apps.staff.forms import staff_number

LINKS: Final = (("/", "counter"), ("/treasury", "treasury"), ("/analysis", "analysis"))
TREASURY: Final = "staff:finance"
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
        if not person.has(*roles, "administrator"):
            raise Outside(self.entrance.form(request, "not_here", 403))
        return person

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
