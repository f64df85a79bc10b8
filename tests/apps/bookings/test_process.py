"""A booking from hold to confirmation, and each way of undoing it, on a real broker."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from apps.bookings.core.rules import NotBookable
from apps.bookings.edge.fake_provider import FakeProvider, serving
from apps.bookings.edge.http_provider import HttpProvider
from apps.bookings.edge.payments import Outcome
from apps.bookings.process.case import Method, Money, Posted, Status
from apps.bookings.process.machine import NotPossible
from apps.bookings.process.runner import Taken
from apps.bookings.wish import OtherRequest
from broker.client import value
from tests.apps.bookings.stage import (
    ANNA,
    GYM,
    LEFT,
    NINE,
    NOW,
    RIGHT,
    Stage,
    broker,
    hours,
    space,
    stage,
    wish,
)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Stage]:
    spaces = [space(GYM, (LEFT, RIGHT)), space(LEFT), space(RIGHT)]
    async with broker(tmp_path) as url, stage(url, "aso", spaces) as found:
        yield found


async def test_card_payment_confirms_and_brings_the_key(town: Stage):
    held = await town.desk.hold(wish())
    assert held.booking.status is Status.AWAITING_PAYMENT
    assert held.booking.hold_until == NOW + timedelta(minutes=15)
    assert held.booking.fee == 600
    asked = await town.desk.pay(held.booking.id, Method.CARD)
    assert asked.charge is not None
    assert asked.charge.ref
    await town.provider.settle(asked.charge.id, Outcome.CAPTURED)
    await town.desk.noticed(asked.charge.id)
    case = await town.case(held)
    assert case.booking.status is Status.CONFIRMED
    assert case.paid == 600
    assert len(case.booking.keys) == 1
    assert town.post.kinds() == ["confirmed"]
    assert list(town.post.sent[0][3].values()) == [
        await town.locks.code(case.booking.keys[0].grant)
    ]


async def test_answer_that_never_came_is_looked_for(town: Stage):
    held = await town.desk.hold(wish())
    asked = await town.desk.pay(held.booking.id, Method.CARD)
    assert asked.charge is not None
    town.provider.charges[asked.charge.id].status = Outcome.CAPTURED
    await town.later(minutes=1)
    assert (await town.case(held)).booking.status is Status.CONFIRMED


async def test_provider_that_is_away_is_asked_again_under_the_same_key(town: Stage):
    held = await town.desk.hold(wish())
    town.provider.silent = 2
    waiting = await town.desk.pay(held.booking.id, Method.CARD)
    assert waiting.charge is not None
    assert (waiting.charge.ref, waiting.charge.fault) == ("", "HTTP 503")
    await town.later(minutes=1)
    await town.later(minutes=1)
    case = await town.case(held)
    assert case.charge is not None
    assert case.charge.ref
    assert len(town.provider.charges) == 1


async def test_hold_ends_to_the_second_and_frees_the_slots(town: Stage):
    held = await town.desk.hold(wish())
    await town.at(NOW + timedelta(minutes=15) - timedelta(seconds=1))
    assert (await town.case(held)).booking.status is Status.AWAITING_PAYMENT
    await town.at(NOW + timedelta(minutes=15))
    case = await town.case(held)
    assert (case.booking.status, case.booking.cancel_reason) == (Status.CANCELLED, "holdExpired")
    assert await town.claims() == []
    assert town.post.kinds() == ["expired"]
    await town.desk.hold(wish(key="2"))


async def test_late_capture_is_refunded(town: Stage):
    held = await town.desk.hold(wish())
    asked = await town.desk.pay(held.booking.id, Method.CARD)
    assert asked.charge is not None
    await town.later(minutes=16)
    assert (await town.case(held)).charge.status is Money.CANCELLED  # type: ignore[union-attr]
    await town.provider.settle(asked.charge.id, Outcome.CAPTURED)
    await town.desk.noticed(asked.charge.id)
    case = await town.case(held)
    assert case.booking.status is Status.CANCELLED
    assert [(one.amount, one.status) for one in case.refunds] == [(600, Money.REFUNDED)]
    assert town.provider.charges[asked.charge.id].refunded == 600


async def test_simulated_provider_gives_back_what_was_paid_before_it_was_started_again():
    async with serving(FakeProvider("secret")) as url, aiohttp.ClientSession() as session:
        answer = await HttpProvider(url, "secret", "", session).refund("refund", "charge", 600)
    assert answer.outcome is Outcome.REFUNDED


async def test_capture_that_meets_the_end_of_the_hold_is_refunded(town: Stage):
    held = await town.desk.hold(wish())
    asked = await town.desk.pay(held.booking.id, Method.CARD)
    assert asked.charge is not None
    town.provider.away = 100
    await town.later(minutes=16)
    town.provider.away = 0
    await town.provider.settle(asked.charge.id, Outcome.CAPTURED)
    await town.later(hours=1)
    assert (await town.case(held)).booking.status is Status.CANCELLED
    assert town.provider.charges[asked.charge.id].refunded == 600


async def test_failed_charge_leaves_the_hold_for_another_try_and_is_refunded_if_taken_later(
    town: Stage,
):
    held = await town.desk.hold(wish())
    first = await town.desk.pay(held.booking.id, Method.CARD)
    assert first.charge is not None
    await town.provider.settle(first.charge.id, Outcome.FAILED)
    await town.desk.noticed(first.charge.id)
    second = await town.desk.pay(held.booking.id, Method.CARD)
    assert second.charge is not None
    assert second.charge.id != first.charge.id
    await town.provider.settle(second.charge.id, Outcome.CAPTURED)
    await town.provider.settle(first.charge.id, Outcome.CAPTURED)
    await town.desk.noticed(second.charge.id)
    await town.desk.noticed(first.charge.id)
    case = await town.case(held)
    assert (case.booking.status, case.paid) == (Status.CONFIRMED, 600)
    assert town.provider.charges[first.charge.id].refunded == 600
    assert town.provider.charges[second.charge.id].refunded == 0


async def test_notice_that_is_repeated_or_strange_changes_nothing(town: Stage):
    case = await town.booked()
    for _ in range(3):
        await town.desk.noticed(f"urn:ngsi-ld:PaymentTransaction:432148:{case.booking.local}-0")
        await town.desk.noticed(f"urn:ngsi-ld:PaymentTransaction:432148:{case.booking.local}-7")
    assert await town.case(case) == case


async def test_reduction_waits_for_staff_who_agree_or_do_not(town: Stage):
    case = await town.desk.hold(wish(reduction="welfare"))
    await town.tick()
    assert (case.booking.status, case.charge, town.post.kinds()) == (
        Status.REQUESTED, None, ["requested"],
    )  # fmt: skip
    assert await town.all("AccessGrant") == []
    agreed = await town.desk.approve(case.booking.id, "urn:ngsi-ld:Staff:s-7")
    assert (agreed.booking.status, agreed.paid) == (Status.CONFIRMED, 0)
    other = await town.desk.hold(wish(hours("2026-12-02 09:00"), "2", reduction="welfare"))
    refused = await town.desk.reject(other.booking.id, "urn:ngsi-ld:Staff:s-7")
    assert refused.booking.status is Status.REJECTED
    assert {one.rpartition(":")[2][:8] for one in await town.claims()} == {"20261201"}


async def test_staff_may_agree_to_the_booking_and_not_to_the_reduction(town: Stage):
    case = await town.desk.hold(wish(reduction="welfare"))
    agreed = await town.desk.approve(case.booking.id, "urn:ngsi-ld:Staff:s-7", reduced=False)
    await town.tick()
    assert (agreed.booking.status, agreed.booking.fee) == (Status.AWAITING_PAYMENT, 600)
    assert town.post.kinds() == ["requested", "fullPrice"]
    paid = await town.case(await town.desk.cash(case.booking.id))
    assert (paid.booking.status, paid.paid, paid.booking.reduction) == (Status.CONFIRMED, 600, "")


async def test_reduction_that_staff_give_at_the_counter_waits_for_nobody(town: Stage):
    case = await town.desk.hold(wish(reduction="welfare", channel="counter"))
    assert case.booking.status is Status.CONFIRMED


async def test_free_booking_is_confirmed_at_once(town: Stage):
    case = await town.desk.hold(wish(reduction="club"))
    assert case.booking.status is Status.CONFIRMED
    assert case.charge is not None
    assert (case.charge.method, case.charge.status) == (Method.EXEMPT, Money.CAPTURED)


async def test_cancelling_gives_back_what_the_table_says_and_takes_the_key(town: Stage):
    case = await town.booked()
    await town.at(NINE.start - timedelta(days=1))
    await town.desk.cancel(case.booking.id)
    after = await town.case(case)
    assert after.booking.status is Status.CANCELLED
    assert after.booking.refund_amount == 300
    assert await town.claims() == []
    [grant] = await town.all("AccessGrant")
    assert value(grant, "status") == "revoked"
    assert [one.status for one in after.refunds] == [Money.PENDING]
    await town.desk.handed_back(case.booking.id, after.refunds[0].id)
    assert [one.status for one in (await town.case(case)).refunds] == [Money.REFUNDED]


async def test_moving_keeps_the_booking_and_changes_slots_and_key(town: Stage):
    case = await town.booked()
    before = await town.claims()
    await town.desk.move(case.booking.id, hours("2026-12-02 14:00", 2))
    await town.tick()
    after = await town.case(case)
    assert after.booking.span == hours("2026-12-02 14:00", 2)
    assert not set(before) & set(await town.claims())
    assert [one.revoke for one in after.booking.keys] == ["changed", ""]
    assert town.post.kinds() == ["confirmed", "changed"]


async def test_moving_onto_a_taken_slot_leaves_all_as_it_was(town: Stage):
    case = await town.booked()
    other = hours("2026-12-01 11:00", 2)
    await town.booked(span=other, key="2", space=LEFT)
    before = await town.claims()
    with pytest.raises(Taken):
        await town.desk.move(case.booking.id, other)
    assert await town.claims() == before
    assert await town.case(case) == case


async def test_moving_one_hour_later_keeps_the_hour_both_share(town: Stage):
    case = await town.booked()
    await town.desk.move(case.booking.id, hours("2026-12-01 10:00", 2))
    assert len(await town.claims()) == 8
    assert (await town.case(case)).booking.span.start == hours("2026-12-01 10:00").start


async def test_whole_hall_and_its_half_exclude_each_other(town: Stage):
    await town.desk.hold(wish(space=LEFT))
    with pytest.raises(Taken):
        await town.desk.hold(wish(key="2"))
    await town.desk.hold(wish(key="3", space=RIGHT))


async def test_repeated_wish_gives_the_same_booking_and_another_one_is_refused(town: Stage):
    first = await town.desk.hold(wish())
    assert (await town.desk.hold(wish())).booking.id == first.booking.id
    with pytest.raises(OtherRequest):
        await town.desk.hold(wish(hours("2026-12-02 09:00", 2)))


async def test_closure_added_later_suspends_and_gives_all_back(town: Stage):
    case = await town.booked(space=LEFT)
    await town.desk.close(GYM, hours("2026-12-01 08:00", 4), "workshop")
    assert await town.desk.sweep(GYM) == [case.booking.id]
    after = await town.case(case)
    assert (after.booking.status, after.booking.refund_amount) == (Status.SUSPENDED, 600)
    with pytest.raises(NotBookable, match="closure"):
        await town.desk.hold(wish(key="2", space=RIGHT))


async def test_approval_comes_before_payment(tmp_path: Path):
    async with (
        broker(tmp_path) as url,
        stage(url, "aso", [space(GYM, approval=True)]) as town,
    ):
        held = await town.desk.hold(wish())
        assert held.booking.status is Status.REQUESTED
        with pytest.raises(NotPossible):
            await town.desk.pay(held.booking.id, Method.CARD)
        await town.desk.move(held.booking.id, hours("2026-12-03 09:00", 2))
        await town.desk.move(held.booking.id, NINE)
        agreed = await town.desk.approve(held.booking.id, "urn:ngsi-ld:Staff:7")
        with pytest.raises(NotPossible, match="agreed_to"):
            await town.desk.move(held.booking.id, hours("2026-12-03 09:00", 2))
        assert agreed.booking.status is Status.AWAITING_PAYMENT
        assert agreed.booking.hold_until == NOW + timedelta(days=2)
        refused = await town.desk.hold(wish(hours("2026-12-02 09:00", 2), key="2"))
        await town.desk.reject(refused.booking.id, "urn:ngsi-ld:Staff:7")
        await town.tick()
        assert sorted(town.post.kinds()) == ["approved", "rejected", "requested", "requested"]
        assert {one.rpartition(":")[2][:8] for one in await town.claims()} == {"20261201"}


async def test_lock_that_can_never_open_then_is_told_before_money_is_taken(town: Stage):
    town.locks.refuse = "offTheHour"
    with pytest.raises(NotBookable, match="lock_offTheHour"):
        await town.desk.hold(wish())
    assert await town.claims() == []


async def test_key_that_is_late_leaves_the_booking_and_says_what_to_do(town: Stage):
    town.locks.working = False
    case = await town.booked()
    assert town.post.kinds() == []
    await town.later(minutes=1)
    assert (town.post.kinds(), town.post.sent[0][3]) == (["confirmed"], {})
    await town.at(NINE.start - timedelta(minutes=30))
    assert town.post.kinds() == ["confirmed", "reminder", "trouble"]
    town.locks.working = True
    await town.tick()
    assert town.post.kinds() == ["confirmed", "reminder", "trouble", "key"]
    assert (await town.case(case)).booking.status is Status.CONFIRMED


async def test_first_use_and_end_of_the_time(town: Stage):
    case = await town.booked()
    grant = case.booking.keys[0].grant
    used = {"firstUsedAt": {"type": "Property", "value": "2026-12-01T00:03:00Z"}}
    await town.client.append(grant, used)
    await town.at(NINE.start + timedelta(minutes=5))
    assert (await town.case(case)).booking.status is Status.IN_USE
    with pytest.raises(NotPossible, match="begun"):
        await town.desk.cancel(case.booking.id)
    await town.at(NINE.end + timedelta(minutes=20))
    assert (await town.case(case)).booking.status is Status.COMPLETED
    assert await town.claims() == []


async def test_letter_that_is_refused_for_good_is_not_sent_again(town: Stage):
    town.post.result = Posted.FAILED
    case = await town.booked()
    await town.later(hours=3)
    assert len(town.post.sent) == 1
    assert [one.status for one in (await town.case(case)).booking.letters] == ["failed"]


async def test_reminder_comes_a_day_before_but_not_to_late_bookers(town: Stage):
    await town.booked()
    await town.at(NINE.start - timedelta(hours=24, seconds=1))
    assert town.post.kinds() == ["confirmed"]
    await town.at(NINE.start - timedelta(hours=24))
    assert town.post.kinds() == ["confirmed", "reminder"]
    late = hours("2026-12-01 14:00", 1)
    await town.booked(span=late, key="2")
    await town.at(late.start - timedelta(minutes=1))
    assert town.post.kinds() == ["confirmed", "reminder", "confirmed"]


async def test_nobody_else_reads_the_holder_in_the_claims(town: Stage):
    await town.booked()
    assert all(ANNA not in str(one) for one in await town.all("SlotClaim"))
