"""Signing in to the staff page: who gets in, what each section decides, and how it ends."""

import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from apps.shell.tries import MOST, SPAN, Tries
from apps.staff.app import StaffSettings, staff
from broker.client import Client, value
from broker.clock import now
from broker.validation import Mode
from consent.guard import PolicyGuard
from consent.identity.at_hand import new_key
from consent.identity.book import IdentityBook
from consent.identity.model import Account
from consent.identity.model import Client as Caller
from consent.identity.signing_in import SigningIn, handle_of
from consent.policies.load import default_policies, rules
from consent.town import expand
from machi.seed.town import town_entities
from smart_data_models.offer import offered
from tests.apps.staff.test_app import DRAFT, LIGHT, NOW, draft
from tests.consent.identity.test_signing_in import Quick
from tests.support.live import live_broker, serve

SECRET = b"s" * 32
PEOPLE = {
    "mori": "staff:disaster",
    "abe": "staff:disaster",
    "kawa": "staff:river",
    "sato": "staff:facilities",
    "ono": "officer:privacy",
    "hanako": "citizen",
}


class Page:
    """The staff page in a browser of one person's."""

    def __init__(self, url: str) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        self.session = aiohttp.ClientSession(url, cookie_jar=jar)

    async def enter(self, name: str, password: str = "right") -> tuple[int, str]:
        """Sign in; return status and text of what is shown then."""
        form = {"name": name, "password": password, "token": await self.token()}
        async with self.session.post("/sign-in?lang=en", data=form) as answer:
            return answer.status, await answer.text()

    async def token(self) -> str:
        """Return the token of the forms on the page that is shown."""
        async with self.session.get("/?lang=en") as answer:
            return re.findall('name="token" value="([0-9a-f]+)"', await answer.text())[0]

    async def act(self, deed: str, **fields: str) -> tuple[int, str]:
        """Send a form; return the status and what the page then says."""
        form = {"tenant": "real", "token": await self.token(), "id": DRAFT, **fields}
        async with self.session.post(f"/act/{deed}?lang=en", data=form) as answer:
            told = re.findall('class="told.*?>(.*?)</p>', await answer.text())
            return answer.status, told[0] if told else ""


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[tuple[str, Client]]:
    """Run a broker with the town's policies and the staff page; give its URL and a client."""
    book, hasher = IdentityBook(tmp_path), Quick()
    for name, role in PEOPLE.items():
        handle = handle_of(name, SECRET)
        book.people.add(Account(f"u-{name}", handle, hasher.hash("right"), frozenset({role})))
    keys = {
        name: new_key(book, Caller(name, frozenset({role})), now(), secrets.token_bytes)
        for name, role in (("seed", "administrator"), ("staff", "app"))
    }
    guard = PolicyGuard(book, rules(default_policies(), expand()), now)
    accounts = SigningIn(book.people, hasher, SECRET)
    models = offered(Mode.OFF, [], everywhere=True)
    async with (
        live_broker(tmp_path, guard=guard, models=models, accounts=accounts) as url,
        Client(url, key=keys["seed"]) as client,
    ):
        for entity in town_entities():
            if entity["id"] == LIGHT:
                await client.create(entity)
        await client.create(draft())
        settings = StaffSettings(url, "drill", None, True, keys["staff"], clock=lambda: NOW)
        async with serve(staff(settings)) as page:
            yield page, client


@pytest.fixture
async def page(town: tuple[str, Client]) -> AsyncIterator[Page]:
    made = Page(town[0])
    yield made
    await made.session.close()


async def version(broker: Client) -> str:
    """Return the version of the draft."""
    return (await broker.retrieve_with_version(DRAFT))[1]


async def test_order_is_published_by_two_accounts_and_not_by_one(town, page: Page):
    broker = town[1]
    assert (await page.enter("mori"))[0] == 200
    first = await page.act("approve", version=await version(broker), staff="somebody-else")
    assert first == (200, "Approved. A second person must approve too.")
    assert (await page.act("approve", version=await version(broker)))[0] == 409
    other = Page(town[0])
    await other.enter("abe")
    second = await other.act("approve", version=await version(broker))
    await other.session.close()
    assert second == (200, "Published.")
    approvals = value(await broker.retrieve(DRAFT), "approvals")
    assert approvals == ["urn:ngsi-ld:Staff:u-mori", "urn:ngsi-ld:Staff:u-abe"]


async def test_river_section_runs_lights_and_decides_no_orders(town, page: Page):
    await page.enter("kawa")
    refused = await page.act("approve", version=await version(town[1]))
    assert refused == (403, "Not done: your section does not decide on this.")
    done = await page.act("override", id=LIGHT, look="warmWhite", minutes="5", reason="test")
    assert done[0] == 200
    by = value(await town[1].retrieve(LIGHT), "overrideBy")
    assert by == "urn:ngsi-ld:Staff:u-kawa"


async def test_citizen_stays_outside(page: Page):
    status, text = await page.enter("hanako")
    assert status == 403
    assert "may not use this page" in text
    assert 'class="card draft"' not in text


async def test_nobody_sees_the_page_or_acts_without_signing_in(page: Page):
    async with page.session.get("/?lang=en", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?lang=en")
    async with page.session.post("/act/approve", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_cookies_are_out_of_reach_of_scripts_and_other_sites(page: Page):
    form = {"name": "kawa", "password": "right", "token": await page.token()}
    async with page.session.post("/sign-in", data=form, allow_redirects=False) as answer:
        (made,) = answer.headers.getall("Set-Cookie")
    assert made.startswith("machi-session=ms_")
    for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
        assert part in made


async def test_sign_out_ends_the_session_itself(page: Page):
    await page.enter("kawa")
    kept = {each.key: each.value for each in page.session.cookie_jar}
    async with page.session.post("/sign-out", data={"token": await page.token()}) as answer:
        assert 'type="password"' in await answer.text()
    page.session.cookie_jar.update_cookies({"machi-session": kept["machi-session"]})
    async with page.session.get("/", allow_redirects=False) as answer:
        assert answer.status == 303


async def test_sign_out_by_another_site_is_refused(page: Page):
    await page.enter("kawa")
    async with page.session.post("/sign-out", data={"token": "0" * 64}) as answer:
        assert answer.status == 403
    async with page.session.get("/", allow_redirects=False) as answer:
        assert answer.status == 200


async def test_token_of_before_signing_in_is_worth_nothing_after(page: Page):
    before = await page.token()
    await page.enter("kawa")
    async with page.session.post("/act/release", data={"token": before}) as answer:
        assert answer.status == 403


async def test_published_order_needs_no_account_and_a_draft_is_told_to_nobody(town, page: Page):
    async with page.session.get("/cap/real") as answer:
        assert await answer.json() == []


async def test_wrong_password_says_no_more_than_that(page: Page):
    for name in ("kawa", "nobody"):
        status, text = await page.enter(name, "wrong")
        assert status == 401
        assert "Name and password do not fit." in text


def test_failures_from_one_address_end_the_trying_for_a_while():
    moments = [0.0]
    tries = Tries(lambda: moments[-1])
    for _ in range(MOST):
        assert not tries.too_many("192.0.2.1")
        tries.failed("192.0.2.1")
    assert tries.too_many("192.0.2.1")
    assert not tries.too_many("192.0.2.2")
    moments.append(SPAN)
    assert not tries.too_many("192.0.2.1")


async def test_page_of_keys_and_the_door_log_are_for_who_may_do_something_there(town):
    """The broker shows grants and the door log to no other section."""
    found = {}
    for name in ("kawa", "sato", "mori", "ono"):
        page = Page(town[0])
        async with page.session:
            await page.enter(name)
            async with page.session.get("/?lang=en") as answer:
                linked = 'href="/keys?' in await answer.text()
            assert linked is (name != "kawa")
            async with page.session.get("/keys?lang=en") as answer:
                found[name] = answer.status, 'id="grants-title"' in await answer.text()
            if name == "kawa":
                form = {"token": await page.token(), "id": "urn:ngsi-ld:AccessGrant:432148:1"}
                async with page.session.post("/keys/take-back?lang=en", data=form) as answer:
                    assert (answer.status, "grants-title" in await answer.text()) == (403, False)
    assert found == {"kawa": (403, False)} | dict.fromkeys(("sato", "mori", "ono"), (200, True))
