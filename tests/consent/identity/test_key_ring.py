"""Developers make, exchange and revoke keys of their own, over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.store.memory import MemoryStore
from consent.guard import PolicyGuard
from consent.identity.book import IdentityBook
from consent.identity.key_ring import MOST, MOST_A_DAY, QUOTA, RATE, KeyRing
from consent.identity.model import Account
from consent.identity.signing_in import SigningIn, handle_of
from consent.policies.rule import Rule
from tests.consent.identity.test_signing_in import Quick
from tests.support.asgi import Answer, Client, Ticking, running

SECRET = b"s" * 32
KEYS = "/ngsi-ld/ex/v1/keys"
ENTITIES = "/ngsi-ld/v1/entities?type=T"
NOON = 20_000 * 86_400.0 + 43_200


class Town:
    """A broker with a developer and a citizen, who are signed in."""

    def __init__(self, client: Client, clock: Ticking, book: IdentityBook) -> None:
        self.client = client
        self.book = book
        self.clock = clock
        self.sessions: dict[str, str] = {}

    async def ask(self, method: str, path: str, shown: str = "") -> Answer:
        """Send a request with somebody's session, with a key, or with nothing."""
        token = self.sessions.get(shown, shown)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await self.client.request(method, path, headers)

    async def sign_in(self, name: str) -> Any:
        """Return a new session of somebody."""
        body = {"name": name, "password": "right"}
        return (await self.client.post("/ngsi-ld/ex/v1/sessions", body)).json()

    async def made(self) -> dict[str, Any]:
        """Make a key as the developer."""
        answer = await self.ask("POST", KEYS, "dora")
        assert answer.status == 201
        told: dict[str, Any] = answer.json()
        return told


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    book, hasher, clock = IdentityBook(tmp_path), Quick(), Ticking()
    for name, role in (("dora", "developer"), ("hanako", "citizen")):
        handle = handle_of(name, SECRET)
        book.people.add(Account(f"u-{name}", handle, hasher.hash("right"), frozenset({role})))
    rules = [Rule("read", assignees=frozenset({"role:developer"}))]
    guard = PolicyGuard(book, rules, clock, lambda: NOON)
    ring = KeyRing(book, guard.usage, clock, lambda: NOON)
    accounts = SigningIn(book.people, hasher, SECRET, clock, lambda: 0.0, keys=ring)
    async with running(MemoryStore(clock=clock), guard=guard, accounts=accounts) as client:
        made = Town(client, clock, book)
        for name in ("dora", "hanako"):
            made.sessions[name] = (await made.sign_in(name))["token"]
        yield made


async def test_key_is_shown_once_and_opens_what_developers_may(town: Town):
    made = await town.made()
    assert (await town.ask("GET", ENTITIES, made["key"])).status == 200
    told = (await town.ask("GET", KEYS, "dora")).json()
    assert (told["rate"], told["quota"]) == (RATE, QUOTA)
    assert [key["id"] for key in told["keys"]] == [made["id"]]
    assert made["key"] not in (await town.ask("GET", KEYS, "dora")).body.decode()


async def test_limits_of_the_first_key_are_told_before_it_is_made(town: Town):
    for person, limits in (("dora", (RATE, QUOTA)), ("hanako", (None, None))):
        told = (await town.ask("GET", KEYS, person)).json()
        assert (told["rate"], told["quota"], told["keys"]) == (*limits, [])


async def test_what_a_key_asked_today_is_told_to_its_owner_and_to_the_program(town: Town):
    key = (await town.made())["key"]
    for _ in range(3):
        await town.ask("GET", ENTITIES, key)
    for shown, count in (("dora", 3), (key, 4)):
        (told,) = (await town.ask("GET", KEYS, shown)).json()["keys"]
        assert (told["askedToday"], told["refusedToday"]) == (count, 0)


async def test_exchanged_key_goes_on_for_an_hour(town: Town):
    old = await town.made()
    new = (await town.ask("POST", f"{KEYS}/{old['id']}/rotate", "dora")).json()
    for key in (old, new):
        assert (await town.ask("GET", ENTITIES, key["key"])).status == 200
    town.clock.advance(hours=1, seconds=1)
    assert (await town.ask("GET", ENTITIES, old["key"])).status == 401
    assert (await town.ask("GET", ENTITIES, new["key"])).status == 200


async def test_revoked_key_opens_nothing_from_the_next_request_on(town: Town):
    key = await town.made()
    assert (await town.ask("DELETE", f"{KEYS}/{key['id']}", "dora")).status == 204
    assert (await town.ask("GET", ENTITIES, key["key"])).status == 401
    assert (await town.ask("DELETE", f"{KEYS}/{key['id']}", "dora")).status == 404


async def test_keys_are_few(town: Town):
    for _ in range(MOST):
        await town.made()
    assert (await town.ask("POST", KEYS, "dora")).status == 409


async def test_exchanging_a_key_makes_no_more_of_them(town: Town):
    keys = [await town.made() for _ in range(MOST)]
    path = f"{KEYS}/{keys[0]['id']}/rotate"
    assert (await town.ask("POST", path, "dora")).status == 201
    assert (await town.ask("POST", path, "dora")).status == 409
    assert (await town.ask("POST", KEYS, "dora")).status == 409


async def test_keys_made_in_a_day_have_an_end_though_each_is_revoked(town: Town):
    for _ in range(MOST_A_DAY):
        made = await town.made()
        await town.ask("DELETE", f"{KEYS}/{made['id']}", "dora")
    assert (await town.ask("POST", KEYS, "dora")).status == 409
    town.clock.advance(days=1, seconds=1)
    town.sessions["dora"] = (await town.sign_in("dora"))["token"]
    assert (await town.ask("POST", KEYS, "dora")).status == 201


async def test_keys_go_with_the_account_that_made_them(town: Town):
    key = (await town.made())["key"]
    assert (await town.ask("GET", ENTITIES, key)).status == 200
    town.book.people.remove("u-dora")
    assert (await town.ask("GET", ENTITIES, key)).status == 401
    listed = {client.name for client in town.book.clients()}
    kept = town.book.keys()
    assert {one.client for one in kept} <= listed


async def test_key_reaches_no_tenant_that_its_maker_does_not_reach(town: Town):
    account = Account("u-drill", handle_of("drill", SECRET), "right", frozenset({"developer"}))
    town.book.people.add(replace(account, password=Quick().hash("right"), tenants=frozenset({"d"})))
    town.sessions["drill"] = (await town.sign_in("drill"))["token"]
    key = (await town.ask("POST", KEYS, "drill")).json()["key"]
    assert (await town.ask("GET", ENTITIES, key)).status == 403


async def test_only_developers_who_are_signed_in_make_keys(town: Town):
    key = (await town.made())["key"]
    for shown, status in (("hanako", 403), (key, 403), ("", 401)):
        assert (await town.ask("POST", KEYS, shown)).status == status
    assert (await town.ask("GET", KEYS)).status == 401


async def test_keys_of_others_are_not_there(town: Town):
    key = await town.made()
    town.sessions["dora"] = town.sessions["hanako"]
    assert (await town.ask("DELETE", f"{KEYS}/{key['id']}", "dora")).status == 403
    assert (await town.ask("GET", KEYS, "hanako")).json()["keys"] == []
