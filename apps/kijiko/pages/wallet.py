"""The citizen's phone: the wallet, paying by a shop's code, the own code, points."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from apps.bookings.edge.holders import Contact
from apps.kijiko.codes.link import code_in
from apps.kijiko.codes.picture import svg
from apps.kijiko.ledger.errors import NotPossible
from apps.kijiko.ledger.wallet import Wallet
from apps.kijiko.pages.showing import entries, entry, looks, purse
from apps.kijiko.pages.site import (
    BROWSER,
    REFUSALS,
    TEXTS,
    Frame,
    Site,
    amount_of,
    key_of_form,
    onward,
    refusal,
    text_of,
)
from apps.kijiko.use.campaigns import STEPS
from apps.kijiko.use.numbers import wallet_number
from apps.shell.disclosing import noted
from apps.shell.language import language_of
from apps.shell.pages import trouble
from apps.shell.refused import FormRefused
from broker.client import NotFound

LINKS = (("/", "wallet"), ("/pay", "pay"), ("/code", "my_code"), ("/shop", "for_shops"))
SHOWN = 20
MOST_CODE = 900


class WalletPages:
    """The pages and what is done on them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.frame = Frame(site, LINKS, None)

    async def home(
        self, request: Request, told: str = "", status: int = 200, **given: str
    ) -> Response:
        """Show the wallet, or how to open one."""
        wallet = await self._wallet(request)
        if wallet is None:
            known = await self.frame.holder(request) is not None
            return self.frame.page(
                request, "open.html", status, told, here="/", known=known, given=given
            )
        language = language_of(request)
        names = {
            one.wallet: one.name.get(language, one.code) for one in await self._site.shops.all()
        }
        transfers = (await self._site.town.book.transfers(wallet.id))[:SHOWN]
        return self.frame.page(
            request, "wallet.html", status, told, here="/",
            purse=purse(wallet, self._site.town.now()),
            contact=await self._site.town.holders.contact(wallet.holder),
            entries=entries(transfers, wallet.id, names),
            campaigns=await self._campaigns(language), consent=self._site.consent,
            declared=self._site.self_declared,
            most=(await self._site.town.book.rules()).declared_day,
            looks=await self._looks(request, wallet), key=secrets.token_urlsafe(18),
        )  # fmt: skip

    async def _looks(self, request: Request, wallet: Wallet) -> list[tuple[str, str]] | None:
        """Return who looked at the holder's name, where that is asked for."""
        if "looks" not in request.query_params:
            return None
        return looks(await noted(self._site.town.client, wallet.holder))

    async def open(self, request: Request) -> Response:
        """Open a wallet."""
        fields: dict[str, str] = {}
        language = language_of(request)
        try:
            fields = await self.frame.seal.read(request)
            holder = await self.frame.holder(request)
            if holder is not None:
                if await self._site.town.wallet_of(holder) is None:
                    await self._site.town.open_wallet(holder)
                return onward("/", request, told="opened")
            contact = Contact(
                fields.get("name", "").strip(), fields.get("mail", "").strip(), language
            )
            holder, _ = await self._site.town.new_person(contact)
        except REFUSALS as error:
            told, status = refusal(error, TEXTS[language])
            return await self.home(request, told, status, **fields)
        answer = onward("/", request, told="opened")
        self.frame.remember(answer, BROWSER, await self._site.town.holders.session(holder))
        return answer

    async def ask(self, request: Request) -> Response:
        """Ask for a shop's code; whom one pays that came by a link, is shown at once."""
        given = request.query_params.get("code", "")[:MOST_CODE]
        if not given:
            return self._scan(request)
        if await self._wallet(request) is None:
            return await self.home(request, TEXTS[language_of(request)]["told_open_first"])
        return await self._looked(request, given)

    async def look(self, request: Request) -> Response:
        """Show whom a scanned code pays, and ask for the amount or to agree."""
        try:
            fields = await self.frame.seal.read(request)
            code = text_of(fields, "code", MOST_CODE)
        except REFUSALS as error:
            return self._scan(request, *refusal(error, TEXTS[language_of(request)]))
        return await self._looked(request, code)

    async def pay(self, request: Request) -> Response:
        """Pay."""
        code = ""
        try:
            fields = await self.frame.seal.read(request)
            code = text_of(fields, "code", MOST_CODE)
            wallet = await self._own(request)
            paid = await self._site.till.pay(
                wallet, code, amount_of(fields), wallet.holder, key_of_form(fields)
            )
        except (NotPossible, FormRefused) as error:
            told, status = refusal(error, TEXTS[language_of(request)])
            try:
                return await self._confirm(request, code, told, status)
            except REFUSALS:
                return self._scan(request, told, status)
        except REFUSALS as error:
            return self._scan(request, *refusal(error, TEXTS[language_of(request)]))
        return onward(f"/paid/{paid.id.rpartition(':')[2]}", request)

    async def paid(self, request: Request) -> Response:
        """Show a payment to who made it, to be held out to the shop."""
        wallet = await self._wallet(request)
        local = request.path_params["local"]
        try:
            paid = await self._site.town.book.transfer(
                self._site.town.book.accounts.transfer(local)
            )
        except NotFound:
            return trouble(404, language_of(request))
        if wallet is None or not paid.posting(wallet.id).amount:
            return trouble(404, language_of(request))
        language = language_of(request)
        names = {
            one.wallet: one.name.get(language, one.code) for one in await self._site.shops.all()
        }
        shown = entry(paid, wallet.id, names)
        return self.frame.page(request, "paid.html", here="/", entry=shown)

    async def code(self, request: Request, told: str = "", status: int = 200) -> Response:
        """Show the own code: good for a minute and one payment."""
        try:
            wallet = await self._own(request)
        except NotPossible:
            return await self.home(request)
        text = self._site.till.code_for(wallet)
        return self.frame.page(
            request, "code.html", status, told, here="/code", code=text,
            picture=svg(text).decode(), total=purse(wallet, self._site.town.now())["total"],
        )  # fmt: skip

    async def freeze(self, request: Request) -> Response:
        """Freeze the own wallet; only the counter opens it again."""
        return await self._act(request, self._freeze, "frozen")

    async def points(self, request: Request) -> Response:
        """Take a day's points of a campaign."""
        return await self._act(request, self._points, "granted")

    async def enter(self, request: Request) -> Response:
        """Let a browser in that comes by a link the counter gave; another's is asked first.

        Else a link that somebody sends would let people charge and pay with the sender's wallet.
        """
        link = request.query_params.get("key", "")[:120]
        holder = await self._site.town.holders.of_link(link)
        if holder is None:
            return trouble(404, language_of(request))
        own = await self.frame.holder(request)
        if own == holder:
            return onward("/", request)
        if own is None:
            return await self._let_in(request, holder)
        return self.frame.page(
            request, "other.html", here="", link=link, keeps_key=True,
            other=await self._whose(holder), now=await self._whose(own),
        )  # fmt: skip

    async def switch(self, request: Request) -> Response:
        """Let a browser in to another wallet, whose link it has, after it was asked."""
        try:
            fields = await self.frame.seal.read(request)
        except FormRefused as error:
            return await self.home(request, *refusal(error, TEXTS[language_of(request)]))
        holder = await self._site.town.holders.of_link(fields.get("link", "")[:120])
        if holder is None:
            return trouble(404, language_of(request))
        await self._site.town.holders.leave(request.cookies.get(BROWSER, ""))
        return await self._let_in(request, holder)

    async def _let_in(self, request: Request, holder: str) -> Response:
        answer = onward("/", request, told="welcome")
        self.frame.remember(answer, BROWSER, await self._site.town.holders.session(holder))
        return answer

    async def _whose(self, holder: str) -> dict[str, str]:
        """Return the name of a holder and the number of the wallet, empty where there is none."""
        contact = await self._site.town.holders.contact(holder)
        wallet = await self._site.town.wallet_of(holder)
        number = wallet_number(wallet.id) if wallet is not None else ""
        return {"name": contact.name if contact else "", "number": number}

    async def leave(self, request: Request) -> Response:
        """Let a browser forget its holder."""
        with contextlib.suppress(FormRefused):
            await self.frame.seal.read(request)
            await self._site.town.holders.leave(request.cookies.get(BROWSER, ""))
        answer = onward("/", request, told="left")
        answer.delete_cookie(BROWSER)
        return answer

    async def _act(self, request: Request, deed: Any, told: str) -> Response:
        try:
            fields = await self.frame.seal.read(request)
            await deed(request, fields)
        except REFUSALS as error:
            text, status = refusal(error, TEXTS[language_of(request)])
            return await self.home(request, text, status)
        return onward("/", request, told=told)

    async def _freeze(self, request: Request, fields: dict[str, str]) -> None:
        await self._site.town.wallets.freeze((await self._own(request)).id)

    async def _points(self, request: Request, fields: dict[str, str]) -> None:
        local = request.path_params["local"]
        campaign = next(
            (
                one
                for one in await self._site.campaigns.all()
                if one.id.rpartition(":")[2] == local and one.metric == STEPS
            ),
            None,
        )
        if campaign is None:
            raise FormRefused("bad_form")
        wallet, steps = await self._own(request), amount_of(fields)
        await self._site.campaigns.grant(campaign, wallet, steps, declared=True)

    def _scan(self, request: Request, told: str = "", status: int = 200) -> Response:
        return self.frame.page(request, "scan.html", status, told, here="/pay")

    async def _looked(self, request: Request, text: str) -> Response:
        try:
            return await self._confirm(request, code_in(text))
        except REFUSALS as error:
            return self._scan(request, *refusal(error, TEXTS[language_of(request)]))

    async def _confirm(
        self, request: Request, code: str, told: str = "", status: int = 200
    ) -> Response:
        bill = await self._site.till.look(code)
        wallet = await self._own(request)
        return self.frame.page(
            request, "confirm.html", status, told, here="/pay", code=code, amount=bill.amount,
            shop=bill.shop.name.get(language_of(request), bill.shop.code),
            shop_code=bill.shop.code, key=secrets.token_urlsafe(18),
            total=purse(wallet, self._site.town.now())["total"],
        )  # fmt: skip

    async def _campaigns(self, language: str) -> list[dict[str, Any]]:
        now = self._site.town.now()
        return [
            {"local": one.id.rpartition(":")[2], "name": one.name.get(language, ""),
             "threshold": one.threshold, "points": one.points, "consent": bool(one.purpose)}
            for one in await self._site.campaigns.all()
            if one.metric == STEPS and one.open_at(now)
        ]  # fmt: skip

    async def _wallet(self, request: Request) -> Wallet | None:
        holder = await self.frame.holder(request)
        return None if holder is None else await self._site.town.wallet_of(holder)

    async def _own(self, request: Request) -> Wallet:
        """Return the wallet of this browser. Raises NotPossible."""
        wallet = await self._wallet(request)
        if wallet is None:
            raise NotPossible("no_wallet")
        return wallet
