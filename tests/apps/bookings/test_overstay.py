"""A room in use after its time: its holder is told, and the booking ends once it is shut."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.bookings.obstacles import before, obstacles
from apps.bookings.process.case import Booking, Case, Status
from apps.bookings.process.machine import NotPossible, hindered, moved
from apps.bookings.service import Service
from apps.keys.misuse import OVERSTAY, TYPE, ended
from broker.client import timestamp
from tests.apps.bookings.browsing import Pages
from tests.apps.bookings.stage import ANNA, GYM, LOCK, NINE, Stage, hours
from tests.support.mqtt import background
from tests.support.until import until

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


async def _stays(town: Stage, case: Case) -> str:
    """Let a booking be found to overstay, as the door log would; return the alert's id."""
    values = {"misuse": OVERSTAY, "alertState": "active", "occurredAt": timestamp(END)}
    told = {name: {"type": "Property", "value": part} for name, part in values.items()}
    about = {"refLock": LOCK, "refBooking": case.booking.id}
    told |= {name: {"type": "Relationship", "object": part} for name, part in about.items()}
    alert = f"urn:ngsi-ld:{TYPE}:432148:1-overstay"
    await town.client.create({"id": alert, "type": TYPE, **told})
    return alert


async def _next(pages: Pages) -> tuple[str, str]:
    """Let the citizen book the hour after; return the path of its page and its id."""
    path = await pages.book(start=END.isoformat(), minutes="60")
    booking = f"urn:ngsi-ld:FacilityBooking:432148:{path.rpartition('/')[2]}"
    await pages.town.desk.cash(booking)
    return f"{path}?lang=en", booking


def _sent(town: Stage, booking: str, kind: str) -> Callable[[], Awaitable[bool]]:
    async def sent() -> bool:
        return (booking, kind) in [one[:2] for one in town.post.sent]

    return sent


async def test_whoever_comes_next_gets_one_letter_and_reads_it_until_the_place_is_left(
    pages: Pages,
):
    case = await pages.town.booked()
    path, following = await _next(pages)
    own = await pages.town.booked(span=hours("2026-12-01 12:00"), key="2")
    alert = await _stays(pages.town, case)
    await pages.town.at(END - timedelta(minutes=31))
    await Service(pages.town.process).look()
    assert "occupied" not in pages.town.post.kinds()
    assert "have not locked up yet" not in await pages.page(path)
    await pages.town.at(END - timedelta(minutes=30))
    async with background(Service(pages.town.process).run()):
        await until(_sent(pages.town, following, "occupied"))
    await Service(pages.town.process).look()
    assert pages.town.post.kinds().count("occupied") == 1
    shown = await pages.page(path)
    assert "The place may still be in use: sent" in shown
    assert "have not locked up yet" in shown
    assert "The next slot may not be free" in await pages.page("/spaces/gym?lang=en")
    assert "may not be free" not in await pages.page("/spaces/gym?lang=en&date=2026-12-02")
    assert before(own.booking, await obstacles(pages.town.client)) is None
    await pages.town.client.append(alert, ended(END))
    assert "have not locked up yet" not in await pages.page(path)
    assert "The next slot may not be free" not in await pages.page("/spaces/gym?lang=en")


async def test_holder_is_told_before_the_time_that_the_lock_sticks_but_not_once_inside(
    pages: Pages,
):
    path, following = await _next(pages)
    case, _ = await pages.town.process.load(following)
    state = {"type": "Property", "value": "jammed"}
    await pages.town.client.create({"id": LOCK, "type": "SmartLock", "lockState": state})
    await pages.town.at(END - timedelta(minutes=30))
    await Service(pages.town.process).look()
    assert pages.town.post.sent[-1][:2] == (following, "stuck")
    assert "The lock reports a fault" in await pages.page(path)
    await _said(pages.town, case, firstUsedAt=END)
    assert "staff will let you in" not in await pages.page(path)


def test_booking_that_was_moved_is_told_anew_what_stands_in_its_way():
    booking = Booking("urn:ngsi-ld:FacilityBooking:432148:1", "1", GYM, NINE, Status.CONFIRMED,
                      ANNA, 600)  # fmt: skip
    case = hindered(Case(booking), "occupied")
    assert hindered(case, "occupied") is case
    again = hindered(moved(case, hours("2026-12-02 09:00", 2), ()), "occupied")
    assert [one.kind for one in again.booking.letters] == ["occupied", "changed", "occupied"]


@pytest.mark.parametrize("act", ["cancel", "move"])
async def test_booking_that_overstays_is_neither_cancelled_nor_moved(pages: Pages, act: str):
    _, case = await _used(pages)
    await pages.town.at(END + timedelta(minutes=10))
    await _said(pages.town, case, overstayedSince=END)
    more: list[Any] = [hours("2026-12-02 09:00", 2)] if act == "move" else []
    with pytest.raises(NotPossible):
        await getattr(pages.town.desk, act)(case.booking.id, *more)
