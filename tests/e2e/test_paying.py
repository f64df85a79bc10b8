"""Two phones in a browser: a payment shows at once, comes back, and no code is good twice.

Codes are pasted here; `test_scanning.py` holds them before a camera.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from apps.bookings.app import citizens
from apps.bookings.desk import Desk
from apps.bookings.edge.holders import Contact
from apps.bookings.edge.http_provider import HttpProvider
from apps.bookings.pages.site import Site as BookingSite
from apps.kijiko.ledger.transfer import Kind
from apps.kijiko.pages.site import BROWSER, SHOP_BROWSER
from apps.kijiko.use.fees import TownMoney
from tests.apps.bookings.stage import GYM, space
from tests.apps.bookings.stage import broker as plain_broker
from tests.apps.bookings.stage import stage as bookings_stage
from tests.apps.kijiko.town import Pages, pages
from tests.support.live import serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

LONG = 60_000
CONTACT = Contact("人吉 花子", "hanako@example.jp")


@dataclass
class Street:
    """The pages, and two phones: a citizen's with 10,000 yen, and a shop's."""

    town: Pages
    citizen: BrowserContext
    shop: BrowserContext

    async def phone(self, context: BrowserContext, path: str) -> Page:
        page = await context.new_page()
        page.set_default_timeout(LONG)
        await page.goto(f"{self.town.phone_url}{path}")
        return page

    async def bill(self, amount: int) -> tuple[Page, str]:
        """Let the shop show a code for an amount; return its page and what the code says."""
        till = await self.phone(self.shop, "/shop?lang=ja")
        await till.locator("#amount").fill(str(amount))
        await till.get_by_role("button", name="金額入りのコードを表示").click()
        code = await till.locator("#bill").text_content()
        assert code is not None
        await expect(till.locator("#live")).to_have_text("入金はすぐにここに出ます。")
        return till, code

    async def paste(self, code: str) -> Page:
        """Let the citizen paste a code into the field that the camera fills."""
        page = await self.phone(self.citizen, "/pay?lang=ja")
        await page.locator("#code").fill(code)
        await page.get_by_role("button", name="次へ").click()
        return page


@contextlib.asynccontextmanager
async def street(url: str, browser: Browser, tenant: str = "street") -> AsyncIterator[Street]:
    async with pages(url, tenant) as town:
        # Browsers' signed pages live in real time.
        town.stage.clock.now = datetime.now(UTC)
        await town.opened(10_000)
        await town.tofu()
        contexts = []
        for session, name in ((town.citizen, BROWSER), (town.shop, SHOP_BROWSER)):
            context = await browser.new_context(
                locale="ja-JP", viewport={"width": 390, "height": 844}, is_mobile=True,
                has_touch=True,
            )  # fmt: skip
            kept = next(one.value for one in session.cookie_jar if one.key == name)
            await context.add_cookies([{"name": name, "value": kept, "url": town.phone_url}])
            contexts.append(context)
        yield Street(town, *contexts)
        for context in contexts:
            await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def place(tmp_path: Path, browser: Browser) -> AsyncIterator[Street]:
    async with plain_broker(tmp_path) as url, street(url, browser) as found:
        yield found


async def test_payment_shows_on_the_shops_phone_and_comes_back(place: Street):
    till, code = await place.bill(850)
    phone = await place.paste(code)
    await expect(phone.locator(".total")).to_have_text("850 円")
    waits = asyncio.create_task(
        till.locator("#incoming .fresh").first.wait_for(state="visible", timeout=LONG)
    )
    await phone.get_by_role("button", name="支払いを確定する").click()
    await expect(phone.get_by_role("heading", name="支払いました")).to_be_visible()
    await waits
    await expect(till.locator("#incoming .fresh").first).to_contain_text("+850 円")
    await expect(till.locator("#newest")).to_contain_text("+850 円")
    await expect(till.locator("#newest")).to_be_in_viewport()
    await expect(till.locator("#bill-title")).to_have_text("850 円を受け取りました")
    await expect(till.locator("#bill-card .qr").first).to_be_hidden()
    await till.goto(f"{place.town.phone_url}/shop?lang=ja")
    await till.get_by_text("返金…").click()
    await till.get_by_role("button", name="返金する").click()
    await expect(till.locator(".told")).to_have_text("返金しました。")
    await phone.goto(f"{place.town.phone_url}/?lang=ja")
    await expect(phone.locator(".total")).to_have_text("10,000 円")


async def test_screenshot_of_a_code_is_refused_once_used_and_once_expired(place: Street):
    _, code = await place.bill(300)
    phone = await place.paste(code)
    await phone.get_by_role("button", name="支払いを確定する").click()
    await expect(phone.get_by_role("heading", name="支払いました")).to_be_visible()
    again = await place.paste(code)
    await expect(again.get_by_role("alert")).to_contain_text("もう使われました")
    _, late = await place.bill(300)
    place.town.stage.clock.now += timedelta(seconds=60)
    old = await place.paste(late)
    await expect(old.get_by_role("alert")).to_contain_text("期限が切れています")
    wallet = await place.town.wallet()
    assert wallet.balance == 9700


async def test_screenshot_of_a_citizens_code_is_refused_at_the_till(place: Street):
    phone = await place.phone(place.citizen, "/code?lang=ja")
    code = await phone.locator("#code").text_content()
    assert code is not None
    for told in ("受け取りました。", "もう使われました"):
        till = await place.phone(place.shop, "/shop?lang=ja")
        await till.locator("#amount").fill("120")
        await till.locator("#code").fill(code)
        await till.get_by_role("button", name="受け取る").click()
        await expect(till.locator(".told")).to_contain_text(told)
    assert (await place.town.wallet()).balance == 9880


async def test_facility_is_booked_and_paid_in_the_towns_money(place: Street):
    town = place.town
    await town.town.holders.keep((await town.wallet()).holder, CONTACT)
    async with bookings_stage(town.stage.client.url, "street", [space(GYM)]) as gym:
        gym.clock.now = town.stage.clock.now
        process = replace(gym.process, town_money=TownMoney(town.town))
        assert isinstance(process.provider, HttpProvider)
        site = BookingSite(process, Desk(process), town.town.holders, process.provider, "secret",
                           clock=gym.clock)  # fmt: skip
        async with serve(citizens(site)) as url:
            phone = await place.phone(place.citizen, "/?lang=ja")
            await _books(phone, url, gym.clock.now)
            await phone.get_by_role("button", name="きじこで支払う").click()
            await expect(phone.locator(".status")).to_have_text("確定")
            await phone.goto(f"{town.phone_url}/?lang=ja")
            await expect(phone.locator(".total")).to_have_text("9,400 円")
    [booking] = await town.stage.client.query(type="FacilityBooking")
    wallet = await town.wallet()
    [paid] = [one for one in await town.town.book.transfers(wallet.id) if one.kind is Kind.PAY]
    assert (paid.about, paid.amount) == (booking["id"], 600)


async def _books(phone: Page, url: str, now: datetime) -> None:
    day = (now + timedelta(days=5)).date()
    await phone.goto(f"{url}/spaces/gym?date={day}&lang=ja")
    await phone.get_by_label("開始").select_option(label="10:00")
    await phone.get_by_label("利用時間").select_option(label="2時間")
    await phone.get_by_role("button", name="予約する").click()
    await expect(phone.locator(".status")).to_have_text("お支払い待ち")
