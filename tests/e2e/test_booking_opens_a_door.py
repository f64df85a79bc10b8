"""A citizen books in a browser, pays, gets mail, and opens the door: in the booked time only."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiosmtpd.controller import Controller
from playwright.async_api import Browser, Page, expect

from apps.bookings.app import citizens
from apps.bookings.core.hours import WEEK
from apps.bookings.desk import Desk
from apps.bookings.edge.fake_provider import FakeProvider, serving
from apps.bookings.edge.holders import Holders
from apps.bookings.edge.http_provider import HttpProvider
from apps.bookings.edge.letter_limit import LetterLimit
from apps.bookings.edge.mail import Mail, Server
from apps.bookings.pages.citizen import BROWSER
from apps.bookings.pages.site import Site
from apps.bookings.process.runner import Process
from apps.bookings.service import Service
from broker.client import value
from consent.vault import open_vault
from tests.apps.bookings.test_mail import Sink
from tests.apps.keys.town import END, GRACE, SECOND, START, Town, lock_id, town
from tests.support import free_port
from tests.support.live import serve
from tests.support.mqtt import background
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="module")

PIN = re.compile(r"暗証番号：(\d+)")
LINK = re.compile(r"/open\?key=[0-9a-f]+\.([\w-]+)")
NAME, MAIL = "阿蘇 花子", "hanako@example.jp"
PLACES = {
    "zigbee_lock": ("gymnasium", "electronicLock"),
    "remotelock": ("gymnasium", "electronicLock"),
    "key_box": ("ground", "keyBox"),
}


@dataclass
class Stand:
    """The pages of a town, its provider of payments and what mail it has sent."""

    made: Town
    kind: str
    url: str
    sink: Sink
    money: FakeProvider
    process: Process

    async def at(self, moment: datetime) -> None:
        """Turn the clock; let keys and bookings do what is due."""
        await self.made.at(moment)
        for booking in await self.made.client.query(type="FacilityBooking"):
            await self.process.settle(booking["id"])

    async def opens_at(self, moment: datetime, pin: str) -> bool:
        """Type a PIN at the door at a time."""
        await self.at(moment)
        return await self.made.opens(self.kind, pin)

    async def pin(self) -> str:
        """Wait for the mail that says the PIN."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for mail in self.sink.mails:
                    if found := PIN.search(mail.get_content()):
                        return found[1]
                await self.made.worker.step()
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def stand(folder: Path, kind: str) -> AsyncIterator[Stand]:
    """Open the bookings of a town with one space, behind a lock of a kind."""
    sink = Sink()
    post = Controller(sink, hostname="127.0.0.1", port=free_port(), ready_timeout=PATIENCE)
    post.start()
    vault = open_vault(folder / "data", {})
    try:
        async with (
            town(folder, kind, vault=vault) as made,
            aiohttp.ClientSession() as session,
        ):
            await made.client.create(_space(kind))
            money = FakeProvider("secret", lambda: made.now.timestamp())
            home = f"http://127.0.0.1:{free_port()}"
            async with serving(money) as provider_url:
                provider = HttpProvider(provider_url, "secret", home, session)
                holders = Holders(made.vault)
                server = Server("127.0.0.1", post.port, "yoyaku@aso.example")
                limit = LetterLimit(made.vault, lambda: made.now)
                mail = Mail(server, holders, made.client, home, limit)
                process = Process(made.client, made.locks, provider, mail, lambda: made.now)
                site = Site(process, Desk(process), holders, provider, "secret",
                            clock=lambda: made.now)  # fmt: skip
                async with serve(citizens(site)) as url, background(Service(process).run()):
                    provider.home = provider.notify = url
                    yield Stand(made, kind, url, sink, money, process)
    finally:
        vault.close()
        post.stop()


def _space(kind: str) -> dict:
    space_kind, lock_kind = PLACES[kind]
    assert lock_kind in ("electronicLock", "keyBox")
    values = {
        "spaceKind": space_kind,
        "slotMinutes": 60,
        "openingHours": [{"days": list(WEEK), "opens": "9:00", "closes": "21:00"}],
        "priceRules": [{"amountJPY": 300}],
        "bookingRules": {"cancellation": [{"daysBefore": 0, "percent": 100}]},
    }
    return {
        "id": "urn:ngsi-ld:BookableSpace:432148:place",
        "type": "BookableSpace",
        "name": {"type": "LanguageProperty", "languageMap": {"ja": "内牧体育館", "en": "Gym"}},
        **{name: {"type": "Property", "value": part} for name, part in values.items()},
        "refBuilding": {"type": "Relationship", "object": "urn:ngsi-ld:Building:432148:place"},
        "refLock": {"type": "Relationship", "object": [lock_id(kind)]},
    }


async def books(page: Page, url: str) -> None:
    """Find the space, book the morning, and pay."""
    await page.goto(f"{url}/?lang=ja")
    await page.get_by_label("利用日").fill("2025-12-06")
    await page.get_by_role("button", name="さがす").click()
    await page.get_by_role("link", name="内牧体育館").click()
    await page.get_by_label("開始").select_option(label="09:00")
    await page.get_by_label("利用時間").select_option(label="2時間")
    await page.get_by_label("お名前").fill(NAME)
    await page.get_by_label("メールアドレス").fill(MAIL)
    await page.get_by_role("button", name="予約する").click()
    await expect(page.locator(".status")).to_have_text("お支払い待ち")
    await page.get_by_role("button", name="カード").click()
    await page.get_by_role("link", name="支払いページへ進む").click()
    await page.get_by_role("button", name="支払う").click()
    await expect(page.locator(".status")).to_have_text("確定")


async def agree(place: Stand, page: Page) -> None:
    """Hold the space's calendar, the feed for calendars and the entities to the booked time."""
    booking = page.url
    await page.goto(f"{place.url}/spaces/place?date=2025-12-06&lang=ja")
    times = await page.get_by_label("開始").locator("option").all_inner_texts()
    assert times == [f"{hour:02}:00" for hour in range(11, 21)]
    await page.goto(f"{place.url}/my?lang=ja")
    feed = await page.get_by_role("link", name="カレンダーに登録").get_attribute("href")
    async with aiohttp.ClientSession(place.url) as other, other.get(f"{feed}") as answer:
        calendar = await answer.text()
    assert "DTSTART:20251206T000000Z" in calendar
    assert "DTEND:20251206T020000Z" in calendar
    claims = await place.made.client.query(type="SlotClaim")
    assert {value(one, "startAt") for one in claims} == {
        f"2025-12-06T{hour:02}:{minute:02}:00Z" for hour in (0, 1) for minute in (0, 30)
    }
    [grant] = await place.made.client.query(type="AccessGrant")
    assert (value(grant, "startAt"), value(grant, "endAt")) == (
        "2025-12-06T00:00:00Z",
        "2025-12-06T02:00:00Z",
    )
    await page.goto(booking)


async def secrets(place: Stand, page: Page) -> dict[str, str]:
    """Return by its name each thing that tells who booked, or lets somebody act for them."""
    links = {found[1] for mail in place.sink.mails if (found := LINK.search(mail.get_content()))}
    cookies = {one["name"]: one["value"] for one in await page.context.cookies()}
    _, _, session = cookies[BROWSER].partition(".")
    assert links
    assert session
    told = {"PIN": await place.pin(), "name": NAME, "mail": MAIL, "session": session}
    return told | {f"link {n}": link for n, link in enumerate(links)}


def found_in(place: Stand, told: dict[str, str]) -> list[str]:
    """Return what of this is in some file, the vault among them."""
    written = place.made.everything()
    return [what for what, text in told.items() if text.encode() in written]


async def shown(page: Page, text: str) -> None:
    """Load a page again until it says something."""
    async with asyncio.timeout(PATIENCE):
        while text not in await page.inner_text("main"):
            await asyncio.sleep(0.2)
            await page.reload()


@pytest.mark.parametrize("kind", PLACES)
async def test_booked_paid_and_opened_in_the_booked_time_only(
    kind: str, tmp_path: Path, browser: Browser
):
    async with stand(tmp_path, kind) as place:
        page = await (await browser.new_context(locale="ja-JP")).new_page()
        await books(page, place.url)
        await place.at(START - timedelta(minutes=59))
        pin = await place.pin()
        await shown(page, pin)
        told = await secrets(place, page)
        await agree(place, page)
        assert (tmp_path / "data" / "vault.sqlite").exists()
        assert found_in(place, told) == []
        assert not await place.opens_at(START - GRACE - SECOND, pin)
        assert await place.opens_at(START - GRACE, pin)
        if kind != "key_box":
            log = {value(one, "eventType"): one for one in await place.made.logged(2)}
            await place.at(START)
            await shown(page, "利用中")
            [booking] = await place.made.client.query(type="FacilityBooking")
            assert log.keys() >= {"accessDenied", "unlocked"}
            assert value(log["unlocked"], "refGrant") in value(booking, "refAccessGrant")
        assert await place.opens_at(END + GRACE - SECOND, pin)
        assert not await place.opens_at(END + GRACE, pin)
        [charge] = place.money.charges.values()
        assert (charge.amount, charge.refunded) == (600, 0)
        await place.at(END + timedelta(minutes=20))
        [booking] = await place.made.client.query(type="FacilityBooking")
        assert value(booking, "status") == "completed"
        assert found_in(place, told) == []


async def cancels(place: Stand, page: Page) -> None:
    """Cancel the booking on its page, and see that its money came back and its time is free."""
    await page.get_by_text("予約を取り消す").click()
    await page.get_by_role("button", name="取り消す").click()
    await expect(page.locator(".status")).to_have_text("取消")
    await shown(page, "返金済み")
    [charge] = place.money.charges.values()
    assert charge.refunded == 600
    await page.goto(f"{place.url}/spaces/place?date=2025-12-06&lang=ja")
    assert await place.made.client.query(type="SlotClaim") == []


async def reaches(place: Stand, *states: str) -> None:
    """Wait until the grant has one of some states; seconds pass, for what is asked again later."""
    async with asyncio.timeout(PATIENCE):
        while True:
            [grant] = await place.made.client.query(type="AccessGrant")
            if value(grant, "status") in states:
                return
            await place.made.at(place.made.now + 10 * SECOND)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("kind", ["zigbee_lock", "remotelock"])
async def test_cancelled_booking_is_refunded_and_opens_nothing(
    kind: str, tmp_path: Path, browser: Browser
):
    async with stand(tmp_path, kind) as place:
        page = await (await browser.new_context(locale="ja-JP")).new_page()
        await books(page, place.url)
        pin = await place.pin()
        if kind == "remotelock":
            # Locks that know no times learn the PIN at the beginning only.
            await reaches(place, "active")
        await cancels(place, page)
        await expect(page.get_by_label("開始").locator("option").first).to_have_text("09:00")
        await reaches(place, "revoked")
        await place.at(START)
        assert not await place.made.opens(kind, pin)


async def test_booking_of_a_box_that_is_cancelled_in_time_never_gets_a_pin(
    tmp_path: Path, browser: Browser
):
    async with stand(tmp_path, "key_box") as place:
        page = await (await browser.new_context(locale="ja-JP")).new_page()
        await books(page, place.url)
        await cancels(place, page)
        await expect(page.get_by_label("開始").locator("option").first).to_have_text("09:00")
        await reaches(place, "revoked")
        await place.at(START)
        letters = [mail.get_content() for mail in place.sink.mails]
        assert not any(PIN.search(letter) for letter in letters)


async def test_booking_of_a_box_that_has_its_pin_is_refunded_and_says_that_it_still_opens(
    tmp_path: Path, browser: Browser
):
    async with stand(tmp_path, "key_box") as place:
        page = await (await browser.new_context(locale="ja-JP")).new_page()
        await books(page, place.url)
        await place.at(START - timedelta(minutes=59))
        pin = await place.pin()
        await page.reload()
        await cancels(place, page)
        await reaches(place, "cannotRevoke")
        assert await place.opens_at(START, pin)
        assert not await place.opens_at(END + GRACE, pin)
