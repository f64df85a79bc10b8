"""Payments in local currency: how many a second are durable, over 60 merchants and into one.

The broker is a process of its own, with the types' rules, the pinned context and the keeper that
seals every payment following it; the payers are in this process. A payment is one transaction: its
answer means that it is on disk. Afterwards all books are read and must balance.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random

from apps.kijiko.ledger.book import Asked, Book
from apps.kijiko.ledger.keeper import Keeper
from apps.kijiko.ledger.reading import verify_ledger
from apps.kijiko.ledger.setup import CLIENT, currency_entity, open_accounts, set_rules
from apps.kijiko.ledger.wallet import WalletKind
from apps.kijiko.ledger.wallets import Wallets
from bench.figures import Figure, Target
from bench.rates import Say
from bench.requests import RequestFailed
from broker.client import Client
from tests.support.server import Server, broker

CITY = "432032"
CURRENCY = f"urn:ngsi-ld:LocalCurrency:{CITY}:kijiko"
CITIZENS, MERCHANTS = 500, 60
AT_ONCE = 64
SECONDS = 5.0
ROUNDS = 3
MANY, ONE = Target(500.0), Target(100.0)


def measure_kijiko(folder: Path, say: Say) -> list[Figure]:
    """Return payments a second over all merchants and into one, and their processor time."""
    server = broker(folder / "data", folder / "broker.log", None, "--pinned-context")
    with server:
        return asyncio.run(_measure(server, say))


async def _measure(server: Server, say: Say) -> list[Figure]:
    async with Client(server.url, name=CLIENT) as client:
        book = Book(client, CURRENCY, lambda: datetime.now(UTC))
        citizens, merchants = await _fill(client, book)
        say(f"{CITIZENS} wallets are charged")
        many = Figure(f"kijiko: payments from {CITIZENS} wallets to {MERCHANTS} shops", "/s", MANY)
        single = Figure("kijiko: payments to one shop", "/s", ONE)
        cost = Figure("kijiko: a payment's processor time in the broker", "ms")
        keeper = asyncio.create_task(Keeper(book, every=3600).run())
        for turn in range(ROUNDS):
            before = server.processor_time
            made, seconds = await _pay(book, citizens, merchants, f"many-{turn}")
            cost.values.append((server.processor_time - before) / made * 1000)
            many.values.append(made / seconds)
            made, seconds = await _pay(book, citizens, merchants[:1], f"one-{turn}")
            single.values.append(made / seconds)
        report = await verify_ledger(client, CURRENCY)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        if not report.sound:
            raise RequestFailed(f"kijiko: {report.faults} {report.chain.broken}")
        say(f"{report.transfers:,} transfers balance, {report.chain.sealed:,} are sealed")
        return [many, single, cost]


async def _fill(client: Client, book: Book) -> tuple[list[str], list[str]]:
    await set_rules(client)
    name = {"ja": "きじこ", "en": "Kijiko"}
    await client.create(currency_entity(CURRENCY, "X-KJK", name, f"urn:ngsi-ld:City:{CITY}"))
    await open_accounts(client, CURRENCY)
    wallets = Wallets(client, CURRENCY)
    citizens = [book.accounts.wallet(f"c{number}") for number in range(CITIZENS)]
    merchants = [book.accounts.wallet(f"m{number}") for number in range(MERCHANTS)]
    turns = asyncio.Semaphore(AT_ONCE)

    async def open_citizen(number: int, citizen: str) -> None:
        async with turns:
            await wallets.open(citizen, WalletKind.CITIZEN, f"urn:ngsi-ld:Holder:{number}")
            await book.charge(citizen, 1_000_000, Asked("counter", citizen))

    await asyncio.gather(*(wallets.open(one, WalletKind.MERCHANT) for one in merchants))
    await asyncio.gather(*(open_citizen(*one) for one in enumerate(citizens)))
    return citizens, merchants


async def _pay(
    book: Book, payers: Sequence[str], payees: Sequence[str], turn: str
) -> tuple[int, float]:
    """Pay for some seconds, so many at once; return how many were answered, and the seconds."""
    dice, numbers = Random(turn), count()
    made = 0
    begun = time.perf_counter()

    async def pay() -> None:
        nonlocal made
        while time.perf_counter() - begun < SECONDS:
            payer, payee = dice.choice(payers), dice.choice(payees)
            asked = Asked("bench", f"{turn}-{next(numbers)}")
            await book.pay(payer, payee, dice.randint(1, 200), asked)
            made += 1

    await asyncio.gather(*(pay() for _ in range(AT_ONCE)))
    return made, time.perf_counter() - begun
