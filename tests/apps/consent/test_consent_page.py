"""The consent centre in a real browser, in Japanese, by keyboard alone; the board's page."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from apps.consent.app import ConsentSettings, centre
from broker.client import Client, NotFound, value
from broker.clock import now
from broker.validation import Mode
from consent.identity.at_hand import new_key
from consent.identity.book import IdentityBook
from consent.identity.model import Account
from consent.identity.model import Client as Known
from consent.identity.passwords import Argon2
from consent.identity.secret import read_secret, secret_beside
from consent.identity.signing_in import handle_of
from consent.town import town_access
from machi.seed.consent import assessment_entities, purpose_entities
from smart_data_models.offer import offered
from tests.apps.test_barriers import barriers
from tests.support.browser import chromium
from tests.support.keyboard import press, write
from tests.support.live import live_broker, serve

pytestmark = pytest.mark.asyncio(loop_scope="module")

PURPOSE = "urn:ngsi-ld:DataPurpose:432032:evacuation-support"
PASSWORD = "four words are better"
TAG = "https://machi.example/ns#TagDetection"
REASON = "行方が分からない方を捜索しています。"
HANAKO, TARO = "u-2fe6c6d4e1de78b1", "u-8e0f20f9b4cb0dec"
NUMBERS = {"hanako": HANAKO, "bosai": "u-73f1f7347b8a6628", "ethics": "u-480315569d444b57"}
PEOPLE = {"hanako": "citizen", "bosai": "officer:bosai", "ethics": "officer:ethics"}


@dataclass(frozen=True)
class Running:
    """A running consent centre."""

    broker: str
    page: str
    keys: dict[str, str]
    browser: Browser

    def client(self, key: str, **more: Any) -> Client:
        """Return a client with a key or a session."""
        return Client(self.broker, key=self.keys[key], **more)

    async def session(self, name: str) -> str:
        """Sign in over HTTP; return the token."""
        async with Client(self.broker) as client:
            given = {"name": name, "password": PASSWORD}
            told = await client.call("POST", "/ngsi-ld/ex/v1/sessions", given)
        return str(told["token"])


def _identities(data: Path) -> dict[str, str]:
    book, hasher, secret = IdentityBook(data), Argon2(), read_secret(secret_beside(data))
    kept = hasher.hash(PASSWORD)
    for name, role in PEOPLE.items():
        book.people.add(Account(NUMBERS[name], handle_of(name, secret), kept, frozenset({role})))
    clients = [
        Known("operator", frozenset({"administrator"})),
        Known("fire-corps", frozenset({"developer"}), frozenset({PURPOSE})),
    ]
    keys = {one.name: new_key(book, one, now(), secrets.token_bytes) for one in clients}
    book.close()
    return keys


def seen(local: str, user: str) -> dict[str, Any]:
    """Return what a reader saw of somebody's tag."""
    return {
        "id": f"urn:ngsi-ld:TagDetection:432032:{local}",
        "type": "TagDetection",
        "refHolder": {"type": "Relationship", "object": f"urn:ngsi-ld:Holder:{user}"},
        "rssi": {"type": "Property", "value": -60},
    }


@asynccontextmanager
async def running(folder: Path, browser: Browser) -> AsyncIterator[Running]:
    """Run a broker with accounts and the consent centre, with a tag of Hanako's that was seen."""
    data = folder / "data"
    keys = _identities(data)
    access = town_access(data)
    async with (
        live_broker(
            data,
            guard=access.guard,
            accounts=access.accounts,
            disclosures=access.disclosures,
            models=offered(Mode.OFF, [], everywhere=True),
        ) as url,
        serve(centre(ConsentSettings(url))) as page,
        Client(url, key=keys["operator"]) as client,
    ):
        for entity in (*assessment_entities(datetime.now(UTC)), *purpose_entities()):
            await client.create(entity)
        await client.create(seen("1", HANAKO))
        yield Running(url, page, keys, browser)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Give one browser for all tests of this file."""
    async with chromium() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def town(tmp_path: Path, browser: Browser) -> AsyncIterator[Running]:
    """Give a running consent centre, with nobody signed in."""
    async with running(tmp_path, browser) as found:
        try:
            yield found
        finally:
            for context in browser.contexts:
                await context.close()


async def sign_in(town: Running, name: str, language: str = "ja") -> Page:
    """Open the centre on a phone, and sign in by keyboard."""
    context = await town.browser.new_context(viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await page.goto(f"{town.page}/?lang={language}")
    for selector, text in (("#name", name), ("#password", PASSWORD)):
        await write(page, selector, text)
    await page.keyboard.press("Enter")
    await expect(page.locator("#consents")).to_be_visible()
    return page


async def seen_by_fire_corps(town: Running) -> int:
    """Return how many detections the recipient reads."""
    async with town.client("fire-corps") as corps:
        try:
            return len(await corps.query(type="TagDetection"))
        except NotFound:
            return 0


async def override(town: Running) -> Page:
    """Let an officer open an override on the page by keyboard, and look; return her page."""
    page = await sign_in(town, "bosai")
    await press(page, "a[href^='/emergency']")
    await expect(page.locator("main")).to_contain_text("本人の記録にそのまま表示されます")
    await write(page, "#reason", REASON)
    await page.keyboard.press("Enter")
    await expect(page.locator(".told")).to_contain_text("緊急の閲覧を始めました。")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    assert await barriers(page) == []
    await press(page, "a.look")
    await expect(page.locator(".seen")).to_contain_text("-60")
    return page


async def test_citizen_consents_sees_who_looked_and_withdraws_in_japanese_by_keyboard(
    town: Running,
):
    page = await sign_in(town, "hanako")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await expect(page.locator("main")).to_contain_text("あなたのデータを見た人はいません。")
    assert await seen_by_fire_corps(town) == 0

    await press(page, "a.read")
    notice = page.locator(".notice")
    for told in ("避難の支援", "消防団", "fire-corps", "推測されることがあります", "30日", "1年"):
        await expect(notice).to_contain_text(told)
    assert await page.locator("input:checked, [aria-pressed=true]").count() == 0
    await press(page, "button.agree")
    await expect(page.locator(".told")).to_have_text("同意を記録しました。")
    await expect(page.locator(".consent .state-word")).to_have_text("同意しています")

    assert await seen_by_fire_corps(town) == 1
    await page.reload()
    await expect(page.locator("tr.read")).to_contain_text("fire-corps")
    await expect(page.locator("tr.read")).to_contain_text("避難の支援")

    officer = await override(town)
    await page.reload()
    await expect(page.locator("tr.override")).to_contain_text("緊急の閲覧")
    await expect(page.locator("tr.override")).to_contain_text(REASON)
    await press(officer, "main a[href^='/emergency']")
    await expect(officer.locator(".override")).to_contain_text(REASON)
    await press(officer, "button.end")
    await expect(officer.locator(".told")).to_have_text("緊急の閲覧を終えました。")

    await press(page, "a.withdraw")
    await expect(page.locator(".what-stops")).to_contain_text("データを消します")
    await expect(page.locator(".what-stops")).to_contain_text("最長14日間")
    await press(page, "button.confirm")
    await expect(page.locator(".told")).to_contain_text("同意を取り消しました")
    await expect(page.locator(".consent .state-word")).to_have_text("取り消しました")
    await expect(page.locator(".stopped")).to_contain_text("利用が止まり")
    assert await seen_by_fire_corps(town) == 0


async def test_notice_is_in_three_languages_and_a_receipt_can_be_taken_along(town: Running):
    page = await sign_in(town, "hanako")
    await press(page, "a.read")
    await page.locator("a[lang='ja-Hira']").click()
    await expect(page.locator(".notice h2")).to_have_text("にげるときの てつだい")
    await expect(page.locator(".notice")).to_contain_text("しょうぼうだん")
    await page.locator("nav.languages a[lang='en']").click()
    await expect(page.locator(".notice h2")).to_have_text("Help with evacuation")
    await expect(page.locator(".notice")).to_contain_text("stays up to 14 days")
    await press(page, "button.refuse")
    await expect(page.locator(".consent .state-word")).to_have_text("断りました")
    assert await seen_by_fire_corps(town) == 0
    async with page.expect_download() as download:
        await page.locator("a[href^='/receipt']").click()
    told = Path(await (await download.value).path()).read_text()
    for name in ("noticeDigest", "refPurpose", "withdrawalEffect", "jurisdiction", "evacuation"):
        assert name in told


async def test_board_decides_by_keyboard_and_everybody_reads_what_it_decided(town: Running):
    async with town.client("operator") as operator:
        await operator.create(waiting_purpose())
    page = await sign_in(town, "ethics")
    await page.goto(f"{town.page}/board?lang=ja")
    waiting, drafted = page.locator(".assessment.submitted"), page.locator(".purpose.draft")
    await expect(waiting).to_contain_text("相談ブース")
    await expect(drafted.locator(".unassessed")).to_be_visible()
    await expect(drafted.locator("button")).to_have_count(0)
    await write(page, ".submitted input[name=reason]", "通話を録画せず、書類の画像も残さないため。")
    await press(page, ".submitted button[value=approved]")
    await expect(page.locator(".told")).to_have_text("承認しました。")
    await expect(waiting).to_have_count(0)

    await press(page, ".purpose.draft button[value=active]")
    await expect(page.locator(".told")).to_contain_text("目的を有効にしました。")
    made = page.locator(".purpose", has_text="相談の手伝い")
    await expect(made.locator(".state-word")).to_have_text("有効")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    assert await barriers(page) == []
    await made.locator("summary").focus()
    await page.keyboard.press("Enter")
    await expect(made.locator("button[value=retired]")).to_be_visible()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator(".told")).to_contain_text("目的を終了しました。")
    await expect(made.locator(".state-word")).to_have_text("終了")
    await expect(made.locator("button")).to_have_count(0)

    stranger = await town.browser.new_page()
    await stranger.goto(f"{town.page}/board?lang=en")
    purposes = stranger.locator(".purpose")
    await expect(purposes.filter(has_text="Help with evacuation")).to_have_count(1)
    await expect(purposes.filter(has_text="Fire corps")).to_have_count(2)
    await expect(stranger.locator(".assessment")).to_have_count(6)
    assert await stranger.locator("form").count() == 0


def waiting_purpose() -> dict[str, Any]:
    """Return the draft of a purpose whose assessment waits for the board."""
    (known,) = (one for one in purpose_entities() if one["id"] == PURPOSE)
    (waits,) = (
        one for one in assessment_entities(datetime.now(UTC)) if value(one, "status") == "submitted"
    )
    return {
        **known,
        "id": "urn:ngsi-ld:DataPurpose:432032:booth",
        "name": {"type": "LanguageProperty", "languageMap": {
            "ja": "相談の手伝い", "ja-Hira": "そうだんの てつだい", "en": "Help at the booth",
        }},
        "status": {"type": "Property", "value": "draft"},
        "refPia": {"type": "Relationship", "object": waits["id"]},
    }  # fmt: skip


async def test_officer_records_a_guardian_who_decides_for_the_minor_by_keyboard(town: Running):
    async with town.client("operator") as operator:
        await operator.create(seen("2", TARO))
    officer = await sign_in(town, "bosai")
    await press(officer, "a[href^='/guardians']")
    await expect(officer.locator("#guardian")).to_be_visible()
    await write(officer, "#guardian", "Hanako")
    assert await officer.locator("#guardian").evaluate("field => field.validity.patternMismatch")
    await write(officer, "#guardian", HANAKO)
    await write(officer, "#ward", TARO)
    await officer.locator("#born").fill(f"{datetime.now(UTC).year - 9}-04-02")
    assert await officer.evaluate("document.documentElement.scrollWidth") <= 390
    assert await barriers(officer) == []
    await press(officer, "button.record")
    await expect(officer.locator(".told")).to_have_text("保護者を登録しました。")
    await expect(officer.locator(".bond")).to_contain_text(TARO)

    page = await sign_in(town, "hanako")
    await press(page, "a.act")
    await expect(page.locator(".whose")).to_contain_text(TARO)
    await expect(page.locator("main")).to_contain_text("urn:ngsi-ld:TagDetection:432032:2")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    assert await barriers(page) == []
    await press(page, "a.read")
    await expect(page.locator(".notice")).to_be_visible()
    await expect(page.locator(".whose")).to_contain_text(TARO)
    await press(page, "button.agree")
    await expect(page.locator(".told")).to_have_text("同意を記録しました。")
    await expect(page.locator(".whose")).to_contain_text(TARO)
    assert await seen_by_fire_corps(town) == 1
    await press(page, "a.withdraw")
    await expect(page.locator(".what-stops")).to_contain_text("データを消します")
    await press(page, "button.confirm")
    await expect(page.locator(".told")).to_contain_text("同意を取り消しました")
    await expect(page.locator(".whose")).to_contain_text(TARO)
    assert await seen_by_fire_corps(town) == 0

    await press(officer, "button.end")
    await expect(officer.locator(".bond")).to_have_count(0)
    answer = await page.reload()
    assert answer is not None
    assert answer.status in (403, 404)


async def test_emergency_is_for_officers_with_a_reason(town: Running):
    page = await sign_in(town, "hanako", "en")
    answer = await page.goto(f"{town.page}/emergency?lang=en")
    assert answer is not None
    assert answer.status == 403
    async with Client(town.broker, key=await town.session("bosai")) as officer:
        assert await officer.query(type="TagDetection") == []
