"""What money does: every act, and what it is refused for."""

from collections.abc import AsyncIterator
from datetime import date

import pytest
import pytest_asyncio

from apps.kijiko.ledger.errors import NotPossible, OtherRequest
from tests.apps.kijiko.stage import ANNA, KEYS, SHOP, STEPS, Stage, asked, broker, stage

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with broker(tmp_path_factory.mktemp("kijiko")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def town(url: str) -> AsyncIterator[Stage]:
    async with stage(url, f"town{next(KEYS)}") as found:
        yield found


async def test_a_charge_is_money_until_the_same_day_six_months_later(town: Stage):
    await town.book.charge(ANNA, 1000, asked())
    anna = await town.anna()
    assert (anna.balance, anna.lots) == (1000, {"20270527-money": 1000})
    assert await town.balances() == {"anna": 1000, "kijiko-issue": -1000}


async def test_a_payment_reaches_the_merchant(town: Stage):
    await town.book.charge(ANNA, 1000, asked())
    paid = await town.book.pay(ANNA, SHOP, 300, asked())
    assert paid.amount == 300
    assert await town.balances() == {"anna": 700, "shop": 300, "kijiko-issue": -1000}


async def test_what_ends_first_is_spent_first_and_of_one_day_points_first(town: Stage):
    await town.book.fund(STEPS, 500, asked())
    await town.book.charge(ANNA, 100, asked())
    await town.book.grant(STEPS, ANNA, 50, asked())
    await town.book.grant(STEPS, ANNA, 20, asked(), last_day=date(2026, 12, 31))
    await town.book.pay(ANNA, SHOP, 90, asked())
    assert (await town.anna()).lots == {"20270527-money": 80}


async def test_the_same_request_again_is_the_same_transfer(town: Stage):
    await town.book.charge(ANNA, 1000, asked())
    one = await town.book.pay(ANNA, SHOP, 600, asked("k"))
    again = await town.book.pay(ANNA, SHOP, 600, asked("k"))
    assert again == one
    assert (await town.anna()).balance == 400
    with pytest.raises(OtherRequest):
        await town.book.pay(ANNA, SHOP, 601, asked("k"))


async def test_more_than_there_is_cannot_be_paid(town: Stage):
    await town.book.charge(ANNA, 100, asked())
    await refused("short", town.book.pay(ANNA, SHOP, 101, asked()))
    assert await town.balances() == {"anna": 100, "kijiko-issue": -100}


async def refused(reason: str, act) -> None:
    with pytest.raises(NotPossible) as refusal:
        await act
    assert refusal.value.reason == reason
