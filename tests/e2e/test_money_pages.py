"""No page of the town's money has a barrier that axe-core finds, nor is one wider than a phone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from apps.kijiko.ledger.wallet import WalletKind
from apps.kijiko.use.numbers import wallet_number
from machi.seed.economy import Economy
from tests.apps.bookings.stage import broker as plain_broker
from tests.apps.test_barriers import STICKING_OUT, barriers
from tests.e2e.test_paying import Street, street

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATHS = {
    "a phone without a wallet": "{0}/",
    "a wallet": "{0}/",
    "a scan": "{0}/pay",
    "a code of one use": "{0}/code",
    "an application of a shop": "{0}/shop",
    "the till": "{0}/shop",
    "the plate": "{0}/shop/plate",
    "the shop's phones": "{0}/shop/phones",
    "the counter": "{1}/",
    "the treasury": "{1}/treasury",
    "the analysis": "{1}/analysis",
}
SHOPS = ("the till", "the plate", "the shop's phones")
STRANGE = ("a phone without a wallet", "an application of a shop")


@pytest_asyncio.fixture(loop_scope="module")
async def place(tmp_path: Path, browser: Browser) -> AsyncIterator[Street]:
    async with plain_broker(tmp_path) as url, street(url, browser) as found:
        await Economy(found.town.town, 100, 20, pause=0).plant()
        yield found


async def test_page_has_no_barrier_at_either_width(place: Street, browser: Browser) -> None:
    stranger = await browser.new_context()
    found = []
    citizens = await place.town.town.wallets.all(WalletKind.CITIZEN)
    some = next(one for one in citizens if ":c-" in one.id)
    paths = PATHS | {"a wallet at the counter": f"{{1}}/?number={wallet_number(some.id)}"}
    for name, path in paths.items():
        context = place.shop if name in SHOPS else place.citizen
        page = await (stranger if name in STRANGE else context).new_page()
        for language in ("ja", "en"):
            place_of = path.format(place.town.phone_url, place.town.staff_url)
            answer = await page.goto(f"{place_of}{'&' if '?' in place_of else '?'}lang={language}")
            assert answer is not None
            assert answer.status == 200, name
            if name == "the analysis":
                assert await page.locator(".map .disc").count() >= 2
            for width in (390, 1280):
                await page.set_viewport_size({"width": width, "height": 900})
                told = await page.evaluate(STICKING_OUT) + await barriers(page)
                found += [f"{name} {language} {width}: {one}" for one in told]
        await page.close()
    await stranger.close()
    assert found == []
