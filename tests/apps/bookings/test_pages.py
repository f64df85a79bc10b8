"""The pages over HTTP on a real broker: find, book, pay, key, cancel; the counter's day."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from apps.bookings.app import citizens
from apps.bookings.edge.http_provider import SIGNATURE, TIME, signed
from apps.bookings.edge.payments import Outcome
from apps.bookings.pages.site import TEXTS
from apps.bookings.process.case import Method, Status
from apps.bookings.process.machine import NotPossible
from apps.bookings.service import Service
from broker.client import Client, value
from tests.apps.bookings.browsing import Pages
from tests.apps.bookings.stage import (
    GYM,
    LEFT,
    NINE,
    NOW,
    RIGHT,
    hours,
    space,
    wish,
)
from tests.support.live import serve


async def test_citizen_finds_books_pays_and_sees_the_pin(pages: Pages):
    found = await pages.page("/?date=2026-12-01&kind=gymnasium&place=内牧&lang=en")
    assert found.count("/spaces/gym") == 3
    path = await pages.book()
    waiting = await pages.page(f"{path}?lang=en")
    assert "waiting for payment" in waiting
    assert "600 yen" in waiting
    status, _, text = await pages.send(pages.citizen, f"{path}/pay?lang=en", waiting, method="card")
    assert status == 200
    pay = re.findall(r'class="button main" href="([^"]+)"', text)[0]
    async with (
        aiohttp.ClientSession() as browser,
        browser.post(pay, data={"do": "capture"}, allow_redirects=False) as answer,
    ):
        assert answer.status == 303
    [charge] = pages.town.provider.charges
    await pages.town.desk.noticed(charge)
    confirmed = await pages.page(f"{path}?lang=en")
    [booking] = await pages.town.all("FacilityBooking")
    case, _ = await pages.town.process.load(booking["id"])
    pin = await pages.town.locks.code(case.booking.keys[0].grant)
    assert f">{pin}</p>" in re.sub(r"<span[^>]*>[^<]*</span>", "", confirmed)
    assert "confirmed" in confirmed


async def test_broker_holds_no_name_no_mail_and_no_pin(pages: Pages):
    path = await pages.book()
    [booking] = await pages.town.all("FacilityBooking")
    await pages.town.desk.cash(booking["id"])
    await pages.town.tick()
    await pages.page(path)
    case, _ = await pages.town.process.load(booking["id"])
    pin = await pages.town.locks.code(case.booking.keys[0].grant)
    types = "FacilityBooking,SlotClaim,PaymentTransaction,AccessGrant"
    kept = str(await pages.town.all(types))
    assert case.booking.number in kept
    for secret in ("花子", "hanako", str(pin)):
        assert secret not in kept


async def test_booking_is_shown_to_its_holder_only(pages: Pages):
    path = await pages.book()
    async with (
        aiohttp.ClientSession(pages.citizen._base_url) as stranger,
        stranger.get(path) as answer,
    ):
        text = await answer.text()
        assert answer.status == 404
    assert "2026" not in text.partition("<main")[2]
    [booking] = await pages.town.all("FacilityBooking")
    link = await pages.site.holders.secret(value(booking, "refHolder"))
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(pages.citizen._base_url, cookie_jar=jar) as phone:
        async with phone.get(f"/open?key={link}") as answer:
            assert path in await answer.text()
        async with phone.get(f"/open?key={link[:-1]}") as answer:
            assert answer.status == 404


async def test_second_form_of_the_same_page_is_the_same_booking(pages: Pages):
    await pages.book(key="one")
    await pages.book(key="one")
    assert len(await pages.town.all("FacilityBooking")) == 1


async def test_taken_slot_says_so_and_keeps_what_was_typed(pages: Pages):
    await pages.town.desk.hold(wish())
    page = await pages.page("/spaces/gym?date=2026-12-01&lang=en")
    fields = {"key": "k", "start": NINE.start.isoformat(), "minutes": "60",
              "name": "太郎", "mail": "taro@example.jp"}  # fmt: skip
    status, _, text = await pages.send(
        pages.citizen, "/spaces/gym/book?date=2026-12-01&lang=en", page, **fields
    )
    assert status == 409
    assert TEXTS["en"]["refused_taken"] in text
    assert 'value="taro@example.jp"' in text


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"mail": "no address"}, 400, "refused_bad_mail"),
        ({"name": ""}, 400, "refused_bad_name"),
        ({"minutes": "90"}, 409, "refused_off_grid"),
        ({"minutes": "x"}, 400, "refused_bad_form"),
        ({"start": "yesterday"}, 400, "refused_bad_form"),
        ({"reduction": "friend"}, 400, "refused_bad_price"),
        ({"start": "2026-11-25T00:00:00+00:00"}, 409, "refused_past"),
    ],
)
async def test_form_that_cannot_be_taken_says_why(pages: Pages, fields, status, told):
    page = await pages.page("/spaces/gym?date=2026-12-01&lang=en")
    good = {"key": "k", "start": NINE.start.isoformat(), "minutes": "60", "name": "太郎",
            "mail": "taro@example.jp"}  # fmt: skip
    found, _, text = await pages.send(
        pages.citizen, "/spaces/gym/book?lang=en", page, **good | fields
    )
    assert (found, TEXTS["en"][told] in text) == (status, True)
    assert await pages.town.all("SlotClaim") == []


@pytest.mark.parametrize("year", ["0001", "9999"])
async def test_day_at_the_end_of_all_days_is_no_fault(pages: Pages, year: str):
    await pages.page(f"/?date={year}-12-31&lang=en")
    page = await pages.page("/spaces/gym?date=2026-12-01&lang=en")
    told = {
        "start": f"{year}-01-01T00:00:00+09:00",
        "minutes": "60",
        "name": "花子",
        "key": "k" * 16,
    }
    status, _, _ = await pages.send(pages.citizen, "/spaces/gym/book?lang=en", page, **told)
    assert status == 400


async def test_form_of_another_site_is_refused(pages: Pages):
    page = await pages.page("/spaces/gym?date=2026-12-01&lang=en")
    token = re.findall(r'name="token" value="([0-9a-f]+)"', page)[0]
    async with pages.citizen.post(
        "/spaces/gym/book", data={"token": token}, headers={"Origin": "https://evil.example"}
    ) as answer:
        assert answer.status == 403


async def test_holder_changes_and_cancels(pages: Pages):
    path = await pages.book()
    [booking] = await pages.town.all("FacilityBooking")
    await pages.town.desk.cash(booking["id"])
    page = await pages.page(f"{path}?lang=en")
    status, _, text = await pages.send(pages.citizen, f"{path}/change?lang=en", page,
                                       date="2026-12-03", time="14:00")  # fmt: skip
    assert (status, "3 December 2026, 14:00" in text) == (200, True)
    status, _, text = await pages.send(pages.citizen, f"{path}/cancel?lang=en", page)
    assert (status, "600 yen: please fetch it at the counter" in text) == (200, True)
    assert pages.town.post.kinds() == ["confirmed", "changed", "cancelled"]


async def test_calendar_feed_has_times_and_places_only(pages: Pages):
    await pages.book()
    mine = await pages.page("/my?lang=en")
    feed = await pages.page(re.findall(r'href="(/my/[^"]+)"', mine)[0].replace("&amp;", "&"))
    assert "DTSTART:20261201T000000Z\r\nDTEND:20261201T020000Z" in feed
    assert "SUMMARY:Gym" in feed
    assert "花子" not in feed
    async with pages.citizen.get("/my/" + "0" * 24 + ".nothing-nothing-nothing.ics") as answer:
        assert answer.status == 404


async def test_case_page_counts_the_towns_own_bookings(pages: Pages):
    case = await pages.town.booked()
    pages.town.clock.now = NINE.end
    text = await pages.page("/case?lang=en")
    assert case.booking.status is Status.CONFIRMED
    figures = dict(re.findall(r"<dt>([^<]+)</dt><dd>(?:<strong>)?([^<]+)", text))
    assert figures[TEXTS["en"]["case_bookings"]] == "1"
    assert figures[TEXTS["en"]["case_trips"]] == "2"
    assert figures[TEXTS["en"]["case_income"]] == "600 yen"


async def test_notice_needs_the_providers_signature(pages: Pages):
    path = await pages.book()
    page = await pages.page(f"{path}?lang=en")
    await pages.send(pages.citizen, f"{path}/pay?lang=en", page, method="card")
    [(key, charge)] = pages.town.provider.charges.items()
    charge.status = Outcome.CAPTURED
    body = f'{{"key":"{key}","status":"captured"}}'.encode()
    stamp = str(int(NOW.timestamp()))
    for secret, at, expected in (
        ("wrong", stamp, 403),
        ("secret", "12", 403),
        ("secret", stamp, 204),
    ):
        headers = {SIGNATURE: signed(secret, at, body), TIME: at}
        async with pages.citizen.post("/payments/notify", data=body, headers=headers) as answer:
            assert answer.status == expected
    assert "confirmed" in await pages.page(f"{path}?lang=en")


async def test_counter_books_every_week_takes_money_and_leaves_out_what_is_taken(pages: Pages):
    await pages.town.desk.hold(wish(hours("2026-12-08 10:00"), space=LEFT))
    async with pages.desk.get("/?lang=en&day=2026-12-01") as answer:
        page = await answer.text()
    status, _, text = await pages.send(
        pages.desk, "/act/book?lang=en", page, day="2026-12-01", staff="s-7", space=GYM,
        date="2026-12-01", time="09:00", minutes="120", weeks="5", name="阿蘇クラブ", mail="",
        paid="yes", key="k",
    )  # fmt: skip
    assert (status, "3 booked. Left out: 12/08" in text) == (200, True), text
    assert "12/29" in text
    assert "09:00–11:00" in text
    found = [one for one in await pages.town.all("FacilityBooking")
             if value(one, "channel") == "counter"]  # fmt: skip
    assert {value(one, "status") for one in found} == {"confirmed"}


async def test_counter_moves_a_booking_that_its_holder_can_move_no_more(pages: Pages):
    rules = space(GYM, cancellation=[{"daysBefore": 30, "percent": 100}])["bookingRules"]
    await pages.town.client.append(GYM, {"bookingRules": rules})
    case = await pages.town.booked()
    with pytest.raises(NotPossible, match="too_late_to_change"):
        await pages.town.desk.move(case.booking.id, hours("2026-12-02 10:00", 2))
    day = await pages.seen("/?lang=en&day=2026-12-01")
    fields = {"day": "2026-12-02", "staff": "s-7", "id": case.booking.id, "date": "2026-12-02"}
    status, _, text = await pages.send(pages.desk, "/act/move?lang=en", day, time="10:00", **fields)
    assert (status, "10:00–12:00" in text) == (200, True)
    moved = await pages.town.case(case)
    assert (moved.booking.span, moved.paid) == (hours("2026-12-02 10:00", 2), 600)
    assert "changed" in [one.kind for one in moved.booking.letters]
    for time, refused in (("23:00", 409), ("25:99", 400)):
        status, _, _ = await pages.send(pages.desk, "/act/move?lang=en", day, time=time, **fields)
        assert status == refused


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("kind=gymnasium", True),
        ("kind=ground", False),
        ("place=gym", True),
        ("place=内牧 体育館", True),
        ("place=波野", False),
    ],
)
async def test_places_are_found_by_kind_name_and_address(pages: Pages, asked: str, found: bool):
    html = await pages.page(f"/?date=2026-12-01&{asked}&lang=en")
    assert ("/spaces/gym?" in html) is found


async def test_reduction_without_proof_is_chosen_on_the_page_and_confirmed_at_once(pages: Pages):
    path = await pages.book(reduction="club")
    page = await pages.page(f"{path}?lang=en")
    assert "free" in page
    assert "confirmed" in page


async def test_page_says_that_a_reduction_is_checked_and_staff_read_what_to_look_at(pages: Pages):
    before = await pages.page("/spaces/gym?date=2026-12-01&lang=en")
    assert f"welfare {TEXTS['en']['reduction_checked']}</option>" in before
    assert ("club</option>" in before, TEXTS["en"]["reduction_note"] in before) == (True, True)
    path = await pages.book(reduction="welfare")
    page = await pages.page(f"{path}?lang=en")
    for said in ("waiting for staff", "the reduction “welfare”", TEXTS["en"]["asked_easy"]):
        assert said in page
    assert "やさしい日本語" in await pages.page(f"{path}?lang=ja")
    assert "Asks for a reduction: welfare." in await pages.seen("/?lang=en")


async def test_counter_closes_a_space_and_pays_back(pages: Pages):
    case = await pages.town.booked(space=LEFT)
    async with pages.desk.get("/?lang=en&day=2026-12-01") as answer:
        page = await answer.text()
    fields = {"day": "2026-12-01", "staff": "s-7"}
    status, _, text = await pages.send(
        pages.desk, "/act/close?lang=en", page, space=GYM, reason="works",
        **fields, **{"from": "2026-12-01T00:00", "to": "2026-12-02T00:00"},
    )  # fmt: skip
    assert status == 200
    assert "closed by the town" in text
    refund = re.findall(r'name="refund" value="([^"]+)"', text)[0]
    status, _, text = await pages.send(
        pages.desk, "/act/handed?lang=en", page, id=case.booking.id, refund=refund, **fields
    )
    assert 'name="refund"' not in text


async def test_counter_decides_and_takes_cash(tmp_path: Path, pages: Pages):
    await pages.town.client.append(GYM, {"bookingRules": space(GYM, approval=True)["bookingRules"]})
    held = await pages.town.desk.hold(wish())
    fields = {"day": "2026-12-01", "staff": "s-7", "id": held.booking.id}
    async with pages.desk.get("/?lang=en&day=2026-12-01") as answer:
        page = await answer.text()
    _, _, text = await pages.send(pages.desk, "/act/approve?lang=en", page, **fields)
    assert "waiting for payment" in text
    await pages.town.desk.pay(held.booking.id, Method.CASH)
    status, _, text = await pages.send(pages.desk, "/act/cash?lang=en", page, **fields)
    assert (status, "confirmed" in text) == (200, True)
    status, _, text = await pages.send(pages.desk, "/act/approve?lang=en", page, **fields)
    assert (status, TEXTS["en"]["refused_not_requested"] in text) == (409, True)


async def test_counters_page_is_for_this_machine_only(pages: Pages):
    async with pages.desk.get("/", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421


async def test_ledger_wins_and_is_taken_over_once(pages: Pages):
    case = await pages.town.booked(space=LEFT)
    rows = (
        "ledger_id,space,start,end,name,status\r\n"
        f"K-1,{GYM},2026/12/01 09:00,2026/12/01 10:00,阿蘇クラブ,confirmed\r\n"
        f"K-2,{RIGHT},2026-12-01 09:00,2026-12-01 10:00,衝突,confirmed\r\n"
        "K-3,nowhere,2026-12-01 09:00,2026-12-01 10:00,誰,confirmed\r\n"
        "K-4,x,tomorrow,2026-12-01 10:00,誰,confirmed\r\n"
    )
    async with pages.desk.get("/?lang=en&day=2026-12-01") as answer:
        page = await answer.text()
    fields = {"day": "2026-12-01", "staff": "s-7", "ledger": rows}
    _, _, text = await pages.send(pages.desk, "/act/ledger?lang=en", page, **fields)
    assert "Taken over: 0; known: 0; in place of web bookings: 1; lines refused: 3, 4, 5" in text
    assert (await pages.town.case(case)).booking.status is Status.SUSPENDED
    _, _, text = await pages.send(pages.desk, "/act/ledger?lang=en", page, **fields)
    assert "known: 1" in text
    async with pages.desk.get("/ledger.csv") as answer:
        told = await answer.text()
    assert "K-1," in told
    assert "2026-12-01 09:00,2026-12-01 10:00,import,confirmed,300" in told
    assert "阿蘇クラブ" not in told


async def test_service_carries_on_what_has_become_due(pages: Pages):
    held = await pages.town.desk.hold(wish())
    pages.town.clock.now += timedelta(minutes=15)
    await Service(pages.town.process).tick()
    assert (await pages.town.case(held)).booking.status is Status.CANCELLED


async def test_booking_that_cannot_be_read_holds_up_no_other(
    pages: Pages, caplog: pytest.LogCaptureFixture
):
    held = await pages.town.desk.hold(wish())
    odd = {
        **await pages.town.client.retrieve(held.booking.id),
        "id": f"{held.booking.id}-odd",
        "startAt": {"type": "Property", "value": "soon"},
    }
    await pages.town.client.create(odd)
    pages.town.clock.now += timedelta(minutes=15)
    service = Service(pages.town.process)
    for _ in range(2):
        await service.tick()
    assert (await pages.town.case(held)).booking.status is Status.CANCELLED
    assert sum("cannot be carried on" in one.message for one in caplog.records) == 1


async def test_page_says_that_the_broker_is_away(pages: Pages):
    async with Client("http://127.0.0.1:9") as nobody:
        process = replace(pages.town.process, client=nobody)
        site = replace(pages.site, process=process, desk=type(pages.site.desk)(process))
        async with (
            serve(citizens(site)) as url,
            aiohttp.ClientSession() as session,
            session.get(url) as answer,
        ):
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
