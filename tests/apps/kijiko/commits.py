"""A ledger's history read from the change feed, judged at every commit."""

from __future__ import annotations

from apps.kijiko.ledger.audit import Sums
from apps.kijiko.ledger.lots import order, valid
from apps.kijiko.ledger.transfer import TRANSFER, Kind, Transfer, transfer_from
from apps.kijiko.ledger.wallet import WALLET, Wallet, WalletKind, wallet_from
from broker.client import Client

MARKER = "Marker"


async def judge(client: Client, marker: str) -> int:
    """Assert what must hold at each commit so far; return how many transfers there were.

    `marker` is an id of an entity that is not there yet: its creation ends the reading.
    """
    await client.create({"id": marker, "type": MARKER})
    wallets: dict[str, Wallet] = {}
    sums, transfers = Sums(), 0
    async for event in client.stream(type=f"{WALLET},{TRANSFER},{MARKER}", after=0):
        if event.entity is None:
            continue
        if event.entity["type"] == WALLET:
            wallet = wallet_from(event.entity)
            assert wallet.balance >= 0 or wallet.kind is WalletKind.ISSUER, wallet
            wallets[wallet.id] = wallet
            continue
        assert sum(one.balance for one in wallets.values()) == 0
        for wallet in wallets.values():
            assert sums.fault(wallet) is None, wallet
        if event.id == marker:
            break
        if event.entity["type"] == TRANSFER:
            transfer = transfer_from(event.entity)
            _check_order(transfer, wallets)
            sums.add(transfer)
            transfers += 1
    return transfers


def _check_order(transfer: Transfer, wallets: dict[str, Wallet]) -> None:
    """Assert that a payment takes what ends first, and nothing that has ended."""
    if transfer.kind is not Kind.PAY:
        return
    payer = next(one for one in transfer.postings if one.lots)
    usable = valid(wallets[payer.wallet].lots, transfer.at)
    taken = {name: -amount for name, amount in payer.lots.items()}
    assert taken.keys() <= usable.keys()
    newest = max(map(order, taken))
    for name, left in usable.items():
        if order(name) < newest:
            assert taken.get(name) == left
