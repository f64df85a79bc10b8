"""Paying: by a shop's code, by a citizen's code, and back.

A code of one use is spent by the transfer it makes: the transfer's key is the code's own, and what
the transfer is about is the form that was sent. The same form again is the same payment; another
form with the same code is refused, whoever sends it and however close together.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Final

from apps.kijiko.codes.dynamic import (
    NONCE_BYTES,
    CodeRefused,
    bill,
    citizen_code,
    reference,
    shown,
    signature_of,
)
from apps.kijiko.codes.merchant import payload, scanned
from apps.kijiko.ledger.book import Asked
from apps.kijiko.ledger.errors import NotPossible, OtherRequest
from apps.kijiko.ledger.transfer import Kind, Transfer
from apps.kijiko.ledger.wallet import Wallet
from apps.kijiko.use.shops import Shop, Shops
from apps.kijiko.use.town import Town
from broker.client import NotFound

USED: Final = "used"
"""Why a code is refused that made a payment before."""
_BY_BILL: Final = "bill"
_BY_CITIZEN: Final = "citizen-code"


@dataclass(frozen=True, slots=True)
class Bill:
    """What a scanned code asks for: `amount` is None where the payer says it."""

    shop: Shop
    amount: int | None


class Till:
    """Payments between citizens and shops.

    All raise CodeRefused, BadPayload, ShopAway, LedgerError and ClientError.
    """

    def __init__(self, town: Town) -> None:
        self._town = town
        self._shops = Shops(town)

    def bill_for(self, shop: Shop, amount: int) -> tuple[str, str]:
        """Return the text of a shop's code of one use, and the payment it will be spent by.

        Raises BadPayload.
        """
        town = self._town
        code = replace(
            shop.plate, amount=amount, reference=reference(town.now(), town.token(NONCE_BYTES))
        )
        code = replace(code, signature=signature_of(town.secret, code))
        asked = Asked(_BY_BILL, bill(town.secret, code, town.now()))
        return payload(code), town.book.accounts.transfer(asked.digest)

    def code_for(self, wallet: Wallet) -> str:
        """Return the text of a citizen's code of one use."""
        local = wallet.id.rpartition(":")[2]
        return citizen_code(
            self._town.secret, local, self._town.now(), self._town.token(NONCE_BYTES)
        )

    async def look(self, text: str) -> Bill:
        """Return whom a scanned code pays and how much; of one that was used, the reason."""
        code = scanned(text)
        if code.amount is not None:
            nonce = bill(self._town.secret, code, self._town.now())
            if await self._spent(Asked(_BY_BILL, nonce)):
                raise CodeRefused(USED)
        return Bill(await self._shops.by_code(code.merchant), code.amount)

    async def pay(self, wallet: Wallet, text: str, amount: int, holder: str, key: str) -> Transfer:
        """Pay what a scanned code asks for; `key` is the form's, `amount` what its payer saw."""
        code, form = scanned(text), f"{holder} {key}"
        asked = Asked(holder, key)
        if code.amount is not None:
            try:
                asked = Asked(_BY_BILL, bill(self._town.secret, code, self._town.now()))
            except CodeRefused as refusal:
                return await self._made(_BY_BILL, refusal, form)
            if code.amount != amount:
                raise CodeRefused("forged")
        shop = await self._shops.by_code(code.merchant)
        return await self._paid(wallet.id, shop, amount, asked, form)

    async def take(self, shop: Shop, text: str, amount: int, key: str) -> Transfer:
        """Take an amount by the code a citizen shows."""
        form = f"{shop.id} {key}"
        try:
            found = shown(self._town.secret, text, self._town.now())
        except CodeRefused as refusal:
            return await self._made(_BY_CITIZEN, refusal, form)
        wallet = self._town.book.accounts.wallet(found.wallet)
        asked = Asked(_BY_CITIZEN, found.nonce)
        return await self._paid(wallet, shop, amount, asked, form)

    async def refund(self, shop: Shop, transfer_id: str, amount: int | None, key: str) -> Transfer:
        """Give back a payment to a shop, or a part; no shop gives back another's."""
        payment = await self._town.book.transfer(transfer_id)
        if payment.kind is not Kind.PAY or not payment.posting(shop.wallet).amount:
            raise NotPossible("no_payment_here")
        return await self._town.book.refund(transfer_id, amount, Asked(shop.id, key))

    async def _paid(
        self, wallet: str, shop: Shop, amount: int, asked: Asked, form: str
    ) -> Transfer:
        try:
            return await self._town.book.pay(
                wallet, shop.wallet, amount, asked, about=self._town.entry(form)
            )
        except OtherRequest as error:
            raise CodeRefused(USED) from error

    async def _made(self, by: str, refusal: CodeRefused, form: str) -> Transfer:
        """Return the payment a form made while its code was good and whose answer was lost.

        Raises the refusal where there is none.
        """
        if refusal.nonce:
            known = self._town.book.accounts.transfer(Asked(by, refusal.nonce).digest)
            with contextlib.suppress(NotFound):
                made = await self._town.book.transfer(known)
                if made.about == self._town.entry(form):
                    return made
        raise refusal

    async def _spent(self, asked: Asked) -> bool:
        try:
            await self._town.book.transfer(self._town.book.accounts.transfer(asked.digest))
        except NotFound:
            return False
        return True
