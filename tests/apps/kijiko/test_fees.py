"""A facility's fee paid in the town's money: confirmed and taken together, or neither."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
import pytest_asyncio

from apps.bookings.desk import Desk
from apps.bookings.edge.holders import Holders
from apps.bookings.edge.payments import Outcome
from apps.bookings.process import machine
from apps.bookings.process.case import Case, Method, Money, Status
from apps.bookings.process.due import next_due
from apps.kijiko.use.fees import TownMoney
from apps.kijiko.use.town import Town
from broker.client import Unreachable
from tests.apps.bookings.stage import ANNA as HOLDER
from tests.apps.bookings.stage import GYM, broker, space, wish
from tests.apps.bookings.stage import Stage as Bookings
from tests.apps.bookings.stage import stage as bookings_stage
from tests.apps.kijiko.stage import ANNA, KEYS, Stage, asked, stage
from tests.support.paper_vault import PaperVault

pytestmark = pytest.mark.asyncio(loop_scope="module")
FEE = 600


@dataclass
class Place:
    """A gym to book and a wallet to pay from."""

    books: Stage
    bookings: Bookings
    money: TownMoney

    async def held(self) -> Case:
        return await self.bookings.desk.hold(wish())

    async def pays(self, case: Case) -> Case:
        return await self.bookings.desk.pay(case.booking.id, Method.TOWN_MONEY)

    async def balance(self) -> int:
        return (await self.books.anna()).balance

    async def charged(self, amount: int) -> None:
        await self.books.book.charge(ANNA, amount, asked())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with broker(tmp_path_factory.mktemp("fees")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def place(url: str) -> AsyncIterator[Place]:
    tenant = f"fees{next(KEYS)}"
    gym = space(GYM, cancellation=[{"daysBefore": 0, "percent": 50}])
    async with stage(url, tenant) as books, bookings_stage(url, tenant, [gym]) as b:
        wallet = await books.wallets.wallet(ANNA)
        told = {"refHolder": {"type": "Relationship", "object": HOLDER}}
        await books.client.append(wallet.id, told)
        vault = PaperVault()
        money = TownMoney(Town(books.book, books.wallets, Holders(vault), vault, b"s" * 32))
        b.process = replace(b.process, town_money=money)
        b.desk = Desk(b.process)
        yield Place(books, b, money)


async def test_fee_is_taken_and_the_booking_confirmed(place: Place):
    await place.charged(1000)
    case = await place.pays(await place.held())
    assert (case.booking.status, case.paid) == (Status.CONFIRMED, FEE)
    assert await place.balance() == 1000 - FEE
    assert await place.money.purse(HOLDER) == 1000 - FEE
    assert case.charge is not None
    paid = await place.books.book.transfer(case.charge.ref)
    assert (paid.amount, paid.about) == (FEE, case.booking.id)


async def test_too_little_takes_nothing_and_leaves_the_hold(place: Place):
    await place.charged(FEE - 1)
    case = await place.pays(await place.held())
    assert case.charge is not None
    assert (case.booking.status, case.charge.status) == (Status.AWAITING_PAYMENT, Money.FAILED)
    await place.charged(1)
    assert (await place.pays(case)).booking.status is Status.CONFIRMED
    assert await place.balance() == 0


async def test_who_has_no_wallet_cannot_pay_with_it(place: Place):
    case = await place.bookings.desk.hold(wish(holder="urn:ngsi-ld:Holder:nobody"))
    after = await place.pays(case)
    assert after.charge is not None
    assert after.charge.status is Money.FAILED


async def test_cancelled_booking_gives_back_what_the_rules_say_into_the_lots_it_came_from(
    place: Place,
):
    await place.charged(1000)
    lots = (await place.books.anna()).lots
    case = await place.pays(await place.held())
    await place.bookings.desk.cancel(case.booking.id)
    await place.bookings.tick()
    after = await place.bookings.case(case)
    assert [one.status for one in after.refunds] == [Money.REFUNDED]
    anna = await place.books.anna()
    assert (anna.balance, list(anna.lots)) == (1000 - FEE // 2, list(lots))


async def test_charge_asked_again_is_taken_once(place: Place):
    await place.charged(5000)
    case = await place.pays(await place.held())
    assert case.charge is not None
    again = [place.money.charge(case.charge.id, FEE, "/") for _ in range(5)]
    answers = await asyncio.gather(*again)
    assert {one.outcome for one in answers} == {Outcome.CAPTURED}
    assert await place.balance() == 5000 - FEE


async def test_charge_that_was_called_off_is_never_taken(place: Place):
    await place.charged(5000)
    held = await place.held()
    await place.bookings.process.change(
        held.booking.id, lambda one: machine.chosen(one, Method.TOWN_MONEY)
    )
    case = await place.bookings.case(held)
    assert case.charge is not None
    assert (await place.money.cancel(case.charge.id)).outcome is Outcome.CANCELLED
    assert (await place.money.charge(case.charge.id, FEE, "/")).outcome is Outcome.CANCELLED
    assert (await place.money.look(case.charge.id)).outcome is Outcome.CANCELLED
    assert await place.balance() == 5000


async def test_what_was_taken_is_not_called_off(place: Place):
    await place.charged(5000)
    case = await place.pays(await place.held())
    assert case.charge is not None
    assert (await place.money.cancel(case.charge.id)).outcome is Outcome.CAPTURED


async def test_answer_that_is_lost_is_found_when_looked_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    await place.charged(5000)
    held = await place.held()
    pay = place.books.book.pay

    async def lost(*given, **named):
        await pay(*given, **named)
        monkeypatch.undo()
        raise Unreachable("the answer is lost")

    monkeypatch.setattr(place.books.book, "pay", lost)
    waiting = await place.pays(held)
    assert waiting.booking.status is Status.AWAITING_PAYMENT
    await place.bookings.later(minutes=1)
    assert (await place.bookings.case(held)).booking.status is Status.CONFIRMED
    assert await place.balance() == 5000 - FEE


async def test_fee_whose_payment_was_taken_back_is_not_given_back_again_and_staff_see_why(
    place: Place,
):
    await place.charged(1000)
    case = await place.pays(await place.held())
    assert case.charge is not None
    await place.books.book.reverse(case.charge.ref, "twice", ("sato", "ito"), asked())
    await place.bookings.desk.cancel(case.booking.id, by_town=True)
    await place.bookings.tick()
    after = await place.bookings.case(case)
    assert [(one.status, one.fault) for one in after.refunds] == [(Money.FAILED, "reversed")]
    assert next_due(after) is None
    assert await place.balance() == 1000


async def test_fee_that_the_fees_wallet_has_not_got_is_asked_for_again(place: Place):
    await place.charged(1000)
    case = await place.pays(await place.held())
    drained = await place.books.book.settle(place.money.treasury, FEE, 0, asked())
    await place.bookings.desk.cancel(case.booking.id, by_town=True)
    await place.bookings.tick()
    [waits] = (await place.bookings.case(case)).refunds
    assert (waits.status, waits.fault) == (Money.PENDING, "account_short")
    await place.books.book.reverse(drained.id, "shop", ("sato", "ito"), asked())
    await place.bookings.later(hours=1)
    assert [one.status for one in (await place.bookings.case(case)).refunds] == [Money.REFUNDED]
    assert await place.balance() == 1000
