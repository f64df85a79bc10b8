"""The developers' page of keys on a real broker: a key is shown once, exchanged, and revoked."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import expect

from apps.portal.app import PortalSettings, portal
from broker.clock import now
from consent.guard import PolicyGuard
from consent.identity.book import IdentityBook
from consent.identity.key_ring import KeyRing
from consent.identity.model import Account
from consent.identity.signing_in import SigningIn, handle_of
from consent.policies.load import default_policies, rules
from consent.town import expand
from tests.apps.test_barriers import barriers
from tests.consent.identity.test_signing_in import Quick
from tests.support.browser import chromium
from tests.support.keyboard import press, write
from tests.support.live import live_broker, serve

SECRET = b"s" * 32


@dataclass(frozen=True)
class Running:
    """A broker with a developer and a citizen, and the portal."""

    broker: str
    portal: str


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    book, hasher = IdentityBook(tmp_path), Quick()
    for name, role in (("dora", "developer"), ("hanako", "citizen")):
        handle = handle_of(name, SECRET)
        book.people.add(Account(f"u-{name}", handle, hasher.hash("right"), frozenset({role})))
    guard = PolicyGuard(book, rules(default_policies(), expand()), now)
    ring = KeyRing(book, guard.usage)
    accounts = SigningIn(book.people, hasher, SECRET, keys=ring)
    async with (
        live_broker(tmp_path, guard=guard, accounts=accounts) as url,
        serve(portal(PortalSettings(url, "drill"))) as at,
    ):
        yield Running(url, at)


@pytest.fixture
async def page(running: Running) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(running.portal, cookie_jar=jar) as session:
        yield session


async def send(page: aiohttp.ClientSession, path: str, **fields: str) -> tuple[int, str]:
    """Send a form with the token of the page; return the status and what is shown then."""
    async with page.get("/keys?lang=en") as answer:
        token = re.findall('name="token" value="([0-9a-f]+)"', await answer.text())[0]
    async with page.post(f"{path}?lang=en", data={"token": token, **fields}) as answer:
        return answer.status, await answer.text()


async def test_key_is_made_shown_once_exchanged_and_revoked(page: aiohttp.ClientSession):
    assert (
        "There is no key yet." in (await send(page, "/sign-in", name="dora", password="right"))[1]
    )
    made = (await send(page, "/keys/make"))[1]
    (key,) = re.findall(r"mk_[0-9a-f]{8}_[\w-]{43}", made)
    async with page.get("/keys?lang=en") as answer:
        shown = await answer.text()
    assert key not in shown
    first = key[3:11]
    assert first in shown
    exchanged = (await send(page, "/keys/rotate", id=first))[1]
    assert len(set(re.findall(r"mk_[0-9a-f]{8}_[\w-]{43}", exchanged)) - {key}) == 1
    assert first not in (await send(page, "/keys/revoke", id=first))[1]


async def test_limits_and_what_was_asked_today_are_shown(page: aiohttp.ClientSession):
    shown = (await send(page, "/sign-in", name="dora", password="right"))[1]
    assert "20 requests a second" in shown
    assert "0 of 50,000 requests" in shown


async def test_who_is_no_developer_stays_outside(page: aiohttp.ClientSession):
    assert (await send(page, "/sign-in", name="hanako", password="right"))[0] == 403


async def test_form_of_another_site_makes_no_key(page: aiohttp.ClientSession):
    await send(page, "/sign-in", name="dora", password="right")
    async with page.post("/keys/make", data={"token": "0" * 64}) as answer:
        assert answer.status == 403


async def status_of(key: str, broker: str) -> int:
    """Return how the broker answers a program that shows a key."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(broker, headers=headers) as session,
        session.get("/ngsi-ld/ex/v1/keys") as answer,
    ):
        return answer.status


async def test_developer_makes_a_key_and_revokes_it_in_japanese_by_keyboard_on_a_phone(
    running: Running,
):
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        await page.goto(f"{running.portal}/keys?lang=ja")
        await write(page, "#name", "dora")
        await write(page, "#password", "right")
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_have_text("鍵と上限")
        await press(page, "button.make")
        await expect(page.locator(".told")).to_have_text("新しい鍵です。表示は今回限りです。")
        key = await page.locator("code.made").inner_text()
        assert await status_of(key, running.broker) == 200
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        assert await barriers(page) == []
        await press(page, "summary")
        await press(page, "button.revoke")
        await expect(page.locator(".empty")).to_have_text("鍵はまだありません。")
        assert await status_of(key, running.broker) == 401
