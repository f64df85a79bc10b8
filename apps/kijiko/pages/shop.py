"""The shop's phone: the till, payments as they come, refunds, sales, the application."""

from __future__ import annotations

import asyncio
import csv
import io
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from apps.bookings.edge.holders import Contact
from apps.kijiko.bank.zengin import Account
from apps.kijiko.codes.link import link
from apps.kijiko.codes.picture import svg
from apps.kijiko.ledger.lots import today
from apps.kijiko.ledger.transfer import Kind, Transfer
from apps.kijiko.pages.showing import Entry, clock, entries
from apps.kijiko.pages.site import (
    REFUSALS,
    SHOP_BROWSER,
    TEXTS,
    Frame,
    Site,
    amount_of,
    key_of_form,
    onward,
    refusal,
    text_of,
)
from apps.kijiko.use.areas import AREAS, KINDS
from apps.kijiko.use.numbers import wallet_number
from apps.kijiko.use.shops import Shop, ShopStatus, new_shop
from apps.shell.language import language_of
from apps.shell.pages import trouble
from apps.shell.refused import FormRefused

LINKS = (
    ("/shop", "till"),
    ("/shop/plate", "plate"),
    ("/shop/phones", "shop_phones"),
    ("/", "wallet"),
)
SHOWN: Final = 30
QUIET: Final = 15.0
"""Seconds after which a stream says that it is there."""
MOST_CODE: Final = 200
ACCOUNT: Final = ("bank", "branch", "kind", "number", "holder")


class ShopPages:
    """The pages and what is done on them."""

    def __init__(self, site: Site, frame: Frame) -> None:
        self._site = site
        self.frame = Frame(site, LINKS, frame.seal)

    async def till(
        self, request: Request, told: str = "", status: int = 200, **more: Any
    ) -> Response:
        """Show the till to a shop, the application to whoever has none."""
        shop = await self._shop(request)
        if shop is None:
            return self.frame.page(
                request, "apply.html", status, told, here="/shop", kinds=_kinds(request),
                areas=_areas(request), given=more.get("given", {}),
            )  # fmt: skip
        if shop.status is not ShopStatus.ACTIVE:
            name = shop.name[language_of(request)]
            return self.frame.page(
                request, "waiting.html", status, told, here="/shop", name=name,
                status_key=shop.status.value,
            )  # fmt: skip
        transfers = await self._site.town.book.transfers(shop.wallet)
        wallet = await self._site.town.book.wallet(shop.wallet)
        shows = {"bill": "", "picture": "", "linked": "", "amount": "", "awaits": ""} | more
        return self.frame.page(
            request, "till.html", status, told, here="/shop", name=shop.name[language_of(request)],
            entries=_lines(transfers[:SHOWN], shop), unpaid=wallet.balance,
            sums=_sums(transfers, shop, self._site.town.now()), at=clock(self._site.town.now()),
            key=secrets.token_urlsafe(18), **shows,
        )  # fmt: skip

    async def apply(self, request: Request) -> Response:
        """Take a shop's application; the browser is the shop's from now on."""
        fields: dict[str, str] = {}
        language = language_of(request)
        try:
            fields = await self.frame.seal.read(request)
            middle = next((one.middle for one in AREAS if one.key == fields.get("area")), None)
            if middle is None or fields.get("category") not in KINDS:
                raise FormRefused("bad_form")
            name = {"ja": text_of(fields, "name_ja", 25), "en": text_of(fields, "name_en", 25)}
            shop = new_shop(self._site.town, name, fields["category"], middle)
            account = Account(**{part: fields.get(part, "").strip() for part in ACCOUNT})
            contact = Contact(fields.get("contact", "").strip(), fields.get("mail", "").strip())
            await self._site.shops.apply(shop, contact, account)
        except REFUSALS as error:
            told, status = refusal(error, TEXTS[language])
            return await self.till(request, told, status, given=fields)
        answer = onward("/shop", request, told="applied")
        session = await self._site.town.holders.session(shop.holder)
        self.frame.remember(answer, SHOP_BROWSER, session)
        return answer

    async def take(self, request: Request) -> Response:
        """Take an amount by a citizen's code."""
        fields: dict[str, str] = {}
        try:
            fields = await self.frame.seal.read(request)
            shop = await self._active(request)
            amount, code = amount_of(fields), text_of(fields, "code", MOST_CODE)
            await self._site.till.take(shop, code, amount, key_of_form(fields))
        except REFUSALS as error:
            told, status = refusal(error, TEXTS[language_of(request)])
            return await self.till(request, told, status, amount=fields.get("amount", "")[:7])
        return onward("/shop", request, told="taken")

    async def bill(self, request: Request) -> Response:
        """Show a code of one use for an amount."""
        try:
            fields = await self.frame.seal.read(request)
            shop = await self._active(request)
            amount = amount_of(fields)
            text, awaits = self._site.till.bill_for(shop, amount)
        except REFUSALS as error:
            told, status = refusal(error, TEXTS[language_of(request)])
            return await self.till(request, told, status)
        return await self.till(
            request, bill=text, picture=svg(text).decode(), linked=self._linked(text),
            amount=f"{amount}", awaits=awaits.rpartition(":")[2],
        )  # fmt: skip

    async def refund(self, request: Request) -> Response:
        """Give a payment back, or a part of it."""
        try:
            fields = await self.frame.seal.read(request)
            shop = await self._active(request)
            payment = self._site.town.book.accounts.transfer(text_of(fields, "payment", 80))
            await self._site.till.refund(shop, payment, amount_of(fields), key_of_form(fields))
        except REFUSALS as error:
            told, status = refusal(error, TEXTS[language_of(request)])
            return await self.till(request, told, status)
        return onward("/shop", request, told="refunded")

    async def plate(self, request: Request) -> Response:
        """Show the shop's lasting code, to be printed."""
        shop = await self._shop(request)
        if shop is None or shop.status is not ShopStatus.ACTIVE:
            return await self.till(request)
        from_entity = await self._site.town.client.retrieve(shop.id)
        text = from_entity["qrPayload"]["value"]
        return self.frame.page(
            request, "plate.html", here="/shop/plate", name=shop.name, code=text,
            shop_code=shop.code, picture=svg(text).decode(), linked=self._linked(text),
        )  # fmt: skip

    async def sales(self, request: Request) -> Response:
        """Give the shop's payments as CSV."""
        shop = await self._shop(request)
        if shop is None:
            return trouble(404, language_of(request))
        out = io.StringIO()
        sheet = csv.writer(out, lineterminator="\r\n")
        sheet.writerow(("time", "kind", "yen", "transfer"))
        for one in await self._site.town.book.transfers(shop.wallet):
            amount = one.posting(shop.wallet).amount
            sheet.writerow((one.at.isoformat(), one.kind.value, amount, one.id.rpartition(":")[2]))
        headers = {"Content-Disposition": 'attachment; filename="sales.csv"'}
        return Response(
            "\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers
        )

    async def notices(self, request: Request) -> Response:
        """Follow the shop's payments, each the moment it is committed (SSE)."""
        shop = await self._shop(request)
        if shop is None:
            return Response(status_code=403)
        return StreamingResponse(
            self._stream(request, shop, TEXTS[language_of(request)]),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    def _linked(self, code: str) -> str:
        """Return a code's link as a picture; "" where pages do not know their address."""
        return svg(link(self._site.home, code)).decode() if self._site.home else ""

    async def _stream(
        self, request: Request, shop: Shop, t: dict[str, str]
    ) -> AsyncIterator[bytes]:
        async with self._site.notices.of(shop.wallet) as queue:
            yield b"event: ready\ndata: {}\n\n"
            queue.put_nowait(None)
            while True:
                try:
                    one = await asyncio.wait_for(queue.get(), QUIET)
                except TimeoutError:
                    if not await self._let_in(request):
                        return
                    yield b": quiet\n\n"
                    continue
                if not await self._let_in(request):
                    return
                told = [one] if one is not None else await self._newest(shop)
                for transfer in told:
                    yield b"data: " + orjson.dumps(_notice(transfer, shop, t)) + b"\n\n"

    async def _newest(self, shop: Shop) -> list[Transfer]:
        """Return the newest transfers, the newest last: what a gap may have swallowed."""
        return (await self._site.town.book.transfers(shop.wallet))[:SHOWN][::-1]

    async def _shop(self, request: Request) -> Shop | None:
        holder = await self.frame.holder(request, SHOP_BROWSER)
        access = None if holder is None else await self._site.phones.access(holder)
        return None if access is None else access.shop

    async def _let_in(self, request: Request) -> bool:
        holder = await self.frame.holder(request, SHOP_BROWSER)
        return holder is not None and await self._site.phones.standing(holder) is not None

    async def _active(self, request: Request) -> Shop:
        shop = await self._shop(request)
        if shop is None or shop.status is not ShopStatus.ACTIVE:
            raise FormRefused("no_shop")
        return shop


def _lines(transfers: list[Transfer], shop: Shop) -> list[Entry]:
    names = {p.wallet: wallet_number(p.wallet)[-4:] for one in transfers for p in one.postings}
    return entries(transfers, shop.wallet, names)


def _notice(one: Transfer, shop: Shop, t: dict[str, str]) -> dict[str, Any]:
    amount = one.posting(shop.wallet).amount
    sign = "+" if amount >= 0 else "−"
    return {
        "id": one.id.rpartition(":")[2],
        "when": clock(one.at),
        "kind": t[f"kind_{one.kind.value}"],
        "amount": f"{sign}{t['yen'].format(n=f'{abs(amount):,}')}",
    }


def _sums(transfers: list[Transfer], shop: Shop, now: datetime) -> dict[str, int]:
    """Return what was taken today and this month, less what was given back."""
    day = today(now)
    sums = {"today": 0, "month": 0}
    for one in transfers:
        if one.kind not in (Kind.PAY, Kind.REFUND, Kind.REVERSAL):
            continue
        on, amount = today(one.at), one.posting(shop.wallet).amount
        sums["today"] += amount if on == day else 0
        sums["month"] += amount if (on.year, on.month) == (day.year, day.month) else 0
    return sums


def _kinds(request: Request) -> list[tuple[str, str]]:
    return [(code, name[language_of(request)]) for code, name in KINDS.items()]


def _areas(request: Request) -> list[tuple[str, str]]:
    return [(one.key, one.name[language_of(request)]) for one in AREAS]
