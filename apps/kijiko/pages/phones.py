"""A shop's further phones: a link for a colleague, and what shuts it out again."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from apps.kijiko.codes.picture import svg
from apps.kijiko.pages.site import (
    REFUSALS,
    SHOP_BROWSER,
    TEXTS,
    Frame,
    Site,
    onward,
    refusal,
    text_of,
)
from apps.kijiko.use.phones import LONGEST_NAME, Access
from apps.shell.language import language_of
from apps.shell.refused import FormRefused

PATH = "/shop/phones"


class PhonePages:
    """The page and what is done on it. The first phone sees all of them, others only themselves."""

    def __init__(self, site: Site, frame: Frame) -> None:
        self._site = site
        self._frame = frame

    async def page(
        self, request: Request, told: str = "", status: int = 200, link: str = ""
    ) -> Response:
        """Show the phones of the shop, and a new one's link; the application without a shop."""
        access = await self._access(request)
        if access is None:
            return onward("/shop", request)
        phones: list[dict[str, Any]] = []
        if access.first:
            phones = [
                {"holder": one.holder.rpartition(":")[2], "name": one.name, "waits": one.waits}
                for one in await self._site.phones.of(access.shop)
            ]
        return self._frame.page(
            request, "phones.html", status, told, here=PATH, first=access.first, phones=phones,
            name=access.shop.name[language_of(request)], link=link, longest=LONGEST_NAME,
            picture=svg(link).decode() if link else "",
        )  # fmt: skip

    async def invite(self, request: Request) -> Response:
        """Let a further phone in: show its link, this once."""
        try:
            fields = await self._frame.seal.read(request)
            shop = (await self._first(request)).shop
            secret = await self._site.phones.invite(shop, text_of(fields, "name", 80))
        except REFUSALS as error:
            return await self.page(request, *refusal(error, TEXTS[language_of(request)]))
        return await self.page(request, link=f"{self._site.home}/shop/open?key={secret}")

    async def shut(self, request: Request) -> Response:
        """Shut a further phone out."""
        try:
            fields = await self._frame.seal.read(request)
            shop = (await self._first(request)).shop
            holder = text_of(fields, "phone", 40)
            await self._site.phones.shut(shop, f"urn:ngsi-ld:Holder:{holder}")
        except REFUSALS as error:
            return await self.page(request, *refusal(error, TEXTS[language_of(request)]))
        return onward(PATH, request, told="phone_out")

    async def leave(self, request: Request) -> Response:
        """Let a further phone forget the shop; the first would lose it."""
        try:
            await self._frame.seal.read(request)
            access = await self._access(request)
            if access is None or access.first:
                raise FormRefused("bad_form")
            await self._site.town.holders.leave(request.cookies.get(SHOP_BROWSER, ""))
        except REFUSALS as error:
            return await self.page(request, *refusal(error, TEXTS[language_of(request)]))
        answer = onward("/", request, told="left")
        answer.delete_cookie(SHOP_BROWSER)
        return answer

    async def open(self, request: Request) -> Response:
        """Let a browser in that comes by a link, once; a phone that is at a till already stays."""
        if await self._access(request) is not None:
            return onward("/shop", request, told="till_already")
        session = await self._site.phones.enter(request.query_params.get("key", "")[:120])
        if session is None:
            told = TEXTS[language_of(request)]["refused_till_link"]
            return self._frame.page(request, "told.html", 410, told, here="/shop")
        answer = onward("/shop", request, told="till_opened")
        self._frame.remember(answer, SHOP_BROWSER, session)
        return answer

    async def _access(self, request: Request) -> Access | None:
        holder = await self._frame.holder(request, SHOP_BROWSER)
        return None if holder is None else await self._site.phones.access(holder)

    async def _first(self, request: Request) -> Access:
        access = await self._access(request)
        if access is None or not access.first:
            raise FormRefused("not_first_phone")
        return access
