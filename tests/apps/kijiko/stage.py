"""A town with a currency, citizens, shops and a campaign, on a real broker with its rules."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from apps.kijiko.ledger.accounts import Accounts
from apps.kijiko.ledger.book import Asked, Book
from apps.kijiko.ledger.setup import CLIENT, currency_entity, open_accounts, set_rules
from apps.kijiko.ledger.wallet import Wallet, WalletKind
from apps.kijiko.ledger.wallets import Wallets
from broker.client import Client
from broker.settings import Settings
from broker.validation import Mode
from smart_data_models.offer import offered
from tests.support.live import live_broker

CITY = "432032"
CURRENCY = f"urn:ngsi-ld:LocalCurrency:{CITY}:kijiko"
ANNA, BEN = f"urn:ngsi-ld:Wallet:{CITY}:anna", f"urn:ngsi-ld:Wallet:{CITY}:ben"
SHOP, INN = f"urn:ngsi-ld:Wallet:{CITY}:shop", f"urn:ngsi-ld:Wallet:{CITY}:inn"
STEPS = f"urn:ngsi-ld:Wallet:{CITY}:steps"
CITIZENS, MERCHANTS = (ANNA, BEN), (SHOP, INN)
NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
KEYS = itertools.count(1)


class Clock:
    """A clock that moves when it is told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass(slots=True)
class Stage:
    """The town."""

    client: Client
    book: Book
    wallets: Wallets
    clock: Clock
    accounts: Accounts = field(init=False)

    def __post_init__(self) -> None:
        self.accounts = self.book.accounts

    def later(self, days: int) -> None:
        """Let days pass."""
        self.clock.now += timedelta(days=days)

    async def balances(self) -> dict[str, int]:
        """Return the balance of every wallet that is not empty, by the last part of its id."""
        found = await self.wallets.all()
        return {one.id.rpartition(":")[2]: one.balance for one in found if one.balance}

    async def anna(self) -> Wallet:
        """Return Anna's wallet."""
        return await self.book.wallet(ANNA)


def asked(key: str = "", by: str = "somebody") -> Asked:
    """Return a request; one of its own where no key is given."""
    return Asked(by, key or f"key-{next(KEYS)}")


@contextlib.asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[str]:
    """Run a broker that holds entities to their models; give its URL."""
    models = offered(Mode.REJECT, everywhere=True)
    async with live_broker(folder, Settings(data=folder), models=models) as url:
        yield url


@contextlib.asynccontextmanager
async def stage(url: str, tenant: str, **limits: int) -> AsyncIterator[Stage]:
    """Set the town up in a tenant; `limits` are the currency's, by their names in the model."""
    clock = Clock()
    async with Client(url, tenant=tenant, name=CLIENT) as client:
        await set_rules(client)
        await client.create(
            currency_entity(
                CURRENCY, "X-KJK", {"ja": "きじこ"}, f"urn:ngsi-ld:Organization:{CITY}", **limits
            )
        )
        await open_accounts(client, CURRENCY)
        wallets = Wallets(client, CURRENCY)
        for one in CITIZENS:
            local = one.rpartition(":")[2]
            await wallets.open(one, WalletKind.CITIZEN, f"urn:ngsi-ld:Holder:{local}")
        for one in MERCHANTS:
            await wallets.open(one, WalletKind.MERCHANT)
        await wallets.open(STEPS, WalletKind.CAMPAIGN)
        yield Stage(client, Book(client, CURRENCY, clock), wallets, clock)
