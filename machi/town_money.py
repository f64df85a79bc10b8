"""The town's money as the processes of `machi up` use it: its currency, and who may write it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from apps.bookings.edge.holders import Holders
from apps.keys.contract import Vault
from apps.kijiko.ledger.book import Book
from apps.kijiko.ledger.wallets import Wallets
from apps.kijiko.use.town import Town
from broker.client import Client
from machi.seed.parts import urn

NAME: Final = "kijiko"
"""The client that may write the ledger."""
CURRENCY: Final = urn("LocalCurrency", NAME)


def town_of(client: Client, vault: Vault, secret: bytes, clock: Callable[[], datetime]) -> Town:
    """Return what acts on the town's money stand on; `secret` signs codes of one use."""
    return Town(
        Book(client, CURRENCY, clock), Wallets(client, CURRENCY), Holders(vault), vault, secret
    )
