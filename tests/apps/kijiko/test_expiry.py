"""Lets expire what has ended: once a day of Tokyo, each lot once, after any stop."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from apps.bookings.edge.holders import Holders
from apps.kijiko.ledger.book import Book
from apps.kijiko.ledger.transfer import Kind
from apps.kijiko.ledger.wallets import Wallets
from apps.kijiko.use.expiry import Expiry
from apps.kijiko.use.town import Town
from broker.client import ClientError
from tests.apps.kijiko.stage import ANNA, BEN, KEYS, SHOP, STEPS, Stage, asked, broker, stage
from tests.support.paper_vault import PaperVault

pytestmark = pytest.mark.asyncio(loop_scope="module")

END = datetime(2027, 5, 27, 15, tzinfo=UTC)
"""Midnight in Tokyo, when what was issued on 27 November 2026 has ended."""
SECOND = timedelta(seconds=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with broker(tmp_path_factory.mktemp("expiry")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def place(url: str) -> AsyncIterator[Stage]:
    async with stage(url, f"expiry{next(KEYS)}") as found:
        yield found


def town_at(place: Stage) -> Town:
    vault = PaperVault()
    return Town(place.book, place.wallets, Holders(vault), vault, b"s" * 32)


async def expired(place: Stage, wallet: str) -> list[int]:
    """Return what expired of a wallet, each time."""
    found = await place.book.transfers(wallet)
    return [one.amount for one in found if one.kind is Kind.EXPIRE]


async def test_money_is_spent_in_its_last_second_and_has_expired_in_the_next(place: Stage):
    await place.book.charge(ANNA, 100, asked())
    expiry = Expiry(town_at(place))
    place.clock.now = END - SECOND
    assert await expiry.look() == 0
    await place.book.pay(ANNA, SHOP, 30, asked())
    place.clock.now = END
    assert await expiry.look() == 1
    assert (await expired(place, ANNA), (await place.anna()).lots) == ([70], {})


async def test_each_kind_goes_to_its_account_also_from_a_frozen_wallet(place: Stage):
    await place.book.fund(STEPS, 500, asked())
    await place.book.charge(ANNA, 100, asked())
    await place.book.grant(STEPS, ANNA, 50, asked())
    await place.book.charge(BEN, 10, asked())
    await place.wallets.freeze(ANNA)
    place.clock.now = END
    assert await Expiry(town_at(place)).look() == 2
    balances = await place.balances()
    assert (balances["kijiko-expired-money"], balances["kijiko-expired-points"]) == (110, 50)
    assert sum(balances.values()) == 0


async def test_what_has_not_ended_stays(place: Stage):
    await place.book.charge(ANNA, 100, asked())
    place.clock.now += timedelta(days=1)
    await place.book.charge(ANNA, 200, asked())
    place.clock.now = END
    await Expiry(town_at(place)).look()
    assert (await place.anna()).lots == {"20270528-money": 200}


async def test_it_looks_once_a_day_and_what_came_back_too_late_expires_in_the_next_night(
    place: Stage,
):
    await place.book.charge(ANNA, 100, asked())
    paid = await place.book.pay(ANNA, SHOP, 100, asked())
    expiry = Expiry(town_at(place))
    place.clock.now = END
    assert await expiry.look() == 0
    await place.book.refund(paid.id, 40, asked())
    place.clock.now += timedelta(hours=23)
    assert await expiry.look() == 0
    place.clock.now += timedelta(hours=1)
    assert await expiry.look() == 1
    assert await expired(place, ANNA) == [40]


async def test_each_run_is_without_effect_after_another(place: Stage):
    await place.book.charge(ANNA, 100, asked())
    await place.book.charge(BEN, 10, asked())
    place.clock.now = END
    assert [await Expiry(town_at(place)).look() for _ in range(3)] == [2, 0, 0]
    assert (await expired(place, ANNA), await expired(place, BEN)) == ([100], [10])


async def test_two_workers_at_once_let_each_lot_expire_once(place: Stage):
    await place.book.charge(ANNA, 100, asked())
    await place.book.charge(BEN, 10, asked())
    place.clock.now = END
    other = Book(place.client, place.book.currency, place.clock)
    workers = [Expiry(replace(town_at(place), book=book)) for book in (place.book, other)]
    await asyncio.gather(*(one.look() for one in workers))
    assert (await expired(place, ANNA), await expired(place, BEN)) == ([100], [10])


class Stopping(Book):
    """Books whose process is stopped after so many wallets have expired."""

    left = 1

    async def expire(self, wallet):
        if not self.left:
            raise asyncio.CancelledError
        self.left -= 1
        return await super().expire(wallet)


async def test_a_worker_stopped_between_two_wallets_goes_on_after_its_restart(place: Stage):
    await place.book.charge(ANNA, 100, asked())
    await place.book.charge(BEN, 10, asked())
    place.clock.now = END
    stopping = Stopping(place.client, place.book.currency, place.clock)
    with pytest.raises(asyncio.CancelledError):
        await Expiry(replace(town_at(place), book=stopping)).look()
    assert len(await expired(place, ANNA) + await expired(place, BEN)) == 1
    assert await Expiry(town_at(place)).look() == 1
    assert (await expired(place, ANNA), await expired(place, BEN)) == ([100], [10])


class Away(Wallets):
    """Wallets of a broker that gives no answer at first."""

    answers = False

    async def all(self, *kinds):
        if not self.answers:
            self.answers = True
            raise ClientError("no answer")
        return await super().all(*kinds)


async def test_a_worker_looks_again_soon_where_the_broker_was_away(place: Stage):
    await place.book.charge(ANNA, 100, asked())
    place.clock.now = END
    ticks = 0

    async def sleep(seconds: float) -> None:
        nonlocal ticks
        ticks += 1
        if ticks > 2:
            raise asyncio.CancelledError

    away = Away(place.client, place.book.currency)
    with pytest.raises(asyncio.CancelledError):
        await Expiry(replace(town_at(place), wallets=away), sleep).run()
    assert await expired(place, ANNA) == [100]
