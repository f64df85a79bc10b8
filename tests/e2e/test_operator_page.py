"""The operator's page in a browser: on a phone and on a desk, by keyboard."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page

from tests.support.browser import chromium
from tests.support.live import live_broker
from tests.support.patience import PATIENCE
from tests.support.receivers import Receiver, answer, receiver

SUBSCRIPTION = "urn:ngsi-ld:Subscription:to-the-prefecture"


async def let_one_die(url: str, one: Receiver) -> None:
    """Let a notification be refused for good."""
    async with aiohttp.ClientSession(url) as session:
        await session.post(
            "/ngsi-ld/v1/subscriptions",
            json={
                "id": SUBSCRIPTION,
                "type": "Subscription",
                "subscriptionName": "水位を県へ",
                "entities": [{"type": "River"}],
                "notification": {"endpoint": {"uri": one.url}},
            },
        )
        await session.post(
            "/ngsi-ld/v1/entities", json={"id": "urn:x:kuma", "type": "River", "level": 3}
        )
        async with asyncio.timeout(PATIENCE):
            while not await (await session.get("/ngsi-ld/ex/v1/dead-letters")).json():
                await asyncio.sleep(0.01)


async def fits(page: Page) -> bool:
    """Tell whether nothing sticks out to the side."""
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("width", [390, 1280])
async def test_a_dead_letter_is_replayed_by_keyboard(tmp_path: Path, width: int) -> None:
    async with (
        receiver(answer(410)) as one,
        live_broker(tmp_path) as url,
        chromium() as browser,
    ):
        await let_one_die(url, one)
        one.reply = answer(200)
        context = await browser.new_context(
            viewport={"width": width, "height": 800}, locale="ja-JP"
        )
        page = await context.new_page()
        await page.goto(f"{url}/operator")
        assert await fits(page)
        assert await page.get_by_role("heading", name="配信の状況").is_visible()
        assert await page.get_by_text("受信先が410 Goneと答えました。").first.is_visible()
        button = page.get_by_role("button", name=f"配信不能の1件を再送する: {SUBSCRIPTION}")
        while not await button.evaluate("one => one === document.activeElement"):
            await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        told = page.get_by_role("status")
        await told.wait_for()
        assert "1件の通知をもう一度" in await told.inner_text()
        first, again = await one.wait_for(2)
        assert first.body == again.body
