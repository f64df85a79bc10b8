"""Signing in to the operator's page: a cookie for pages, a token in each form."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from broker.guard import Action
from broker.settings import Settings
from broker.store.memory import MemoryStore
from consent.guard import PolicyGuard
from consent.identity.book import IdentityBook
from consent.identity.model import Account
from consent.identity.signing_in import SigningIn, handle_of
from consent.policies.rule import Rule
from tests.consent.identity.test_signing_in import Quick
from tests.support.asgi import Answer, Client, Ticking, running

SECRET = b"s" * 32
HTML = {"accept": "text/html"}
EVERYTHING = frozenset(Action)


class Browser:
    """Keeps the session's cookie, and sends the token of the page it saw last."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.cookie = ""
        self.page = ""

    async def load(self) -> Answer:
        """Load the page."""
        answer = await self.client.get("/operator?lang=en", {**HTML, "cookie": self.cookie})
        self.page = answer.body.decode()
        return answer

    async def send(self, path: str, **fields: str) -> Answer:
        """Send a form of the page."""
        token = re.findall('name="token" value="([0-9a-f]{64})"', self.page)[0]
        headers = {"content-type": "application/x-www-form-urlencoded", "cookie": self.cookie}
        body = urlencode({"token": token, **fields}).encode()
        answer = await self.client.request("POST", path, {**HTML, **headers}, body=body)
        if (made := answer.header("set-cookie")) is not None:
            self.cookie = made.partition(";")[0]
        return answer

    async def enter(self, name: str, password: str = "right") -> Answer:
        """Sign in."""
        await self.load()
        return await self.send("/operator/sign-in", name=name, password=password)


@pytest.fixture
async def book(tmp_path: Path) -> IdentityBook:
    made, hasher = IdentityBook(tmp_path), Quick()
    for name, role in (("admin", "administrator"), ("hanako", "staff")):
        handle = handle_of(name, SECRET)
        made.people.add(Account(f"u-{name}", handle, hasher.hash("right"), frozenset({role})))
    return made


def access(book: IdentityBook) -> tuple[PolicyGuard, SigningIn]:
    """Return a guard by which administrators may do everything, and where they sign in."""
    clock = Ticking()
    rule = Rule("all", actions=EVERYTHING, assignees=frozenset({"role:administrator"}))
    accounts = SigningIn(book.people, Quick(), SECRET, clock, lambda: 0.0)
    return PolicyGuard(book, [rule], clock), accounts


@pytest.fixture
async def browser(book: IdentityBook) -> AsyncIterator[Browser]:
    guard, accounts = access(book)
    store = MemoryStore(clock=Ticking())
    async with running(store, guard=guard, accounts=accounts) as client:
        yield Browser(client)


async def test_page_asks_a_browser_to_sign_in_and_tells_a_program_why_not(browser: Browser):
    answer = await browser.load()
    assert answer.status == 401
    assert 'type="password"' in browser.page
    assert (await browser.client.get("/operator")).problem["place"] == "header:Authorization"


async def test_administrator_signs_in_uses_the_page_and_signs_out(browser: Browser):
    entered = await browser.enter("admin")
    assert (entered.status, entered.header("location")) == (303, "/operator")
    assert (await browser.load()).status == 200
    kept = browser.cookie
    assert (await browser.send("/operator/sign-out")).status == 303
    browser.cookie = kept
    assert (await browser.load()).status == 401


async def test_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: Browser):
    made = (await browser.enter("admin")).header("set-cookie") or ""
    assert made.startswith("machi-session=ms_")
    assert made.endswith("; Path=/; HttpOnly; SameSite=Strict")


async def test_cookie_travels_by_tls_only_off_this_machine(book: IdentityBook):
    settings = Settings(host="0.0.0.0")
    store = MemoryStore(clock=Ticking())
    guard, accounts = access(book)
    async with running(store, settings, guard=guard, accounts=accounts) as client:
        browser = Browser(client)
        made = (await browser.enter("admin")).header("set-cookie") or ""
        assert made.endswith("; Secure")


async def test_form_of_before_signing_in_is_refused_after(browser: Browser):
    await browser.load()
    before = browser.page
    await browser.enter("admin")
    browser.page = before
    answer = await browser.send("/operator/discard", subscriptionId="urn:x:1")
    assert (answer.status, answer.problem["place"]) == (403, "body:/token")


async def test_cookie_opens_pages_and_not_the_api(browser: Browser):
    await browser.enter("admin")
    answer = await browser.client.get("/ngsi-ld/v1/types", {"cookie": browser.cookie})
    assert answer.status == 401


async def test_wrong_password_and_other_accounts_stay_outside(browser: Browser):
    wrong = await browser.enter("admin", "wrong")
    assert (wrong.status, wrong.header("set-cookie")) == (401, None)
    await browser.enter("hanako")
    assert (await browser.load()).status == 403
    assert "may not administer" in browser.page


async def test_form_of_somebody_who_may_not_administer_does_nothing(browser: Browser):
    await browser.enter("hanako")
    await browser.load()
    for path in ("/operator/replay", "/operator/discard"):
        answer = await browser.send(path, subscriptionId="urn:x:1")
        assert (answer.status, answer.problem["place"]) == (403, "caller")


async def test_page_says_after_many_failures_how_long_to_wait(browser: Browser):
    answers = [await browser.enter("admin", "wrong") for _ in range(7)]
    assert answers[-1].status == 429
    assert answers[-1].header("retry-after") == "3"
    assert "too many failures" in answers[-1].body.decode()
