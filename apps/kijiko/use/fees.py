"""Fees of the town's facilities, paid in its own money: a provider of the bookings app.

A charge takes the money from the wallet of the booking's holder at once; nobody goes to another
page. It is written with a check that the payment still waits: a charge that was called off before
is marked so in the same entity, and can never be taken later. A refund is the ledger's refund: each
lot comes back with its own last day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from apps.bookings.edge.payments import Answer, Outcome, ProviderAway
from apps.kijiko.ledger.book import Asked
from apps.kijiko.ledger.entities import Hurdle
from apps.kijiko.ledger.errors import CompanionFailed, LedgerError, NotPossible, OtherRequest
from apps.kijiko.ledger.transfer import Transfer
from apps.kijiko.ledger.wallet import WalletKind
from apps.kijiko.use.town import Town
from broker.client import ClientError, NotFound, value

CALLED_OFF: Final = "calledOff"
_CHARGE: Final = "booking-fee"
_REFUND: Final = "booking-refund"
TREASURY: Final = "m-facilities"
"""Local id of the wallet that fees are paid into."""


@dataclass(frozen=True, slots=True)
class TownMoney:
    """The provider `apps.bookings.edge.payments.Provider` describes, on the town's ledger."""

    town: Town

    @property
    def treasury(self) -> str:
        """Return the wallet that fees are paid into."""
        return self.town.book.accounts.wallet(TREASURY)

    async def purse(self, holder: str) -> int:
        """Return what a holder has in all wallets. Raises ClientError."""
        return sum(one.balance for one in await self.town.wallets.of_holder(holder))

    async def charge(self, key: str, amount: int, back: str) -> Answer:
        """Take a fee from the wallet of the booking's holder. Raises ProviderAway."""
        try:
            return await self._charged(key, amount)
        except (ClientError, LedgerError) as error:
            raise ProviderAway(type(error).__name__) from error

    async def look(self, key: str) -> Answer:
        """Return how a charge stands. Raises ProviderAway."""
        try:
            paid = await self._found(key)
        except ClientError as error:
            raise ProviderAway(type(error).__name__) from error
        return Answer(Outcome.CANCELLED) if paid is None else Answer(Outcome.CAPTURED, paid.id)

    async def cancel(self, key: str) -> Answer:
        """Call a charge off; CAPTURED where it is too late. Raises ProviderAway."""
        told = {"fault": {"type": "Property", "value": CALLED_OFF}}
        try:
            if (paid := await self._found(key)) is None:
                await self.town.client.append(key, told)
                paid = await self._found(key)
        except ClientError as error:
            raise ProviderAway(type(error).__name__) from error
        return Answer(Outcome.CANCELLED) if paid is None else Answer(Outcome.CAPTURED, paid.id)

    async def refund(self, key: str, charge: str, amount: int) -> Answer:
        """Give back so much of a fee; FAILED where the payment itself was taken back.

        Raises ProviderAway, also where the fees' wallet has too little: it may have enough later.
        """
        try:
            paid = await self._found(charge)
            if paid is None:
                return Answer(Outcome.FAILED, why="unpaid")
            back = await self.town.book.refund(paid.id, amount, Asked(_REFUND, key))
        except NotPossible as refusal:
            if refusal.reason == Hurdle.SHORT:
                raise ProviderAway(refusal.reason) from refusal
            return Answer(Outcome.FAILED, why=refusal.reason)
        except (ClientError, LedgerError) as error:
            raise ProviderAway(type(error).__name__) from error
        return Answer(Outcome.REFUNDED, back.id)

    def page(self, ref: str) -> str:
        """Return no page: nobody has to go anywhere."""
        return ""

    async def _charged(self, key: str, amount: int) -> Answer:
        booking = str(value(await self.town.client.retrieve(key), "refFor", ""))
        holder = str(value(await self.town.client.retrieve(booking), "refHolder", ""))
        wallet = await self.town.wallet_of(holder)
        if wallet is None:
            return Answer(Outcome.FAILED)
        await self.town.wallets.open(self.treasury, WalletKind.MERCHANT)
        waits = f'status=="pending";fault!="{CALLED_OFF}"'
        try:
            paid = await self.town.book.pay(
                wallet.id,
                self.treasury,
                amount,
                Asked(_CHARGE, key),
                about=booking,
                companions=[{"op": "check", "id": key, "q": waits}],
            )
        except CompanionFailed:
            return Answer(Outcome.CANCELLED)
        except NotPossible:
            return Answer(Outcome.FAILED)
        except OtherRequest:
            paid = await self.town.book.transfer(self._id(key))
        return Answer(Outcome.CAPTURED, paid.id)

    async def _found(self, key: str) -> Transfer | None:
        try:
            return await self.town.book.transfer(self._id(key))
        except NotFound:
            return None

    def _id(self, key: str) -> str:
        return self.town.book.accounts.transfer(Asked(_CHARGE, key).digest)
