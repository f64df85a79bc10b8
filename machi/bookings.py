"""`python -m machi.bookings`: the bookings app with the town's vault, locks and money.

It also brings every access grant to its lock: both need the vault.

Two pages: one for citizens, and the counter's, which is for this machine only. Without a payment
provider it brings a simulated one; without a mail server no mail is sent and pages show the PIN.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp

from apps.bookings.app import citizens, counter
from apps.bookings.desk import Desk
from apps.bookings.edge.fake_provider import FakeProvider, serving
from apps.bookings.edge.holders import Holders
from apps.bookings.edge.http_provider import HttpProvider
from apps.bookings.edge.letter_limit import LetterLimit
from apps.bookings.edge.mail import Mail, MailRefused, Server, read_server
from apps.bookings.mirror import Mirror
from apps.bookings.pages.site import Site
from apps.bookings.process.runner import Process
from apps.bookings.service import Service
from apps.keys.contract import Locks, Vault
from apps.keys.doors import Doors
from apps.keys.locks import TownLocks
from apps.keys.sentry import Sentry
from apps.keys.worker import Worker
from apps.kijiko.use.fees import TownMoney
from broker.client import Client, Retry, key_of
from consent.vault import VaultError, open_vault
from machi.serving import HOST, serve
from machi.town_money import NAME, town_of

log = logging.getLogger("machi.bookings")

MIRROR: Final = "bookings-ledger.csv"
"""The file in the data folder that mirrors all bookings as a ledger."""
SOON: Final = Retry(attempts=2)
"""A person waits: an absent broker is told at once."""


@dataclass(frozen=True, slots=True)
class BookingsSettings:
    """Where everything is. `pay` is a provider's URL and `pay_secret` what is shared with it."""

    broker: str
    data: Path
    port: int = 8082
    counter_port: int = 8083
    pay_port: int = 8084
    home: str = ""
    pay: str = ""
    pay_secret: str = ""
    mail: Server | None = None
    sign_in: bool = False
    adapters: Path | None = None
    town_money: bool = False

    @property
    def address(self) -> str:
        """Return where citizens' browsers find the pages."""
        return self.home or f"http://localhost:{self.port}"


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


async def run(settings: BookingsSettings, clock: Callable[[], datetime] = utc_now) -> None:
    """Serve the pages and carry bookings on until SIGINT or SIGTERM. Raises VaultError."""
    vault = open_vault(settings.data)
    key = key_of("bookings")
    async with AsyncExitStack() as stack:
        stack.callback(vault.close)
        pages = await stack.enter_async_context(
            Client(settings.broker, name="bookings", key=key, retry=SOON)
        )
        worker = await stack.enter_async_context(
            Client(settings.broker, name="bookings", key=key, retry=Retry(attempts=None))
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        secret, url = settings.pay_secret, settings.pay
        if not url:
            secret = secrets.token_urlsafe(24)
            url = await stack.enter_async_context(serving(FakeProvider(secret), settings.pay_port))
        notify = f"http://{HOST}:{settings.port}" if not settings.pay else ""
        provider = HttpProvider(url, secret, settings.address, session, notify)
        money = None
        if settings.town_money:
            purse = Client(settings.broker, name=NAME, key=key_of(NAME), retry=SOON)
            money = TownMoney(town_of(await stack.enter_async_context(purse), vault, b"", clock))
        site = assembled(settings, pages, vault, provider, secret, clock, money)
        process = replace(site.process, client=worker, locks=TownLocks(worker, vault, clock=clock))
        carried = Service(
            process,
            ready=lambda: log.info("ready: bookings are on %s", settings.address),
        )
        doors = Doors(settings.adapters or settings.data / "adapters")
        keys = Worker(worker, vault, doors, clock=clock)
        sentry = Sentry(worker, clock)
        mirror = Mirror(worker, Desk(process), settings.data / MIRROR)
        shown = {settings.port: citizens(site), settings.counter_port: counter(site)}
        await serve(shown, [carried.run(), keys.run(), sentry.run(), mirror.run()])


def assembled(
    settings: BookingsSettings,
    client: Client,
    vault: Vault,
    provider: HttpProvider,
    secret: str,
    clock: Callable[[], datetime],
    money: TownMoney | None = None,
) -> Site:
    """Return what the pages stand on."""
    holders = Holders(vault)
    locks: Locks = TownLocks(client, vault, clock=clock)
    limit = LetterLimit(vault, clock)
    post = Mail(settings.mail, holders, client, settings.address, limit)
    process = Process(client, locks, provider, post, clock, money)
    return Site(
        process,
        Desk(process),
        holders,
        provider,
        secret=secret,
        home=settings.address,
        sign_in=settings.sign_in,
        mails=settings.mail is not None,
        clock=clock,
        purse=money.purse if money is not None else None,
    )


def main() -> None:
    """Run the app until it is stopped."""
    parser = argparse.ArgumentParser(prog="machi.bookings", description=__doc__)
    parser.add_argument("--broker", default="http://127.0.0.1:1026", help="URL of the broker")
    parser.add_argument("--data", type=Path, required=True, help="folder with the town's data")
    parser.add_argument("--port", type=int, default=8082, help="port of the citizens' pages")
    parser.add_argument("--counter-port", type=int, default=8083, help="port of the counter's page")
    parser.add_argument("--pay-port", type=int, default=8084, help="port of the simulated provider")
    parser.add_argument("--home", default="", help="URL at which citizens find the pages")
    parser.add_argument("--pay", default="", help="URL of a payment provider")
    parser.add_argument("--pay-secret", type=Path, help="file with the secret shared with it")
    parser.add_argument("--mail", type=Path, help="file with the mail server, for its owner only")
    parser.add_argument("--adapters", type=Path, help="folder with the adapters' private doors")
    parser.add_argument("--sign-in", action="store_true", help="let only staff in to the counter")
    parser.add_argument("--town-money", action="store_true", help="take fees in the town's money")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        settings = BookingsSettings(
            options.broker,
            options.data,
            options.port,
            options.counter_port,
            options.pay_port,
            options.home,
            options.pay,
            options.pay_secret.read_text().strip() if options.pay_secret else "",
            read_server(options.mail) if options.mail else None,
            options.sign_in,
            options.adapters,
            options.town_money,
        )
        asyncio.run(run(settings))
    except (MailRefused, VaultError, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
