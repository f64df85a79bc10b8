"""What people do on the pages: read, follow live, look without scripts, and take data home."""

import asyncio
import csv
import json
import shlex
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Route, expect

from tests.apps.pages import Pages, measure
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="session")

MOST_TABS = 120
REAL = '[data-situation="real"]'


@pytest_asyncio.fixture(loop_scope="session")
async def page(looked_at: Pages) -> AsyncIterator[Page]:
    context = await looked_at.browser.new_context(viewport={"width": 390, "height": 844})
    page = await context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"script error: {error}"))
    yield page
    await context.close()


async def reach(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus, and see that the focus shows."""
    for _ in range(MOST_TABS):
        await page.keyboard.press("Tab")
        if await target.evaluate("one => one === document.activeElement"):
            assert await target.evaluate("one => getComputedStyle(one).outlineStyle") != "none"
            return
    pytest.fail("the keyboard does not get there")


async def run(command: str, until: bytes = b"") -> bytes:
    """Run a printed command; stop it once `until` has come, where that is given."""
    process = await asyncio.create_subprocess_exec(
        *shlex.split(command), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    if not until:
        output, _ = await process.communicate()
        return output
    output = b""
    async with asyncio.timeout(PATIENCE):
        while until not in output:
            line = await process.stdout.readline()
            assert line, output
            output += line
    process.kill()
    await process.wait()
    return output


async def test_river_curve_and_shelters_are_reached_by_keyboard_alone(looked_at: Pages, page: Page):
    await page.goto(f"{looked_at.portal}/?lang=en")
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    await reach(page, page.locator(f"{REAL} .curves-table summary"))
    await page.keyboard.press("Enter")
    await expect(page.locator(f"{REAL} .curves-table table")).to_be_visible()
    label = page.locator(".map-number").first
    await reach(page, label)
    await page.keyboard.press("Enter")
    await expect(page.locator(f"li{await label.get_attribute('href')}")).to_be_in_viewport()
    await reach(page, page.locator("#only-flood"))
    await page.keyboard.press("Space")
    await expect(page.locator('.shelters li[data-flood="no"]').first).to_be_hidden()
    await expect(page.locator(".map-number.no-flood").first).to_be_hidden()
    await expect(page.locator(".map-number").first).to_be_visible()


async def test_developer_follows_links_to_a_curl_that_works_a_csv_and_a_live_stream(
    looked_at: Pages, page: Page
):
    await page.goto(f"{looked_at.portal}/?lang=en")
    await page.get_by_role("link", name="For developers").click()
    programs = page.locator("section", has=page.locator("#start-title")).locator("pre")
    curls = [text for text in await programs.all_inner_texts() if text.startswith("curl")]
    entities = json.loads(await run(curls[0].strip()))
    assert len(entities) == 3
    assert all("RiverLevelStation" in entity["type"] for entity in entities)
    assert b"event: " in await run(curls[1].strip(), until=b"data: ")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="CSV RiverLevelStation").first.click()
    rows = list(csv.DictReader((await (await download.value).path()).read_text().splitlines()))
    assert len(rows) == 4
    assert all("RiverLevelStation" in row["type"] for row in rows)


async def test_open_page_shows_a_new_level_and_draws_it(looked_at: Pages, page: Page):
    await page.goto(f"{looked_at.portal}/?lang=en")
    await expect(page.locator("#live")).to_be_visible()
    newest = page.locator(f"{REAL} .rated .newest")
    before = await newest.get_attribute("cy")
    await measure(looked_at.real, "hitoyoshi", 2.22, datetime.now(UTC) + timedelta(seconds=1))
    await expect(page.locator(f"{REAL} .figure")).to_have_text("2.22 m")
    await expect(newest).not_to_have_attribute("cy", str(before))


async def test_page_asks_every_ten_seconds_where_streams_are_blocked(looked_at: Pages, page: Page):
    async def block(route: Route) -> None:
        await route.abort()

    await page.route("**/live*", block)
    await page.goto(f"{looked_at.portal}/?lang=en")
    await expect(page.locator("#polling")).to_have_text("Updating every 10 s")
    await expect(page.locator("#page-lost")).to_be_hidden()
    await expect(page.locator(f"{REAL} .figure")).to_contain_text(" m")


async def test_page_that_hears_nothing_at_all_says_since_when(looked_at: Pages, page: Page):
    async def block(route: Route) -> None:
        await route.abort()

    await page.route("**/live*", block)
    await page.route("**/town.json*", block)
    await page.goto(f"{looked_at.portal}/?lang=en")
    await expect(page.locator("#outdated")).to_contain_text("Not updating since ")
    await expect(page.locator("#page-lost")).to_be_visible()


async def test_light_page_needs_no_script_and_is_the_same_for_all(looked_at: Pages):
    context = await looked_at.browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    answer = await page.goto(f"{looked_at.portal}/snapshot?lang=ja")
    assert answer is not None
    assert answer.headers["cache-control"] == "public, max-age=5"
    assert await page.locator("script").count() == 0
    drill = page.locator(".situation.drill")
    await expect(drill.locator(".figure")).to_contain_text("【訓練】 人吉 4.")
    await expect(drill).to_contain_text("【訓練】人吉：計画高水位を超えました")
    await expect(page.locator(".situation.real .figure")).to_contain_text(" m")
    await context.close()


async def test_every_heading_and_table_of_a_drill_says_so(looked_at: Pages, page: Page):
    await page.goto(f"{looked_at.portal}/?lang=ja")
    drill = page.locator(".situation.drill")
    texts = await drill.locator("h2, h3, caption, .alerts li, figcaption").all_inner_texts()
    assert len(texts) > 8
    assert [text for text in texts if text.strip() and "【訓練】" not in text] == []


async def test_slider_shows_the_town_at_another_time_by_keyboard_and_there_is_a_way_back(
    looked_at: Pages, page: Page
):
    await page.goto(f"{looked_at.portal}/?at=2020-07-04T06:00&lang=en")
    banner, figure = page.locator(".past-banner"), page.locator(".situation.drill .figure")
    await expect(banner).to_contain_text("The past: 2020-07-04 06:00 (Japan time), not now.")
    await expect(figure).to_contain_text("4.20 m")
    await reach(page, page.get_by_label("Time (Japan time)"))
    for _ in range(6):
        await page.keyboard.press("ArrowLeft")
    await expect(banner).to_contain_text("The past: 2020-07-04 05:00 (Japan time), not now.")
    await expect(figure).not_to_contain_text("4.20 m")
    await expect(page.get_by_label("Time (Japan time)")).to_be_focused()
    assert "at=2020-07-04T05:00" in page.url
    await banner.get_by_role("link", name="Back to now").click()
    await expect(page.locator("#live")).to_be_visible()
    assert "at=" not in page.url


async def test_slider_of_the_present_page_leads_to_the_past(looked_at: Pages, page: Page):
    await page.goto(f"{looked_at.portal}/?lang=ja")
    await page.get_by_label("日付").fill("2020-07-04")
    await page.get_by_role("button", name="表示").click()
    await expect(page.locator(".past-banner")).to_contain_text("過去の表示：2020-07-04")


async def test_level_of_any_gauge_and_period_is_chosen_by_keyboard_and_told_in_a_table(
    looked_at: Pages, page: Page
):
    await page.goto(f"{looked_at.portal}/levels?lang=en")
    gauge = page.get_by_label("Gauge")
    await gauge.select_option(label="【訓練】DRILL Watari")
    await page.get_by_label("From (Japan time)").fill("2020-07-04T00:00")
    await page.get_by_label("7 days").check()
    await page.keyboard.press("Enter")
    await expect(page.locator("#curve-title")).to_contain_text("【訓練】DRILL Watari")
    await expect(page.locator(".level-area")).to_have_count(1)
    await reach(page, page.locator(".curves-table summary"))
    await page.keyboard.press("Enter")
    await expect(page.locator(".curves-table tbody tr").first).to_contain_text("2020-07-04")
