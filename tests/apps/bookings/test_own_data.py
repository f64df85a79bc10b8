"""What is kept of a person: seen, erased, and how much one person may hold."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest

from apps.bookings.app import citizens
from apps.bookings.core.rules import NotBookable
from apps.bookings.desk import MOST_OPEN
from apps.bookings.process.case import Status
from broker.client import value
from tests.apps.bookings.browsing import Pages
from tests.apps.bookings.stage import ANNA, LOCK, hours, wish
from tests.support.live import serve

CAMERA = "urn:ngsi-ld:Camera:432148:gym"


async def test_citizen_sees_and_erases_what_is_kept(pages: Pages):
    path = await pages.book()
    booking = f"urn:ngsi-ld:FacilityBooking:432148:{path.rpartition('/')[2]}"
    mine = await pages.page("/my?lang=en")
    assert "阿蘇 花子" in mine
    assert "hanako@example.jp" in mine
    status, _, text = await pages.send(pages.citizen, "/my/erase?lang=en", mine)
    assert (status, "still to come" in text) == (409, True)
    await pages.town.desk.cancel(booking)
    status, _, text = await pages.send(pages.citizen, "/my/erase?lang=en", mine)
    assert (status, "Your data is erased." in text) == (200, True)
    assert "花子" not in text
    kept = await pages.town.client.retrieve(booking)
    assert await pages.site.holders.contact(value(kept, "refHolder")) is None
    await pages.page(f"{path}?lang=en", 404)


async def test_who_has_money_in_a_wallet_is_not_erased(pages: Pages):
    """The same cookie is the wallet's: nobody could pay with the money any more."""
    asked, left = [], [300, 0]

    async def purse(holder: str) -> int:
        asked.append(holder)
        return left[len(asked) - 1]

    path = await pages.book()
    booking = f"urn:ngsi-ld:FacilityBooking:432148:{path.rpartition('/')[2]}"
    await pages.town.desk.cancel(booking)
    holder = value(await pages.town.client.retrieve(booking), "refHolder")
    jar = pages.citizen.cookie_jar
    async with (
        serve(citizens(replace(pages.site, purse=purse))) as url,
        aiohttp.ClientSession(url, cookie_jar=jar) as browser,
    ):
        async with browser.get("/my?lang=en") as answer:
            mine = await answer.text()
        status, _, text = await pages.send(browser, "/my/erase?lang=en", mine)
        assert (status, "money in your Kijiko wallet" in text) == (409, True)
        assert await pages.site.holders.contact(holder) is not None
        status, _, text = await pages.send(browser, "/my/erase?lang=en", mine)
    assert (status, "Your data is erased." in text, asked) == (200, True, [holder, holder])


async def test_one_person_holds_only_so_many_slots_without_paying(pages: Pages):
    for number in range(MOST_OPEN):
        await pages.town.desk.hold(wish(hours(f"2026-12-01 {10 + number}:00"), f"{number}"))
    with pytest.raises(NotBookable, match="too_many_open"):
        await pages.town.desk.hold(wish(hours("2026-12-02 09:00"), "more"))
    await pages.town.desk.hold(wish(hours("2026-12-02 09:00"), "other", f"{ANNA}-2"))
    first = await pages.town.desk.hold(wish(hours("2026-12-01 10:00"), "0"))
    await pages.town.desk.cash(first.booking.id)
    await pages.town.desk.hold(wish(hours("2026-12-03 09:00"), "more"))


async def test_who_asks_for_many_at_once_holds_no_more(pages: Pages):
    async def attempt(number: int) -> str:
        span = hours(f"2026-12-{1 + number // 10:02} {10 + number % 10}:00")
        try:
            return (await pages.town.desk.hold(wish(span, f"{number}"))).booking.id
        except NotBookable as refusal:
            return str(refusal)

    found = await asyncio.gather(*map(attempt, range(20)))
    assert found.count("too_many_open") == 20 - MOST_OPEN
    assert len(await pages.town.all("FacilityBooking")) == MOST_OPEN
    assert len(await pages.town.all("HolderClaim")) == MOST_OPEN


async def test_place_of_a_booking_is_given_up_once_it_is_paid_or_cancelled(pages: Pages):
    desk = pages.town.desk
    paid, gone, asked = [
        (await desk.hold(wish(hours(f"2026-12-01 {10 + n}:00"), f"{n}", reduction=how))).booking.id
        for n, how in enumerate(("", "", "welfare"))
    ]
    await desk.cash(paid)
    await desk.cancel(gone)
    assert [value(one, "refBooking") for one in await pages.town.all("HolderClaim")] == [asked]
    await desk.reject(asked, "urn:ngsi-ld:Staff:s-7")
    assert await pages.town.all("HolderClaim") == []


async def test_what_is_free_is_held_without_paying_too(pages: Pages):
    hold = pages.town.desk.hold
    for number in range(MOST_OPEN):
        span = hours(f"2026-12-01 {10 + number}:00")
        case = await hold(wish(span, f"{number}", reduction="club"))
        assert case.booking.status is Status.CONFIRMED
    for reduction in ("club", ""):
        with pytest.raises(NotBookable, match="too_many_open"):
            await hold(wish(hours("2026-12-02 09:00"), f"more {reduction}", reduction=reduction))
    await pages.town.at(hours("2026-12-01 11:00").start + timedelta(minutes=15))
    await hold(wish(hours("2026-12-03 09:00"), "later", reduction="club"))


async def test_camera_at_the_door_is_told_before_and_after_booking(pages: Pages):
    lock = {
        "id": LOCK,
        "type": ["Device", "SmartLock"],
        "refCamera": {"type": "Relationship", "object": CAMERA},
    }
    notice = {
        "id": "urn:ngsi-ld:PrivacyObject:432148:gym",
        "type": "PrivacyObject",
        "refDevice": {"type": "Property", "value": CAMERA},
        "retentionPeriod": {"type": "Property", "value": "P14D"},
    }
    assert "A camera looks at" not in await pages.page("/spaces/gym?date=2026-12-01&lang=en")
    await pages.town.client.create(lock)
    assert "ask the city hall what for" in await pages.page("/spaces/gym?date=2026-12-01&lang=en")
    await pages.town.client.create(notice)
    assert "for 14 days" in await pages.page("/spaces/gym?date=2026-12-01&lang=en")
    assert "for 14 days" in await pages.page(f"{await pages.book()}?lang=en")
