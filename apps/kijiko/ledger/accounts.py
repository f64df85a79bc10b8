"""The town's own accounts and how ids are made. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from apps.kijiko.ledger.transfer import TRANSFER
from apps.kijiko.ledger.wallet import WALLET, WalletKind


@dataclass(frozen=True, slots=True)
class Accounts:
    """The town's accounts of a currency, by the code of the municipality and the currency's name.

    Their wallets are `urn:ngsi-ld:Wallet:<city>:<currency>-<account>`.
    """

    city: str
    name: str

    @property
    def issue(self) -> str:
        """Where money and budgets come from: minus what is in circulation."""
        return self._account("issue")

    @property
    def settlement(self) -> str:
        """精算未払: what was settled and is to be paid by bank."""
        return self._account("settlement")

    @property
    def fee(self) -> str:
        """What merchants paid for the service."""
        return self._account("fee")

    @property
    def expired_money(self) -> str:
        """Money that ended unspent."""
        return self._account("expired-money")

    @property
    def expired_points(self) -> str:
        """Points that ended unspent."""
        return self._account("expired-points")

    @property
    def suspense(self) -> str:
        """What belongs to holders of closed wallets."""
        return self._account("suspense")

    def all(self) -> Iterator[tuple[str, WalletKind]]:
        """Yield each account with its kind."""
        yield self.issue, WalletKind.ISSUER
        yield self.settlement, WalletKind.SETTLEMENT
        yield self.fee, WalletKind.FEE
        yield self.expired_money, WalletKind.EXPIRY
        yield self.expired_points, WalletKind.EXPIRY
        yield self.suspense, WalletKind.SUSPENSE

    def transfer(self, local: str) -> str:
        """Return the id of a transfer."""
        return f"urn:ngsi-ld:{TRANSFER}:{self.city}:{local}"

    def wallet(self, local: str) -> str:
        """Return the id of a wallet."""
        return f"urn:ngsi-ld:{WALLET}:{self.city}:{local}"

    def _account(self, account: str) -> str:
        return self.wallet(f"{self.name}-{account}")


def accounts_of(currency: str) -> Accounts:
    """Return the accounts of a currency, by its id `urn:ngsi-ld:LocalCurrency:<city>:<name>`."""
    _, _, _, city, name = currency.split(":", 4)
    return Accounts(city, name)


def refund_id(payment: str, number: int) -> str:
    """Return the id of a payment's refund, counted from 1: each can be written once."""
    return f"{payment}-refund-{number}"


def reversal_id(transfer: str) -> str:
    """Return the id of a transfer's reversal: it can be written once."""
    return f"{transfer}-reversal"
