"""The staff page of a running town: an order drafted by the flood, decided on by keyboard."""

import pytest
from playwright.async_api import Browser, Page, expect

from broker.client import Client, value
from tests.e2e.test_flood import play
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def focus_next(page: Page, selector: str) -> None:
    """Press Tab until something that matches has the focus."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"{selector} is not reached by Tab")


async def sign_in(page: Page, town: Town, name: str) -> None:
    """Sign in as one of the demo's accounts, by keyboard."""
    await page.goto(f"{town.staff}/?lang=en")
    for selector, text in (("#name", name), ("#password", town.people()[name])):
        await focus_next(page, selector)
        await page.keyboard.type(text)
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_contain_text("Staff")


async def test_two_persons_publish_the_drafted_order_by_keyboard_alone(
    town: Town, browser: Browser
):
    replay = await play(town, "--speed", "3000", "--from", "05:20", "--until", "05:55")
    await replay.communicate()
    said = ""
    for person in ("disaster-1", "disaster-2"):
        context = await browser.new_context(viewport={"width": 390, "height": 844})
        page = await context.new_page()
        await sign_in(page, town, person)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await expect(page.locator(".drill .headline")).to_contain_text("【訓練】")
        await focus_next(page, ".drill .draft button.main")
        await page.keyboard.press("Enter")
        await expect(page.locator(".told")).to_be_visible()
        said = await page.locator(".told").inner_text()
        await focus_next(page, "form[action^='/sign-out'] button")
        await page.keyboard.press("Enter")
        await expect(page.locator("#password")).to_be_visible()
        await context.close()
    assert said == "Published."
    async with Client(town.broker, tenant="drill", key=town.key) as drill:
        (order,) = await drill.query(type="EvacuationInformation")
    assert value(order, "publicationState") == "published"
    async with Client(town.broker, key=town.key) as real:
        assert await real.query(type="EvacuationInformation") == []
    page = await browser.new_page()
    await page.goto(f"{town.page}/?lang=en")
    told = page.locator('[data-orders] li:has-text("evacuation order")')
    await expect(told).to_have_count(1)
    await expect(page.locator('[data-situation="drill"]').locator(told)).to_contain_text("【訓練】")


async def test_light_run_by_hand_obeys_and_comes_back(town: Town, browser: Browser):
    page = await browser.new_page()
    await sign_in(page, town, "river")
    light = page.locator(".real .light")
    await light.locator("summary").click()
    await light.locator("[name=look]").select_option("noInformation")
    await light.locator("button.main").click()
    await expect(page.locator(".told")).to_contain_text("run by hand")
    async with Client(town.broker, key=town.key) as real:
        async for event in real.stream(type="IlluminationControl", snapshot="true"):
            if event.entity is not None and value(event.entity, "reportedColour") == "#0000FF":
                break
    await light.get_by_role("button", name="End running by hand").click()
    await expect(page.locator(".told")).to_contain_text("ended")
    async with Client(town.broker, key=town.key) as real:
        async for event in real.stream(type="IlluminationControl", snapshot="true"):
            if event.entity is not None and value(event.entity, "mode") == "ordinary":
                break


async def test_page_shows_devices_and_adapters(town: Town, browser: Browser):
    page = await browser.new_page()
    await sign_in(page, town, "officer")
    await expect(page.locator(".real .stations")).to_contain_text("Hitoyoshi")
    await expect(page.locator("main > section").last).to_contain_text("river gauges")
