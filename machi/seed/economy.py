"""An economy for the demo: 500 wallets, 60 shops, three months, all made up, by a fixed seed.

What happens is decided by the ledger's own rules (`plans`); it is written in portions, each one
transaction that holds transfers and what they do to wallets, so that the books balance at every
commit. Stopped anywhere, it goes on: a portion that is there is known by its first transfer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from apps.kijiko.bank.zengin import Account
from apps.kijiko.ledger import plans
from apps.kijiko.ledger.accounts import Accounts, refund_id
from apps.kijiko.ledger.errors import NotPossible
from apps.kijiko.ledger.lots import TOKYO, Lot, LotKind, moved, today, valid
from apps.kijiko.ledger.plans import Plan
from apps.kijiko.ledger.rules import Rules
from apps.kijiko.ledger.transfer import Transfer, fingerprint, transfer_entity
from apps.kijiko.ledger.wallet import (
    Wallet,
    WalletKind,
    WalletStatus,
    json_property,
    wallet_entity,
)
from apps.kijiko.use.areas import AREAS, KINDS
from apps.kijiko.use.campaigns import VISIT, Campaign, Campaigns, campaign_entity
from apps.kijiko.use.numbers import number, wallet_local
from apps.kijiko.use.shops import Shop, Shops, ShopStatus, new_shop, shop_entity
from apps.kijiko.use.town import Town
from broker.client import NotFound, PreconditionFailed

SEED: Final = 432032
MONTHS: Final = 3
PORTION: Final = 100
PAUSE: Final = 0.05
"""Seconds between portions: others have their turn."""
BUDGET: Final = 300_000
WORDS: Final = (
    ("あおば", "Aoba"), ("みどり", "Midori"), ("ひなた", "Hinata"), ("かわべ", "Kawabe"),
    ("まつば", "Matsuba"), ("つばき", "Tsubaki"), ("きりの", "Kirino"), ("もみじ", "Momiji"),
    ("ほたる", "Hotaru"), ("すずめ", "Suzume"), ("こずえ", "Kozue"), ("いずみ", "Izumi"),
)  # fmt: skip
SIGNS: Final = {
    "5812": ("食堂", "Shokudo"), "5411": ("青果", "Seika"), "5399": ("商店", "Shoten"),
    "7299": ("理容", "Riyo"), "7011": ("旅館", "Ryokan"),
}  # fmt: skip
WEIGHTS: Final = {"5812": 6, "5411": 8, "5399": 4, "7299": 2, "7011": 1}


@dataclass(slots=True)
class History:
    """What happened, in order, and the wallets at its end. Pure."""

    accounts: Accounts
    rules: Rules
    campaign: str
    wallets: dict[str, Wallet]
    transfers: list[Transfer] = field(default_factory=list)

    def post(self, plan: Plan, at: datetime, refers: str = "") -> Transfer:
        """Write a plan down."""
        name = refund_id(refers, 1) if refers else self.transfer(len(self.transfers))
        key = str(len(self.transfers))
        one = Transfer(
            name, plan.kind, plan.postings, self.rules.currency, at,
            fingerprint("demo", key), fingerprint("demo request", key), refers=refers,
        )  # fmt: skip
        self.transfers.append(one)
        for posting in plan.postings:
            if (wallet := self.wallets.get(posting.wallet)) is not None:
                lots = moved(wallet.lots, posting.lots)
                self.wallets[wallet.id] = replace(
                    wallet, balance=wallet.balance + posting.amount, lots=lots
                )
        return one

    def transfer(self, place: int) -> str:
        """Return the id of the transfer at a place."""
        return self.accounts.transfer(f"demo-{place:05d}")


def months_before(now: datetime, count: int = MONTHS) -> date:
    """Return the first day of the month so many months before a time's own."""
    day = today(now)
    index = day.year * 12 + day.month - 1 - count
    return date(index // 12, index % 12 + 1, 1)


def lived(history: History, shops: Sequence[Shop], first: date, rng: random.Random) -> None:
    """Let people charge and pay for three months from a first day."""
    start = datetime(first.year, first.month, first.day, 9, tzinfo=TOKYO)
    history.post(plans.fund(history.campaign, BUDGET, history.accounts), start)
    homes = {one: rng.choice(AREAS).key for one in history.wallets}
    for at, wallet, kind in sorted(_intents(list(history.wallets), start, rng)):
        try:
            _happens(history, shops, homes[wallet], at, wallet, kind, rng)
        except NotPossible:
            continue


def _intents(
    wallets: Sequence[str], start: datetime, rng: random.Random
) -> Iterator[tuple[datetime, str, str]]:
    for place, wallet in enumerate(wallets):
        joined = rng.choice((0, 0, 0, 1, 2)) if place else 0
        for month in range(joined, MONTHS):
            opens = start + timedelta(days=30 * month)
            yield _moment(opens, rng, first=month == joined), wallet, "charge"
            if rng.random() < 0.25:
                yield _moment(opens, rng), wallet, "grant"
            for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4))):
                yield _moment(opens, rng), wallet, "pay"


def _moment(opens: datetime, rng: random.Random, *, first: bool = False) -> datetime:
    days = rng.randint(0, 2) if first else rng.randint(2, 29)
    return (opens + timedelta(days=days, seconds=rng.randint(0, 36_000))).astimezone(UTC)


def _happens(
    history: History,
    shops: Sequence[Shop],
    home: str,
    at: datetime,
    wallet_id: str,
    kind: str,
    rng: random.Random,
) -> None:
    wallet = history.wallets[wallet_id]
    if kind == "charge":
        amount = rng.choice((2000, 3000, 5000, 10_000))
        history.post(plans.charge(wallet, amount, history.rules, history.accounts, at), at)
    elif kind == "grant":
        lot = Lot(history.rules.last_day(today(at)), LotKind.POINTS)
        history.post(plans.grant(wallet, history.campaign, lot, 100, history.rules), at)
    else:
        weights = [WEIGHTS[one.category] * (4 if one.area == home else 1) for one in shops]
        shop = rng.choices(shops, weights)[0]
        most = sum(valid(wallet.lots, at).values())
        amount = min(most, rng.randint(2, 28) * 100)
        paid = history.post(plans.pay(wallet, shop.wallet, amount, history.rules, at), at)
        if rng.random() < 0.02:
            payer = history.wallets[wallet_id]
            back = plans.refund(payer, paid, (), None, history.accounts)
            history.post(back, at + timedelta(minutes=20), refers=paid.id)


class Economy:
    """Plants the economy. Raises ClientError."""

    def __init__(
        self, town: Town, wallets: int = 500, shops: int = 60, pause: float = PAUSE
    ) -> None:
        self._town = town
        self._rng = random.Random(SEED)
        self._count = wallets
        self._shops = shops
        self._pause = pause

    async def plant(self) -> int:
        """Write what is not there yet; return how many transfers the economy has."""
        first = await self._begun() or months_before(self._town.now())
        rules = await self._town.book.rules()
        seeded = replace(self._town, token=self._rng.randbytes)
        shops = [self._shop(seeded, place) for place in range(self._shops)]
        wallets = {one.id: one for one in (self._wallet() for _ in range(self._count))}
        campaign = _campaign(self._town.city, first)
        purse = Campaigns(self._town).wallet(campaign)
        history = History(self._town.book.accounts, rules, purse, dict(wallets))
        lived(history, shops, first, self._rng)
        if not await self._there(history.transfers[-1].id):
            await self._write_ground(shops, wallets, campaign, purse)
            await self._write(history, wallets)
        return len(history.transfers)

    async def _write_ground(
        self, shops: Sequence[Shop], wallets: dict[str, Wallet], campaign: Campaign, purse: str
    ) -> None:
        currency = self._town.book.currency
        accounts = [
            *wallets.values(),
            *(_empty(one.wallet, WalletKind.MERCHANT, currency) for one in shops),
            _empty(purse, WalletKind.CAMPAIGN, currency),
        ]
        entities = [*map(wallet_entity, accounts), *map(shop_entity, shops)]
        entities.append(campaign_entity(campaign, currency))
        for place in range(0, len(entities), PORTION):
            made = entities[place : place + PORTION]
            await self._once([{"op": "create", "entity": e, "ifNoneMatch": "*"} for e in made])
        for place, shop in enumerate(shops):
            account = Account("0182", "102", f"{place:07d}", "ﾃﾞﾓ ｼﾖｳﾃﾝ")
            await Shops(self._town).keep_account(shop, account)
            await self._town.vault.put(shop.holder, "shop", shop.id)

    async def _write(self, history: History, wallets: dict[str, Wallet]) -> None:
        lots: dict[str, dict[str, int]] = {name: {} for name in wallets}
        for place in range(0, len(history.transfers), PORTION):
            part = history.transfers[place : place + PORTION]
            changes: dict[str, int] = {}
            operations: list[dict[str, Any]] = []
            for one in part:
                operations.append(
                    {"op": "create", "entity": transfer_entity(one), "ifNoneMatch": "*"}
                )
                for posting in one.postings:
                    changes[posting.wallet] = changes.get(posting.wallet, 0) + posting.amount
                    if posting.wallet in lots:
                        lots[posting.wallet] = moved(lots[posting.wallet], posting.lots)
            for wallet, amount in sorted(changes.items()):
                operations.append(
                    {"op": "add", "id": wallet, "attribute": "balance", "value": amount}
                )
                if wallet in lots:
                    told = {"lots": json_property(lots[wallet])}
                    operations.append({"op": "append", "id": wallet, "attrs": told})
            await self._once(operations)

    async def _once(self, operations: list[dict[str, Any]]) -> None:
        """Write a portion, unless it is there: nothing of it is there without its first."""
        try:
            await self._town.client.transactions(operations)
        except PreconditionFailed:
            return
        await asyncio.sleep(self._pause)

    async def _begun(self) -> date | None:
        """Return the day from which an economy was planted before."""
        name = self._town.book.accounts.transfer("demo-00000")
        try:
            return today((await self._town.book.transfer(name)).at)
        except NotFound:
            return None

    async def _there(self, transfer_id: str) -> bool:
        try:
            await self._town.book.transfer(transfer_id)
        except NotFound:
            return False
        return True

    def _shop(self, seeded: Town, place: int) -> Shop:
        kinds = list(KINDS)
        kind, word = kinds[place % len(kinds)], WORDS[place // len(kinds) % len(WORDS)]
        area = AREAS[place // len(kinds) % len(AREAS)]
        east, north = area.middle
        around = (
            round(east + self._rng.uniform(-0.003, 0.003), 5),
            round(north + self._rng.uniform(-0.002, 0.002), 5),
        )
        sign = SIGNS[kind]
        name = {"ja": f"{word[0]}{sign[0]}", "en": f"{word[1]} {sign[1]}"}
        return new_shop(seeded, name, kind, around, ShopStatus.ACTIVE)

    def _wallet(self) -> Wallet:
        local = wallet_local(number(self._rng.randbytes(8)))
        holder = f"urn:ngsi-ld:Holder:demo{self._rng.randbytes(10).hex()}"
        return _empty(
            self._town.book.accounts.wallet(local),
            WalletKind.CITIZEN,
            self._town.book.currency,
            holder,
        )


def _empty(wallet: str, kind: WalletKind, currency: str, holder: str = "") -> Wallet:
    return Wallet(wallet, kind, WalletStatus.ACTIVE, 0, currency, holder)


def _campaign(city: str, first: date) -> Campaign:
    begins = datetime(first.year, first.month, first.day, tzinfo=TOKYO)
    return Campaign(
        id=f"urn:ngsi-ld:PointCampaign:{city}:demo-autumn",
        name={"ja": "町の行事に参加しよう", "en": "Take part in the town"},
        metric=VISIT,
        threshold=1,
        points=100,
        cap=400,
        budget=BUDGET,
        begins=begins,
        ends=begins + timedelta(days=365),
    )
