"""Comparing wallets with postings. Pure.

`Sums` are what transfers say that wallets hold; a wallet is as it should be if it holds just that,
and a citizen's lots, lot by lot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from apps.kijiko.ledger.transfer import Transfer, transfer_from
from apps.kijiko.ledger.wallet import Wallet, WalletKind
from broker.client import Entity


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something that is not as the books must be: the entity's id, and what is wrong.

    `reason`: unbalanced (a transfer that is none), balance (it differs from the postings), lots
    (they differ from the balance or the postings), negative, missing (postings to no wallet).
    """

    id: str
    reason: str
    expected: int = 0
    found: int = 0


@dataclass(slots=True)
class Sums:
    """What the postings so far sum to, by wallet, and by wallet and lot."""

    balances: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lots: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, transfer: Transfer) -> None:
        """Take a transfer into the sums."""
        for one in transfer.postings:
            self.balances[one.wallet] += one.amount
            held = self.lots[one.wallet]
            for name, amount in one.lots.items():
                held[name] = held.get(name, 0) + amount
                if not held[name]:
                    del held[name]

    def fault(self, wallet: Wallet) -> Fault | None:
        """Return what is wrong with a wallet."""
        expected = self.balances.get(wallet.id, 0)
        if wallet.balance != expected:
            return Fault(wallet.id, "balance", expected, wallet.balance)
        return own_fault(wallet) or self._lots_fault(wallet)

    def _lots_fault(self, wallet: Wallet) -> Fault | None:
        expected = self.lots.get(wallet.id, {})
        if dict(wallet.lots) == expected:
            return None
        return Fault(wallet.id, "lots", sum(expected.values()), sum(wallet.lots.values()))

    def plain(self) -> dict[str, Any]:
        """Return the sums as JSON keeps them."""
        return {
            wallet: {"balance": balance, "lots": dict(self.lots.get(wallet, {}))}
            for wallet, balance in self.balances.items()
        }

    @classmethod
    def from_plain(cls, told: dict[str, Any]) -> Sums:
        """Return sums from JSON."""
        sums = cls()
        for wallet, one in told.items():
            sums.balances[wallet] = int(one["balance"])
            sums.lots[wallet] = {name: int(left) for name, left in one["lots"].items()}
        return sums


def own_fault(wallet: Wallet) -> Fault | None:
    """Return what is wrong with a wallet by itself, whatever the postings say."""
    if wallet.balance < 0 and wallet.kind is not WalletKind.ISSUER:
        return Fault(wallet.id, "negative", 0, wallet.balance)
    held = sum(wallet.lots.values())
    if wallet.kind is WalletKind.CITIZEN and held != wallet.balance:
        return Fault(wallet.id, "lots", wallet.balance, held)
    return None


def summed(entities: Iterable[Entity]) -> tuple[Sums, list[Fault]]:
    """Return the sums of transfers' entities, and the transfers that are none."""
    sums, faults = Sums(), []
    for entity in entities:
        try:
            sums.add(transfer_from(entity))
        except (ValueError, KeyError, TypeError):
            faults.append(Fault(entity["id"], "unbalanced"))
    return sums, faults
