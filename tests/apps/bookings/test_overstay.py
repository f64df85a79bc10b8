"""A room in use after its time: its holder is told, and the booking ends once it is shut."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.bookings.core.when import Span
from apps.bookings.process.case import Case, Status
from apps.bookings.process.machine import NotPossible
from apps.keys.misuse import OVERSTAY, TYPE, ended
from broker.client import timestamp
from tests.apps.bookings.browsing import Pages
from tests.apps.bookings.stage import LOCK, NINE, Stage, hours

END = NINE.end


async def _said(town: Stage, case: Case, **times: datetime) -> None:
    """Let the grant say something, as the door log would."""
    told = {name: {"type": "Property", "value": f"{at.isoformat()}"} for name, at in times.items()}
    await town.client.append(case.booking.keys[0].grant, told)
    await town.tick()


async def _used(pages: Pages) -> tuple[str, Case]:
    path = await pages.book()
    booking = f"urn:ngsi-ld:FacilityBooking:432148:{path.rpartition('/')[2]}"
    await pages.town.desk.cash(booking)
    await pages.town.process.settle(booking)
    case, _ = await pages.town.process.load(booking)
    await pages.town.at(NINE.start)
    await _said(pages.town, case, firstUsedAt=NINE.start)
    return path, case


async def test_holder_is_told_by_mail_and_on_the_page_and_it_ends_once_it_is_shut(pages: Pages):
    path, case = await _used(pages)
    await pages.town.at(END + timedelta(minutes=10))
    await _said(pages.town, case, overstayedSince=END)
    assert (await pages.town.case(case)).booking.status is Status.OVERSTAYED
    assert pages.town.post.kinds() == ["confirmed", "reminder", "overstay"]
    assert "go back and lock the door" in await pages.page(f"{path}?lang=en")
    assert "time is over, not locked up" in await pages.seen("/?day=2026-12-01&lang=en")
    assert await pages.town.claims() == []
    await pages.town.later(hours=1)
    assert (await pages.town.case(case)).booking.status is Status.OVERSTAYED
    await _said(pages.town, case, leftAt=END + timedelta(minutes=70))
    assert (await pages.town.case(case)).booking.status is Status.COMPLETED
    assert pages.town.post.kinds() == ["confirmed", "reminder", "overstay"]
    assert "go back and lock the door" not in await pages.page(f"{path}?lang=en")


async def test_booking_that_is_never_left_ends_after_half_a_day(pages: Pages):
    _, case = await _used(pages)
    await pages.town.at(END + timedelta(minutes=10))
    await _said(pages.town, case, overstayedSince=END)
    await pages.town.at(END + timedelta(hours=12) - timedelta(seconds=1))
    assert (await pages.town.case(case)).booking.status is Status.OVERSTAYED
    await pages.town.at(END + timedelta(hours=12))
    assert (await pages.town.case(case)).booking.status is Status.COMPLETED


async def test_booking_that_has_ended_is_not_opened_again_by_what_is_told_late(pages: Pages):
    _, case = await _used(pages)
    await pages.town.at(END + timedelta(minutes=15))
    assert (await pages.town.case(case)).booking.status is Status.COMPLETED
    await _said(pages.town, case, overstayedSince=END)
    assert (await pages.town.case(case)).booking.status is Status.COMPLETED
    assert pages.town.post.kinds() == ["confirmed", "reminder"]


async def test_whoever_comes_next_reads_that_the_place_is_not_left_until_it_is_shut(pages: Pages):
    path, case = await _used(pages)
    after = Span(END, END + timedelta(hours=1))
    mine = await pages.town.booked(span=after, holder=case.booking.holder, key="next")
    following = f"/bookings/{mine.booking.local}?lang=en"
    await pages.town.at(END + timedelta(minutes=10))
    assert "have not locked up yet" not in await pages.page(following)
    values = {"misuse": OVERSTAY, "alertState": "active", "occurredAt": timestamp(END)}
    told = {name: {"type": "Property", "value": part} for name, part in values.items()}
    about = {"refLock": LOCK, "refBooking": case.booking.id}
    told |= {name: {"type": "Relationship", "object": part} for name, part in about.items()}
    alert = "urn:ngsi-ld:AccessAlert:432148:1-overstay"
    await pages.town.client.create({"id": alert, "type": TYPE, **told})
    assert "have not locked up yet" in await pages.page(following)
    assert "have not locked up yet" not in await pages.page(f"{path}?lang=en")
    await pages.town.client.append(alert, ended(END + timedelta(minutes=11)))
    assert "have not locked up yet" not in await pages.page(following)


@pytest.mark.parametrize("act", ["cancel", "move"])
async def test_booking_that_overstays_is_neither_cancelled_nor_moved(pages: Pages, act: str):
    _, case = await _used(pages)
    await pages.town.at(END + timedelta(minutes=10))
    await _said(pages.town, case, overstayedSince=END)
    more: list[Any] = [hours("2026-12-02 09:00", 2)] if act == "move" else []
    with pytest.raises(NotPossible):
        await getattr(pages.town.desk, act)(case.booking.id, *more)
