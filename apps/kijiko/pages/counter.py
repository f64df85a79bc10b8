"""The counter: wallets opened, charged with cash, frozen, moved to a new phone; bank files."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from apps.bookings.edge.holders import Contact
from apps.kijiko.bank import deposits
from apps.kijiko.ledger.book import Asked
from apps.kijiko.ledger.errors import LedgerError, NotPossible
from apps.kijiko.ledger.wallet import Limits, Wallet
from apps.kijiko.pages.showing import entries, purse
from apps.kijiko.pages.site import TEXTS, Site, amount_of, key_of_form, text_of
from apps.kijiko.pages.staff import Deed, Door
from apps.kijiko.use.campaigns import STEPS, Campaign
from apps.kijiko.use.corrections import REASONS
from apps.kijiko.use.numbers import NoNumber, wallet_local, wallet_number
from apps.shell.disclosing import Shown, decrypted
from apps.shell.entrance import Person
from apps.shell.language import language_of
from apps.shell.refused import FormRefused

BANK = "bank"


class CounterPages:
    """The page and what is done on it."""

    def __init__(self, site: Site, door: Door) -> None:
        self._site = site
        self._door = door
        self._deeds: dict[str, Deed] = {
            "open": self._open,
            "charge": self._charge,
            "freeze": self._freeze,
            "unfreeze": self._unfreeze,
            "move": self._move,
            "limit": self._limit,
            "points": self._points,
            "deposits": self._deposits,
            "propose": self._propose,
        }

    async def page(self, request: Request, told: str = "", status: int = 200) -> Response:
        """Show a wallet by its number, and the forms."""
        person = await self._door.person(request, *self._site.counter)
        number = request.query_params.get("number", "")[:20]
        shows: dict[str, Any] = {"wallet": None, "entries": [], "name": ""}
        if number:
            try:
                wallet = await self._wallet(number)
                contact = await self._name(wallet, person)
                transfers = (await self._site.town.book.transfers(wallet.id))[:5]
                shows = {
                    "wallet": purse(wallet, self._site.town.now()),
                    "entries": entries(transfers, wallet.id, {}),
                    "name": contact.name if contact else "",
                }
            except (NoNumber, NotPossible):
                told, status = TEXTS[language_of(request)]["refused_no_wallet"], 404
        campaigns = [
            {"id": one.id, "name": one.name.get(language_of(request), ""),
             "steps": one.metric == STEPS}
            for one in await self._campaigns()
        ]  # fmt: skip
        return self._door.page(
            request, "counter.html", status, told, person, here="/", number=number,
            campaigns=campaigns, reasons=REASONS, key=secrets.token_urlsafe(18), **shows,
        )  # fmt: skip

    async def _name(self, wallet: Wallet, person: Person | None) -> Contact | None:
        """Return whose wallet it is, after it was noted who looked."""
        contact = await self._site.town.holders.contact(wallet.holder)
        if contact is not None:
            user = person.user if person else ""
            shown = Shown(wallet.holder, user, wallet.id, ("name",))
            await decrypted(self._site.town.client, shown)
        return contact

    async def act(self, request: Request) -> Response:
        """Do what a form asks for."""
        return await self._door.act(request, self._site.counter, self._deeds, self.page, "/")

    async def _open(self, fields: dict[str, str], by: str) -> str:
        contact = Contact(fields.get("name", "").strip(), fields.get("mail", "").strip())
        holder, wallet = await self._site.town.new_person(contact)
        return await self._told_link(fields, holder, wallet, "told_new_wallet")

    async def _charge(self, fields: dict[str, str], by: str) -> str:
        wallet = await self._wallet(fields.get("number", ""))
        amount = amount_of(fields)
        await self._site.town.book.charge(wallet.id, amount, Asked(by, key_of_form(fields)))
        number = wallet_number(wallet.id)
        return TEXTS[fields["lang"]]["told_charged"].format(n=f"{amount:,}", number=number)

    async def _freeze(self, fields: dict[str, str], by: str) -> str:
        await self._site.town.wallets.freeze((await self._wallet(fields.get("number", ""))).id)
        return "done"

    async def _unfreeze(self, fields: dict[str, str], by: str) -> str:
        await self._site.town.wallets.unfreeze((await self._wallet(fields.get("number", ""))).id)
        return "done"

    async def _move(self, fields: dict[str, str], by: str) -> str:
        """Give the holder of a lost phone a new wallet; browsers of the old one are let in no more,
        to its bookings and their PINs neither.

        Each step can be repeated: the old wallet is frozen first, and closed by the move itself.
        """
        town = self._site.town
        old = await self._wallet(fields.get("number", ""))
        contact = await town.holders.contact(old.holder)
        if contact is None or fields.get("seen") != "yes":
            raise FormRefused("not_identified")
        await town.wallets.freeze(old.id)
        holder, new = await town.new_person(contact)
        if old.balance:
            await town.book.move(old.id, new.id, Asked(by, key_of_form(fields)))
        else:
            await town.wallets.close(old.id)
        await town.holders.shut_out(old.holder)
        return await self._told_link(fields, holder, new, "told_moved")

    async def _limit(self, fields: dict[str, str], by: str) -> str:
        wallet = await self._wallet(fields.get("number", ""))
        limits = Limits(amount_of(fields, "payment"), amount_of(fields, "day"))
        await self._site.town.wallets.limit(wallet.id, limits)
        return "done"

    async def _points(self, fields: dict[str, str], by: str) -> str:
        campaign = next(
            (c for c in await self._campaigns() if c.id == fields.get("campaign")), None
        )
        if campaign is None:
            raise FormRefused("bad_form")
        measured = campaign.threshold
        if campaign.metric == STEPS:
            measured = amount_of(fields, "steps")
        wallet = await self._wallet(fields.get("number", ""))
        await self._site.campaigns.grant(campaign, wallet, measured)
        return "done"

    async def _deposits(self, fields: dict[str, str], by: str) -> str:
        """Charge what came in at the bank; a row that was charged before has no effect."""
        rows, faulty = deposits.read(fields.get("file", ""))
        wrong = [one.line for one in faulty]
        taken = 0
        for row in rows:
            try:
                wallet = await self._wallet(row.reference)
                await self._site.town.book.charge(wallet.id, row.amount, Asked(BANK, row.key))
                taken += 1
            except (NoNumber, LedgerError):
                wrong.append(row.line)
        lines = ", ".join(str(line) for line in sorted(wrong)) or "–"
        return TEXTS[fields["lang"]]["told_deposits"].format(taken=taken, lines=lines)

    async def _propose(self, fields: dict[str, str], by: str) -> str:
        """Propose to the treasury to take a transfer back."""
        transfer = self._site.town.book.accounts.transfer(text_of(fields, "transfer", 80))
        await self._site.corrections.propose(transfer, fields.get("reason", ""), by)
        return TEXTS[fields["lang"]]["told_proposed"]

    async def _told_link(
        self, fields: dict[str, str], holder: str, wallet: Wallet, told: str
    ) -> str:
        link = f"{self._site.home}/enter?key={await self._site.town.holders.secret(holder)}"
        return TEXTS[fields["lang"]][told].format(number=wallet_number(wallet.id), link=link)

    async def _wallet(self, number: str) -> Wallet:
        """Return a citizen's wallet by its number. Raises NoNumber, NotPossible."""
        local = wallet_local(number)
        return await self._site.town.book.wallet(self._site.town.book.accounts.wallet(local))

    async def _campaigns(self) -> list[Campaign]:
        now = self._site.town.now()
        return [one for one in await self._site.campaigns.all() if one.open_at(now)]
