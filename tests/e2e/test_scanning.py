"""A phone's camera reads the code that the other phone shows: the camera's film is made of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from apps.kijiko.app import phones
from apps.kijiko.pages.site import TEXTS
from tests.apps.bookings.stage import broker as plain_broker
from tests.apps.kijiko.stage import KEYS
from tests.apps.test_barriers import barriers
from tests.e2e.test_paying import LONG, Street, street
from tests.support.browser import chromium
from tests.support.live import serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

JA, EN = TEXTS["ja"], TEXTS["en"]
PAY_TOFU = JA["pay_to"].format(shop="豆腐屋")
FRAMES = 3
TRACK = "document.getElementById('scan-view').srcObject.getTracks()[0]"


@dataclass
class Film:
    """What the browser's camera sees; without a film there is no camera."""

    path: Path

    async def shoot(self, page: Page, part: str = ".qr") -> None:
        """Hold the camera before a part of a page."""
        await page.locator(part).first.scroll_into_view_if_needed()
        self.path.write_bytes(await page.screenshot(type="jpeg", quality=90) * FRAMES)


@dataclass
class Eyes:
    """The street, and the film of its phones' cameras."""

    street: Street
    film: Film

    @property
    def citizen(self) -> BrowserContext:
        return self.street.citizen

    async def scans(self, language: str = "ja") -> Page:
        """Let the citizen turn the camera on."""
        await self.citizen.grant_permissions(["camera"])
        page = await self.street.phone(self.citizen, f"/pay?lang={language}")
        await page.get_by_role("button", name=TEXTS[language]["scan_start"]).click()
        return page


@dataclass
class Place:
    """A broker, and a browser whose camera sees the film."""

    url: str
    browser: Browser
    film: Film


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("camera")
    film = Film(folder / "film.mjpeg")
    camera = (
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film.path}",
    )
    async with chromium(*camera, whole=True) as browser, plain_broker(folder) as url:
        yield Place(url, browser, film)


@pytest_asyncio.fixture(loop_scope="module")
async def eyes(place: Place) -> AsyncIterator[Eyes]:
    place.film.path.unlink(missing_ok=True)
    async with street(place.url, place.browser, f"eyes{next(KEYS)}") as found:
        yield Eyes(found, place.film)


async def _pays(phone: Page) -> None:
    await phone.get_by_role("button", name=JA["pay_now"]).click()
    await expect(phone.get_by_role("heading", name=JA["paid_title"])).to_be_visible()


async def test_citizen_pays_by_scanning_and_a_screenshot_of_the_code_is_refused(eyes: Eyes):
    till, _ = await eyes.street.bill(850)
    await eyes.film.shoot(till)
    phone = await eyes.scans()
    await expect(phone.get_by_role("heading", name=PAY_TOFU)).to_be_visible()
    await expect(phone.locator(".total")).to_have_text("850 円")
    await _pays(phone)
    await expect(till.locator("#incoming .fresh").first).to_contain_text("+850 円")
    again = await eyes.scans()
    await expect(again.get_by_role("alert")).to_contain_text(JA["refused_code_used"])
    late, _ = await eyes.street.bill(300)
    await eyes.film.shoot(late)
    eyes.street.town.stage.clock.now += timedelta(seconds=60)
    old = await eyes.scans()
    await expect(old.get_by_role("alert")).to_contain_text(JA["refused_code_expired"])
    assert (await eyes.street.town.wallet()).balance == 9150


async def test_citizen_pays_by_scanning_a_printed_code(eyes: Eyes):
    plate = await eyes.street.phone(eyes.street.shop, "/shop/plate?lang=ja")
    await eyes.film.shoot(plate)
    phone = await eyes.scans()
    await phone.get_by_label(JA["amount"]).fill("1200")
    await _pays(phone)
    assert (await eyes.street.town.wallet()).balance == 8800


async def test_shop_takes_by_scanning_the_citizens_code(eyes: Eyes):
    code = await eyes.street.phone(eyes.citizen, "/code?lang=ja")
    await eyes.film.shoot(code)
    await eyes.street.shop.grant_permissions(["camera"])
    till = await eyes.street.phone(eyes.street.shop, "/shop?lang=ja")
    await till.locator("#amount").fill("120")
    await till.get_by_role("button", name=JA["scan_start"]).click()
    await expect(till.locator("#code")).to_be_focused()
    await expect(till.locator("#scan-told")).to_have_text(JA["scan_read"])
    await till.get_by_role("button", name=JA["take"]).click()
    await expect(till.locator(".told")).to_contain_text(JA["told_taken"])
    assert (await eyes.street.town.wallet()).balance == 9880


async def test_camera_is_off_once_a_code_was_read_or_it_is_turned_off_by_keyboard(eyes: Eyes):
    page = await eyes.street.phone(eyes.citizen, "/pay?lang=en")
    await eyes.film.shoot(page, "h2")
    phone = await eyes.scans("en")
    stop = phone.get_by_role("button", name=EN["scan_stop"])
    await expect(stop).to_be_focused()
    await expect(phone.get_by_role("status")).to_have_text(EN["scan_sending"])
    assert await barriers(phone) == []
    kept = await phone.evaluate_handle(TRACK)
    await stop.press("Enter")
    await expect(phone.get_by_role("button", name=EN["scan_start"])).to_be_focused()
    await expect(phone.get_by_role("status")).to_have_text(EN["scan_off"])
    assert await kept.evaluate("(track) => track.readyState") == "ended"


async def _tries(place: Street, language: str) -> tuple[Page, Locator]:
    """Try to open the camera by keyboard; return the page, and where it says what came of it."""
    page = await place.phone(place.citizen, f"/pay?lang={language}")
    await page.get_by_role("button", name=TEXTS[language]["scan_start"]).press("Enter")
    return page, page.get_by_role("status")


async def _pastes(place: Street, page: Page, language: str) -> Locator:
    """Go on from the button, by keyboard, with a code's text; return what is to be paid then."""
    await expect(page.get_by_role("button", name=TEXTS[language]["scan_start"])).to_be_focused()
    _, code = await place.bill(300)
    await page.get_by_label(TEXTS[language]["shop_code"]).fill(code)
    await page.get_by_role("button", name=TEXTS[language]["go_on"]).press("Enter")
    return page.locator(".total")


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_page_that_may_not_use_the_camera_says_what_else_to_do(eyes: Eyes, language: str):
    await eyes.film.shoot(await eyes.street.phone(eyes.citizen, "/"), "h2")
    page, told = await _tries(eyes.street, language)
    await expect(told).to_have_text(TEXTS[language]["scan_denied"])
    await expect(await _pastes(eyes.street, page, language)).to_contain_text("300")


async def test_phone_without_a_camera_says_what_else_to_do(eyes: Eyes):
    await eyes.citizen.grant_permissions(["camera"])
    page, told = await _tries(eyes.street, "en")
    await expect(told).to_have_text(EN["scan_none"])
    await expect(await _pastes(eyes.street, page, "en")).to_contain_text("300")


async def test_page_whose_camera_another_app_holds_says_what_else_to_do(eyes: Eyes):
    await eyes.citizen.add_init_script(
        "navigator.mediaDevices.getUserMedia = () =>"
        " Promise.reject(new DOMException('', 'NotReadableError'))"
    )
    page, told = await _tries(eyes.street, "en")
    await expect(told).to_have_text(EN["scan_busy"])
    await expect(await _pastes(eyes.street, page, "en")).to_contain_text("300")


async def test_page_without_https_says_what_else_to_do(eyes: Eyes):
    """Browsers hide the camera from pages without https; those of this machine are excepted."""
    await eyes.citizen.add_init_script(
        "Object.defineProperty(navigator, 'mediaDevices', { value: undefined })"
    )
    page, told = await _tries(eyes.street, "ja")
    await expect(told).to_have_text(JA["scan_insecure"])
    await expect(await _pastes(eyes.street, page, "ja")).to_contain_text("300")


@pytest.mark.parametrize("fails", ["abort", "refuse"])
async def test_page_whose_pictures_are_not_read_says_what_else_to_do(eyes: Eyes, fails: str):
    await eyes.film.shoot(await eyes.street.phone(eyes.citizen, "/"), "h2")
    await eyes.citizen.grant_permissions(["camera"])
    await eyes.citizen.route(
        "**/read?*", lambda way: way.abort() if fails == "abort" else way.fulfill(status=500)
    )
    page, told = await _tries(eyes.street, "en")
    await expect(told).to_have_text(EN["scan_unread"])
    await expect(await _pastes(eyes.street, page, "en")).to_contain_text("300")


async def test_camera_that_is_taken_away_is_off_and_says_so(eyes: Eyes):
    await eyes.film.shoot(await eyes.street.phone(eyes.citizen, "/"), "h2")
    phone = await eyes.scans("en")
    await expect(phone.get_by_role("status")).to_have_text(EN["scan_sending"])
    await phone.evaluate(f"{TRACK}.dispatchEvent(new Event('ended'))")
    await expect(phone.get_by_role("status")).to_have_text(EN["scan_off"])
    await expect(phone.locator("#scan-view")).to_be_hidden()


async def test_camera_that_sees_no_code_for_a_minute_is_off(eyes: Eyes):
    await eyes.film.shoot(await eyes.street.phone(eyes.citizen, "/"), "h2")
    await eyes.citizen.clock.install()
    phone = await eyes.scans("en")
    await expect(phone.get_by_role("status")).to_have_text(EN["scan_sending"])
    await phone.clock.fast_forward(60_000)
    await expect(phone.get_by_role("status")).to_have_text(EN["scan_off"], timeout=LONG)
    await expect(phone.get_by_role("button", name=EN["scan_start"])).to_be_focused()


async def test_town_reads_where_the_browsers_own_reader_fails(eyes: Eyes):
    till, _ = await eyes.street.bill(70)
    await eyes.film.shoot(till)
    await eyes.citizen.add_init_script(
        "globalThis.BarcodeDetector = class {"
        " static async getSupportedFormats() { return ['qr_code']; }"
        " async detect() { throw new DOMException('', 'NotSupportedError'); } }"
    )
    phone = await eyes.scans()
    await expect(phone.locator(".total")).to_have_text("70 円")


async def test_browsers_own_reader_is_used_where_there_is_one(eyes: Eyes):
    till, code = await eyes.street.bill(70)
    await eyes.film.shoot(till, "h2")
    await eyes.citizen.add_init_script(
        "globalThis.BarcodeDetector = class {"
        " static async getSupportedFormats() { return ['aztec', 'qr_code']; }"
        f" async detect() {{ return [{{ rawValue: {code!r} }}]; }} }}"
    )
    phone = await eyes.scans()
    await expect(phone.locator(".total")).to_have_text("70 円")


async def test_code_for_camera_apps_is_read_by_the_pages_camera_too(eyes: Eyes):
    site = replace(eyes.street.town.site, home="https://kijiko.example")
    async with serve(phones(site)) as url:
        plate = await eyes.street.shop.new_page()
        await plate.goto(f"{url}/shop/plate?lang=ja")
        await eyes.film.shoot(plate, ".by-link .qr")
        phone = await eyes.scans()
        await expect(phone.get_by_role("heading", name=PAY_TOFU)).to_be_visible()
        await plate.close()
