"""Many at once: nothing is spent twice, and nobody waits in vain."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from apps.kijiko.ledger.book import Book
from apps.kijiko.ledger.errors import NotPossible
from apps.kijiko.ledger.reading import verify_ledger
from broker.client import Client
from tests.apps.kijiko.stage import (
    ANNA,
    BEN,
    CURRENCY,
    INN,
    KEYS,
    SHOP,
    STEPS,
    Stage,
    asked,
    broker,
    stage,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAYERS = 200


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with broker(tmp_path_factory.mktemp("races")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def town(url: str) -> AsyncIterator[Stage]:
    async with stage(url, f"town{next(KEYS)}") as found:
        yield found


async def outcome(doing) -> str:
    """Return how an act ended."""
    try:
        await doing
    except NotPossible as refusal:
        return refusal.reason
    return "done"


async def test_of_200_payments_at_once_from_money_for_100_exactly_100_are_made(town: Stage):
    await town.book.charge(ANNA, 100 * 30, asked())
    pays = (town.book.pay(ANNA, (SHOP, INN)[n % 2], 30, asked()) for n in range(PAYERS))
    assert Counter(await asyncio.gather(*map(outcome, pays))) == {"done": 100, "short": 100}
    assert (await town.anna()).balance == 0
    found = await town.balances()
    assert found["shop"] + found["inn"] == 3000
    assert (await verify_ledger(town.client, CURRENCY)).sound


async def test_processes_that_know_nothing_of_each_other_spend_no_money_twice(
    town: Stage, url: str
):
    await town.book.charge(ANNA, 10 * 30, asked())
    async with Client(url, tenant=town.client.tenant, name="kijiko") as other:
        books = [town.book, Book(other, CURRENCY, town.clock)]
        pays = (books[n % 2].pay(ANNA, SHOP, 30, asked()) for n in range(24))
        assert Counter(await asyncio.gather(*map(outcome, pays))) == {"done": 10, "short": 14}
    assert await town.balances() == {"shop": 300, "kijiko-issue": -300}


async def test_a_budget_is_not_overrun_by_grants_at_once(town: Stage):
    await town.book.fund(STEPS, 100, asked())
    grants = (town.book.grant(STEPS, (ANNA, BEN)[n % 2], 10, asked()) for n in range(24))
    assert Counter(await asyncio.gather(*map(outcome, grants))) == {
        "done": 10,
        "account_short": 14,
    }


async def test_the_same_payment_asked_many_times_at_once_is_made_once(town: Stage):
    await town.book.charge(ANNA, 1000, asked())
    pays = (town.book.pay(ANNA, SHOP, 30, asked("once")) for _ in range(30))
    made = await asyncio.gather(*pays)
    assert len({one.id for one in made}) == 1
    assert (await town.anna()).balance == 970


async def test_refunds_at_once_give_back_no_more_than_was_paid(town: Stage):
    await town.book.charge(ANNA, 100, asked())
    paid = await town.book.pay(ANNA, SHOP, 100, asked())
    refunds = (town.book.refund(paid.id, 30, asked()) for _ in range(6))
    assert Counter(await asyncio.gather(*map(outcome, refunds))) == {"done": 3, "refunded": 3}
    assert (await town.anna()).balance == 90


async def test_a_payment_is_refunded_or_reversed_and_not_both(town: Stage):
    await town.book.charge(ANNA, 100, asked())
    paid = await town.book.pay(ANNA, SHOP, 100, asked())
    await town.book.charge(BEN, 100, asked())
    await town.book.pay(BEN, SHOP, 100, asked())
    both = (
        town.book.refund(paid.id, 100, asked()),
        town.book.reverse(paid.id, "mistake", ("u-1", "u-2"), asked()),
    )
    ended = await asyncio.gather(*map(outcome, both))
    assert ended.count("done") == 1
    assert (await town.anna()).balance == 100
