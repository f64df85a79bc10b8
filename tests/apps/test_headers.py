"""Every page keeps to its own files, stays out of frames, and hands out no careless cookie."""

import aiohttp
import pytest

from tests.apps.pages import Pages
from tests.apps.test_barriers import PATHS

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = ("https://", "http://", "'unsafe-inline'", "'unsafe-eval'", "*")
"""What no policy of a page allows."""


@pytest.mark.parametrize("name", PATHS)
async def test_page_is_headed_as_a_browser_needs_to_keep_others_out(looked_at: Pages, name: str):
    async with aiohttp.ClientSession() as session:
        url = PATHS[name].format(looked_at, "ja")
        async with session.get(url, allow_redirects=False) as answer:
            policy = answer.headers["Content-Security-Policy"]
            cookies = answer.headers.getall("Set-Cookie", [])
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert [one for one in PLAIN if one in policy] == []
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] in ("no-referrer", "same-origin")
    for cookie in cookies:
        assert "httponly" in cookie.lower(), cookie
        assert "samesite=strict" in cookie.lower() or "samesite=lax" in cookie.lower(), cookie


@pytest.mark.parametrize("name", ["operator", "API"])
async def test_page_of_the_broker_is_dressed_all_the_same(looked_at: Pages, name: str):
    page = await looked_at.browser.new_page()
    await page.goto(PATHS[name].format(looked_at, "ja"))
    sheets = await page.evaluate("[...document.styleSheets].map((one) => one.cssRules.length)")
    await page.close()
    assert sheets
    assert sheets[0] > 5


@pytest.mark.parametrize("name", PATHS)
async def test_cookie_of_forms_travels_by_tls_only_where_the_page_does(looked_at: Pages, name: str):
    async with aiohttp.ClientSession(headers={"X-Forwarded-Proto": "https"}) as session:
        url = PATHS[name].format(looked_at, "ja")
        async with session.get(url, allow_redirects=False) as answer:
            cookies = answer.headers.getall("Set-Cookie", [])
    forms = [cookie for cookie in cookies if cookie.startswith("machi-form=")]
    assert [cookie for cookie in forms if "; secure" not in cookie.lower()] == []
