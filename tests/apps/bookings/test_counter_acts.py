"""What the counter refuses because it is not there, and refunds that could not be paid back."""

import pytest

from apps.bookings.edge.payments import Outcome
from apps.bookings.pages.site import TEXTS
from apps.bookings.process.case import Case, Method, Money
from tests.apps.bookings.browsing import Pages
from tests.apps.bookings.stage import GYM, wish

OTHERS = ("urn:ngsi-ld:Building:432148:gym", GYM, "urn:ngsi-ld:FacilityBooking:432148:none",
          "nonsense", "urn:ngsi-ld:FacilityBooking:432148:<b>", "")  # fmt: skip


DEEDS = ("approve", "approve-full", "reject", "cash", "handed", "nothing-due", "cancel", "move",
         "pin", "resend", "seen")  # fmt: skip


@pytest.mark.parametrize("named", OTHERS)
async def test_counter_says_not_found_of_what_is_no_booking(pages: Pages, named: str):
    page = await pages.seen("/?lang=en&day=2026-12-01")
    fields = {"day": "2026-12-01", "staff": "s-7", "id": named, "date": "2026-12-01",
              "time": "09:00", "refund": "x"}  # fmt: skip
    for deed in DEEDS:
        status, _, text = await pages.send(pages.desk, f"/act/{deed}?lang=en", page, **fields)
        assert (deed, status, TEXTS["en"]["refused_gone"] in text) == (deed, 404, True)


@pytest.mark.parametrize("named", ["urn:ngsi-ld:Building:432148:gym", "nonsense"])
async def test_counter_closes_nothing_but_spaces(pages: Pages, named: str):
    page = await pages.seen("/?lang=en&day=2026-12-01")
    fields = {"day": "2026-12-01", "staff": "s-7", "space": named, "reason": "works",
              "from": "2026-12-01T00:00", "to": "2026-12-02T00:00"}  # fmt: skip
    status, _, _ = await pages.send(pages.desk, "/act/close?lang=en", page, **fields)
    assert status == 404
    assert "closures" not in await pages.town.client.retrieve("urn:ngsi-ld:Building:432148:gym")


async def test_address_that_names_no_booking_is_not_found(pages: Pages):
    await pages.page("/bookings/%3Cb%3E?lang=en", 404)
    await pages.page("/bookings/a%20b?lang=en", 404)


async def test_refund_that_is_not_possible_stands_at_the_counter_until_staff_decide(pages: Pages):
    case = await _not_paid_back(pages)
    text = await pages.seen("/?lang=en&day=2026-12-01")
    assert TEXTS["en"]["refund_why_other"].format(reason="failed") in text
    [refund] = case.refunds
    fields = {"day": "2026-12-01", "staff": "s-7", "id": case.booking.id, "refund": refund.id}
    _, _, after = await pages.send(pages.desk, "/act/nothing-due?lang=en", text, **fields)
    assert 'name="refund"' not in after
    [decided] = (await pages.town.case(case)).refunds
    assert (decided.status, decided.ref) == (Money.CANCELLED, "urn:ngsi-ld:Staff:s-7")


async def test_refund_that_is_not_possible_can_be_handed_out(pages: Pages):
    case = await _not_paid_back(pages)
    text = await pages.seen("/?lang=en&day=2026-12-01")
    fields = {"day": "2026-12-01", "staff": "s-7", "id": case.booking.id,
              "refund": case.refunds[0].id}  # fmt: skip
    await pages.send(pages.desk, "/act/handed?lang=en", text, **fields)
    assert (await pages.town.case(case)).refunds[0].status is Money.REFUNDED


async def _not_paid_back(pages: Pages) -> Case:
    """Let a paid booking be cancelled whose provider says that it cannot pay back."""
    town = pages.town
    held = await town.desk.pay((await town.desk.hold(wish())).booking.id, Method.CARD)
    assert held.charge is not None
    await town.provider.settle(held.charge.id, Outcome.CAPTURED)
    await town.desk.noticed(held.charge.id)
    await town.desk.cancel(held.booking.id, by_town=True)
    town.provider.no_refunds = True
    await town.tick()
    case = await town.case(held)
    assert [(one.status, one.fault) for one in case.refunds] == [(Money.FAILED, "failed")]
    return case


async def test_refund_that_a_provider_has_under_way_is_not_handed_out_as_well(pages: Pages):
    town = pages.town
    held = await town.desk.pay((await town.desk.hold(wish())).booking.id, Method.CARD)
    assert held.charge is not None
    await town.provider.settle(held.charge.id, Outcome.CAPTURED)
    await town.desk.noticed(held.charge.id)
    case = await town.desk.cancel(held.booking.id, by_town=True)
    await town.desk.handed_back(case.booking.id, case.refunds[0].id)
    assert (await town.case(case)).refunds[0].status is Money.PENDING
    await town.tick()
    assert (await town.case(case)).refunds[0].status is Money.REFUNDED
    assert town.provider.charges[held.charge.id].refunded == 600


async def test_counter_offers_the_full_price_where_a_reduction_is_asked_for(pages: Pages):
    held = await pages.town.desk.hold(wish(reduction="welfare"))
    page = await pages.seen("/?lang=en&day=2026-12-01")
    fields = {"day": "2026-12-01", "staff": "s-7", "id": held.booking.id}
    assert TEXTS["en"]["approve_full"] in page
    status, _, _ = await pages.send(pages.desk, "/act/approve-full?lang=en", page, **fields)
    assert (status, (await pages.town.case(held)).booking.fee) == (200, 600)
