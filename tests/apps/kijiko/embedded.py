"""The town's money as `machi up` runs it: keys, accounts, the town's policies, signing in."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from apps.kijiko.ledger.book import Book
from apps.kijiko.ledger.keeper import Keeper
from apps.kijiko.ledger.setup import currency_entity, open_accounts, set_rules
from apps.kijiko.ledger.wallets import Wallets
from broker.client import Client
from broker.clock import now
from broker.settings import Settings
from broker.validation import Mode
from consent.guard import PolicyGuard
from consent.identity.at_hand import new_key
from consent.identity.book import IdentityBook
from consent.identity.model import Account, Role
from consent.identity.model import Client as Caller
from consent.identity.signing_in import SigningIn, handle_of
from consent.log.file import LogFile
from consent.log.log import DisclosureLog
from consent.log.written import Written
from consent.policies.load import default_policies, rules
from consent.town import expand
from machi.access import PEOPLE
from smart_data_models.offer import offered
from tests.apps.kijiko.stage import CURRENCY, Clock, Stage
from tests.apps.kijiko.town import Pages, pages_on
from tests.consent.identity.test_signing_in import Quick
from tests.support.live import live_broker
from tests.support.mqtt import background

SECRET = b"s" * 32
CALLERS = {"seed": Role.ADMINISTRATOR, "kijiko": Role.APP, "bookings": Role.APP}


@dataclass
class Embedded:
    """The pages, the broker behind its policies, and clients of it by their keys."""

    pages: Pages
    url: str
    clients: dict[str, Client]

    @contextlib.asynccontextmanager
    async def phone(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Give a browser of somebody new on the phones' pages."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.pages.phone_url, cookie_jar=jar) as session:
            yield session

    @contextlib.asynccontextmanager
    async def signed_in(
        self, name: str = "", url: str = ""
    ) -> AsyncIterator[aiohttp.ClientSession]:
        """Give a browser at the staff's pages, or those at `url`, with somebody signed in."""
        jar = aiohttp.CookieJar(unsafe=True)
        where = url or self.pages.staff_url
        async with aiohttp.ClientSession(where, cookie_jar=jar) as session:
            if name:
                page = await self.pages.page(session, "/sign-in?lang=en")
                token = re.findall('name="token" value="([0-9a-f]+)"', page)[0]
                form = {"name": name, "password": "right", "token": token}
                async with session.post("/sign-in?lang=en", data=form) as answer:
                    await answer.read()
            yield session

    async def session_of(self, name: str) -> str:
        """Return the token with which the broker knows an account."""
        told = {"name": name, "password": "right"}
        async with (
            aiohttp.ClientSession(self.url) as session,
            session.post("/ngsi-ld/ex/v1/sessions", json=told) as answer,
        ):
            assert answer.status == 201, await answer.text()
            return str((await answer.json())["token"])


@contextlib.asynccontextmanager
async def embedded(folder: Path) -> AsyncIterator[Embedded]:
    """Run the town. Everybody's password is `right`."""
    book, hasher = IdentityBook(folder), Quick()
    for name, role in PEOPLE:
        kept = hasher.hash("right")
        book.people.add(Account(f"u-{name}", handle_of(name, SECRET), kept, frozenset({role})))
    keys = {
        name: new_key(book, Caller(name, frozenset({role})), now(), secrets.token_bytes)
        for name, role in CALLERS.items()
    }
    guard = PolicyGuard(book, rules(default_policies(), expand()), now)
    accounts, clock = SigningIn(book.people, hasher, SECRET), Clock()
    models = offered(Mode.REJECT, everywhere=True)
    clock.now = datetime.now(UTC)
    async with contextlib.AsyncExitStack() as stack:
        running = live_broker(
            folder,
            Settings(data=folder),
            guard=guard,
            models=models,
            accounts=accounts,
            disclosures=Written(guard, DisclosureLog(LogFile(folder), SECRET, now)),
        )
        url = await stack.enter_async_context(running)
        clients = {
            name: await stack.enter_async_context(Client(url, name=name, key=key))
            for name, key in keys.items()
        }
        seed, app = clients["seed"], clients["kijiko"]
        await set_rules(seed)
        await seed.create(
            currency_entity(CURRENCY, "X-KJK", {"ja": "きじこ"}, "urn:ngsi-ld:Organization:432032")
        )
        await open_accounts(app, CURRENCY)
        found = Stage(app, Book(app, CURRENCY, clock), Wallets(app, CURRENCY), clock)
        await stack.enter_async_context(background(Keeper(found.book, every=3600).run()))
        opened = await stack.enter_async_context(pages_on(found, sign_in=True))
        yield Embedded(opened, url, clients)
