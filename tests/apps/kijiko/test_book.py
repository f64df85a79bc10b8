"""What money does: every act, and what it is refused for."""

from collections.abc import AsyncIterator
from datetime import date

import pytest
import pytest_asyncio

from apps.kijiko.ledger.errors import CompanionFailed, NotPossible, OtherRequest
from apps.kijiko.ledger.wallet import Limits, WalletStatus
from tests.apps.kijiko.stage import ANNA, BEN, KEYS, SHOP, STEPS, Stage, asked, broker, stage

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


async def test_what_has_ended_cannot_be_spent_and_expires_by_kind(town: Stage):
    await town.book.fund(STEPS, 500, asked())
    await town.book.charge(ANNA, 100, asked())
    await town.book.grant(STEPS, ANNA, 50, asked())
    town.later(182)
    await refused("short", town.book.pay(ANNA, SHOP, 1, asked()))
    expired = await town.book.expire(ANNA)
    assert expired is not None
    assert await town.book.expire(ANNA) is None
    assert await town.balances() == {
        "steps": 450,
        "kijiko-issue": -600,
        "kijiko-expired-money": 100,
        "kijiko-expired-points": 50,
    }


async def test_a_refund_returns_to_the_lots_it_came_from_what_ends_last_first(town: Stage):
    await town.book.charge(ANNA, 100, asked())
    town.later(31)
    await town.book.charge(ANNA, 100, asked())
    paid = await town.book.pay(ANNA, SHOP, 150, asked())
    one = await town.book.refund(paid.id, 30, asked())
    assert (await town.anna()).lots == {"20270628-money": 80}
    await town.book.refund(paid.id, None, asked())
    assert (await town.anna()).lots == {"20270527-money": 100, "20270628-money": 100}
    await refused("refunded", town.book.refund(paid.id, 1, asked()))
    await refused("not_a_payment", town.book.refund(one.id, 1, asked()))


async def test_a_refund_of_what_has_ended_returns_with_its_day_and_expires(town: Stage):
    await town.book.charge(ANNA, 100, asked())
    paid = await town.book.pay(ANNA, SHOP, 100, asked())
    town.later(200)
    await town.book.refund(paid.id, None, asked())
    await refused("short", town.book.pay(ANNA, SHOP, 1, asked()))
    await town.book.expire(ANNA)
    assert await town.balances() == {"kijiko-issue": -100, "kijiko-expired-money": 100}


async def test_a_refund_to_a_closed_wallet_is_in_suspense(town: Stage):
    await town.book.charge(ANNA, 100, asked())
    paid = await town.book.pay(ANNA, SHOP, 100, asked())
    await town.wallets.close(ANNA)
    await town.book.refund(paid.id, None, asked())
    assert await town.balances() == {"kijiko-issue": -100, "kijiko-suspense": 100}


async def test_a_refund_asked_for_again_is_made_once(town: Stage):
    await town.book.charge(ANNA, 100, asked())
    paid = await town.book.pay(ANNA, SHOP, 100, asked())
    one = await town.book.refund(paid.id, 30, asked("back"))
    assert await town.book.refund(paid.id, 30, asked("back")) == one
    with pytest.raises(OtherRequest):
        await town.book.refund(paid.id, 31, asked("back"))
    assert (await town.anna()).balance == 30


async def test_a_reversal_needs_two_and_happens_once(town: Stage):
    charged = await town.book.charge(ANNA, 100, asked())
    await refused("two_needed", town.book.reverse(charged.id, "typo", ("u-1", "u-1"), asked()))
    undone = await town.book.reverse(charged.id, "typo", ("u-1", "u-2"), asked())
    assert undone.approvals == ("u-1", "u-2")
    assert await town.balances() == {}
    await refused("reversed", town.book.reverse(charged.id, "typo", ("u-1", "u-2"), asked()))
    await refused("not_reversible", town.book.reverse(undone.id, "typo", ("u-1", "u-2"), asked()))


async def test_what_was_spent_cannot_be_reversed(town: Stage):
    charged = await town.book.charge(ANNA, 100, asked())
    await town.book.pay(ANNA, SHOP, 1, asked())
    await refused("spent", town.book.reverse(charged.id, "typo", ("u-1", "u-2"), asked()))


async def test_a_reversed_payment_is_not_refunded_nor_a_refunded_one_reversed(town: Stage):
    await town.book.charge(ANNA, 100, asked())
    one = await town.book.pay(ANNA, SHOP, 10, asked())
    other = await town.book.pay(ANNA, SHOP, 10, asked())
    await town.book.reverse(one.id, "typo", ("u-1", "u-2"), asked())
    await refused("reversed", town.book.refund(one.id, 5, asked()))
    await town.book.refund(other.id, 5, asked())
    await refused("refunded", town.book.reverse(other.id, "typo", ("u-1", "u-2"), asked()))


async def test_settled_money_leaves_circulation_when_it_is_paid(town: Stage):
    await town.book.charge(ANNA, 1000, asked())
    await town.book.pay(ANNA, SHOP, 1000, asked())
    await town.book.settle(SHOP, 1000, 20, asked())
    await refused("account_short", town.book.settle(SHOP, 1, 0, asked()))
    await town.book.pay_out(980, asked())
    assert await town.balances() == {"kijiko-issue": -20, "kijiko-fee": 20}


async def test_a_frozen_wallet_pays_nothing_and_moves_to_another(town: Stage):
    await town.book.charge(ANNA, 100, asked())
    await town.wallets.freeze(ANNA)
    await refused("frozen", town.book.pay(ANNA, SHOP, 1, asked()))
    await refused("frozen", town.book.charge(ANNA, 1, asked()))
    await town.book.move(ANNA, BEN, asked())
    assert (await town.anna()).status is WalletStatus.CLOSED
    assert await town.balances() == {"ben": 100, "kijiko-issue": -100}
    await refused("closed", town.wallets.unfreeze(ANNA))


async def test_a_frozen_merchant_takes_no_money(town: Stage):
    await town.book.charge(ANNA, 100, asked())
    await town.wallets.freeze(SHOP)
    await refused("away", town.book.pay(ANNA, SHOP, 1, asked()))
    await refused("away", town.book.pay(ANNA, BEN, 1, asked()))
    await refused("away", town.book.pay(ANNA, f"{SHOP}-none", 1, asked()))
    await refused("no_wallet", town.book.pay(f"{ANNA}-none", SHOP, 1, asked()))


@pytest.mark.parametrize("amount", [0, -1, True, 1.5, 2_000_000_000])
async def test_an_amount_is_a_whole_number_of_yen(town: Stage, amount: int):
    await refused("amount", town.book.charge(ANNA, amount, asked()))


async def test_limits_are_the_currencys_and_the_wallets_own(url: str):
    tenant = f"town{next(KEYS)}"
    limits = {"maxBalance": 1000, "maxChargePerDay": 1200, "maxPayment": 500}
    async with stage(url, tenant, maxPaymentPerDay=800, **limits) as town:
        await town.book.charge(ANNA, 1000, asked())
        await refused("limit_balance", town.book.charge(ANNA, 1, asked()))
        await refused("limit_payment", town.book.pay(ANNA, SHOP, 501, asked()))
        await town.book.pay(ANNA, SHOP, 500, asked())
        await refused("limit_charge", town.book.charge(ANNA, 201, asked()))
        await refused("limit_day", town.book.pay(ANNA, SHOP, 301, asked()))
        await town.wallets.limit(ANNA, Limits(payment=100))
        await refused("limit_payment", town.book.pay(ANNA, SHOP, 101, asked()))
        town.later(1)
        await town.book.charge(ANNA, 500, asked())
        await town.book.pay(ANNA, SHOP, 100, asked())


async def test_a_limit_that_was_lowered_holds_from_then_on(town: Stage):
    await town.book.charge(ANNA, 1000, asked())
    lower = {"maxPayment": {"type": "Property", "value": 10}}
    await town.client.append(town.book.currency, lower)
    await refused("limit_payment", town.book.pay(ANNA, SHOP, 11, asked()))


async def test_what_is_written_along_is_written_with_the_transfer_or_not_at_all(town: Stage):
    await town.book.charge(ANNA, 100, asked())
    code = {"id": "urn:ngsi-ld:Code:1", "type": "Code"}
    used = {"op": "create", "entity": code, "ifNoneMatch": "*"}
    await town.book.pay(ANNA, SHOP, 10, asked("a"), companions=[used])
    with pytest.raises(CompanionFailed) as failure:
        await town.book.pay(ANNA, SHOP, 10, asked("b"), companions=[used])
    assert failure.value.place == 0
    await town.book.pay(ANNA, SHOP, 10, asked("a"), companions=[used])
    assert (await town.anna()).balance == 90


async def test_transfers_of_a_wallet_name_nobody_and_come_newest_first(town: Stage):
    await town.book.charge(ANNA, 100, asked())
    town.later(1)
    paid = await town.book.pay(ANNA, SHOP, 10, asked(by="Anna Yamada"))
    assert [one.kind for one in await town.book.transfers(ANNA)] == ["pay", "charge"]
    assert "Yamada" not in str(await town.client.retrieve(paid.id))
