"""Who may do what with the ledger under the town's own policies."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from apps.kijiko.ledger.book import Book
from apps.kijiko.ledger.keeper import Keeper
from apps.kijiko.ledger.reading import verify_ledger
from apps.kijiko.ledger.setup import currency_entity, open_accounts, set_rules
from apps.kijiko.ledger.wallet import WALLET, WalletKind
from apps.kijiko.ledger.wallets import Wallets
from broker.client import AlreadyExists, Client, Forbidden, NotFound, Refused
from consent.identity.model import Client as Known
from consent.identity.model import Role
from tests.apps.kijiko.stage import ANNA, BEN, CURRENCY, NOW, SHOP, asked
from tests.support.guarded import guarded_town

pytestmark = pytest.mark.asyncio(loop_scope="module")

KNOWN = (
    Known("admin", frozenset({Role.ADMINISTRATOR})),
    Known("operator", frozenset({Role.ADMINISTRATOR})),
    Known("kijiko", frozenset({Role.APP})),
    Known("bookings", frozenset({Role.APP})),
    Known("demo", frozenset({Role.DEVELOPER})),
    Known("account:anna", frozenset({"citizen"}), user="anna"),
)


@dataclass
class Guarded:
    """A town behind its policies: a connection of nobody's, and the app's books."""

    client: Client
    book: Book

    def by(self, name: str) -> Client:
        """Return the client of somebody."""
        return self.client.acting_for(name or None)

    async def seen(self, name: str) -> list[str]:
        """Return the wallets somebody sees."""
        try:
            return [one["id"] for one in await self.by(name).query(type=WALLET)]
        except (NotFound, Forbidden):
            return []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    async with guarded_town(folder, *KNOWN) as client:
        app = client.acting_for("kijiko")
        town = Guarded(client, Book(app, CURRENCY, lambda: NOW))
        await town.by("admin").create(
            currency_entity(CURRENCY, "X-KJK", {"ja": "きじこ"}, "urn:ngsi-ld:Organization:432032")
        )
        await set_rules(town.by("admin"))
        await open_accounts(app, CURRENCY)
        wallets = Wallets(app, CURRENCY)
        for wallet, holder in ((ANNA, "anna"), (BEN, "ben")):
            await wallets.open(wallet, WalletKind.CITIZEN, f"urn:ngsi-ld:Holder:{holder}")
        await wallets.open(SHOP, WalletKind.MERCHANT)
        await town.book.charge(ANNA, 500, asked())
        await town.book.pay(ANNA, SHOP, 200, asked())
        yield town


async def test_the_app_keeps_the_books(town: Guarded):
    assert (await town.book.wallet(ANNA)).balance == 300
    await Keeper(town.book).watch.night()


async def test_citizens_see_their_own_wallet_and_no_other(town: Guarded):
    assert await town.seen("account:anna") == [ANNA]


@pytest.mark.parametrize("name", ["", "bookings", "demo", "admin"])
async def test_nobody_else_sees_a_wallet(town: Guarded, name: str):
    assert await town.seen(name) == []


@pytest.mark.parametrize("name", ["", "bookings", "demo", "admin", "account:anna"])
async def test_nobody_else_moves_money(town: Guarded, name: str):
    moves = ((SHOP, -1), (ANNA, 1))
    operations = [
        {"op": "add", "id": one, "attribute": "balance", "value": amount} for one, amount in moves
    ]
    with pytest.raises(Refused):
        await town.by(name).transactions(operations)
    forged = {
        "id": f"{ANNA}-forged",
        "type": WALLET,
        "walletKind": {"type": "Property", "value": "citizen"},
        "status": {"type": "Property", "value": "active"},
        "refCurrency": {"type": "Relationship", "object": CURRENCY},
    }
    with pytest.raises((Forbidden, AlreadyExists, Refused)):
        await town.by(name).create(forged)


async def test_whoever_is_at_the_machine_verifies_the_ledger_and_sees_no_holder(town: Guarded):
    operator = town.by("operator")
    report = await verify_ledger(operator, CURRENCY)
    assert (report.faults, report.transfers, report.wallets) == ([], 2, 9)
    assert "refHolder" not in await operator.retrieve(ANNA)
