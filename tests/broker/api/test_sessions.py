"""Signing in and out over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.store.memory import MemoryStore
from consent.guard import PolicyGuard
from consent.identity.book import IdentityBook
from consent.identity.model import Account
from consent.identity.signing_in import SigningIn, handle_of
from consent.policies.rule import Rule
from tests.consent.identity.test_signing_in import Quick
from tests.support.asgi import Client, Ticking, running

SESSIONS = "/ngsi-ld/ex/v1/sessions"
ENTITIES = "/ngsi-ld/v1/entities"
SECRET = b"s" * 32
NAMED = {"name": "hanako", "password": "right"}


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Client]:
    """Give a broker where hanako has an account."""
    book, hasher, clock = IdentityBook(tmp_path), Quick(), Ticking()
    handle = handle_of("hanako", SECRET)
    book.people.add(Account("u-1", handle, hasher.hash("right"), frozenset({"staff"})))
    guard = PolicyGuard(book, [Rule("staff", assignees=frozenset({"role:staff"}))], clock)
    accounts = SigningIn(book.people, hasher, SECRET, clock, lambda: 0.0)
    async with running(MemoryStore(clock=clock), guard=guard, accounts=accounts) as client:
        yield client


async def test_session_opens_what_the_account_may_until_it_is_ended(town: Client):
    made = await town.post(SESSIONS, NAMED)
    assert (made.status, made.header("cache-control")) == (201, "no-store")
    shown = {"authorization": f"Bearer {made.json()['token']}"}
    assert made.json()["user"] == "u-1"
    assert (await town.request("GET", f"{ENTITIES}?type=T", shown)).status == 200
    assert (await town.request("DELETE", f"{SESSIONS}/current", shown)).status == 204
    assert (await town.request("GET", f"{ENTITIES}?type=T", shown)).status == 401


async def test_wrong_password_is_refused(town: Client):
    answer = await town.post(SESSIONS, {**NAMED, "password": "wrong"})
    assert (answer.status, answer.problem["place"]) == (401, "body:/password")


async def test_session_tells_whose_it_is(town: Client):
    shown = {"authorization": f"Bearer {(await town.post(SESSIONS, NAMED)).json()['token']}"}
    told = await town.request("GET", f"{SESSIONS}/current", shown)
    assert told.json() == {"user": "u-1", "roles": ["staff"]}
    assert (await town.request("GET", f"{SESSIONS}/current")).status == 401


async def test_sign_out_without_a_session_is_refused(town: Client):
    answer = await town.request("DELETE", f"{SESSIONS}/current")
    assert (answer.status, answer.problem["place"]) == (401, "header:Authorization")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], "body:/"),
        ({"name": "hanako"}, "body:/password"),
        ({"name": 1, "password": "x"}, "body:/name"),
        ({"name": "", "password": "x"}, "body:/name"),
        ({"name": "hanako", "password": "x" * 1025}, "body:/password"),
    ],
)
async def test_credentials_of_another_form_are_refused(town: Client, body: object, place: str):
    answer = await town.post(SESSIONS, body)
    assert (answer.status, answer.problem["place"]) == (400, place)


async def test_broker_without_accounts_says_how_to_have_them():
    async with running(MemoryStore(clock=Ticking())) as client:
        for answer in (
            await client.post(SESSIONS, NAMED),
            await client.request("DELETE", f"{SESSIONS}/current"),
        ):
            assert answer.status == 422
            assert "--auth embedded" in answer.problem["remedy"]


async def test_header_that_says_who_asks_comes_once(town: Client):
    twice = [("authorization", "Bearer mk_a"), ("authorization", "Bearer mk_b")]
    answer = await town.request("GET", f"{ENTITIES}?type=T", twice)
    assert answer.status in (400, 401)
