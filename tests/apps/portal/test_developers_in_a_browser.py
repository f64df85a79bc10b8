"""From the start page to a curl, a CSV and a live stream, by keyboard, on a phone and on a desk."""

import pytest
from playwright.async_api import Locator, Page

from tests.apps.portal.conftest import Page as Portal
from tests.support.browser import chromium


async def reach(page: Page, target: Locator) -> None:
    """Press Tab until the target has the focus."""
    for _ in range(120):
        if await target.evaluate("one => one === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    pytest.fail("the keyboard does not get there")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(
    ("language", "link", "copied"),
    [("ja", "開発者の方へ", "コピーしました"), ("en", "For developers", "Copied")],
)
async def test_developer_gets_to_data_by_keyboard(
    town: None, page: Portal, width: int, language: str, link: str, copied: str
):
    start = str(page.session._base_url)
    async with chromium() as browser:
        context = await browser.new_context(
            viewport={"width": width, "height": 800},
            permissions=["clipboard-read", "clipboard-write"],
        )
        tab = await context.new_page()
        tab.on("pageerror", lambda error: pytest.fail(f"script error: {error}"))
        await tab.goto(f"{start}?lang={language}")
        await reach(tab, tab.get_by_role("link", name=link))
        await tab.keyboard.press("Enter")
        await tab.get_by_role("heading", name=link, level=1).wait_for()
        await reach(tab, tab.locator("[data-copy]").first)
        await tab.keyboard.press("Enter")
        await tab.get_by_role("status").filter(has_text=copied).wait_for()
        text = await tab.evaluate("navigator.clipboard.readText()")
        assert text.startswith("curl -s 'http://127.0.0.1:")
        assert await tab.get_by_text("curl -N").first.is_visible()
        await reach(tab, tab.get_by_role("link", name="CSV RiverLevelStation").first)
        async with tab.expect_download() as download:
            await tab.keyboard.press("Enter")
        assert (await download.value).suggested_filename == "RiverLevelStation.csv"
        summary = tab.locator("summary").first
        await reach(tab, summary)
        await tab.keyboard.press("Enter")
        assert await tab.locator("details[open] .sample").is_visible()
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
