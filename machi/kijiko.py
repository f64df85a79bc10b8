"""`python -m machi.kijiko`: the app of the town's money, with the town's vault and its books.

Two pages: one for the phones of citizens and shops, and the staff's, which is for this machine
only. It keeps the books besides: seals transfers, watches that all balances, lets money expire.
With `--demo` an economy of the past three months is planted as soon as somebody looks at a page.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import re
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from apps.bookings.edge.holders import HOLDER
from apps.keys.contract import Vault
from apps.kijiko.app import phones, staff
from apps.kijiko.bank.zengin import Account
from apps.kijiko.bank.zengin import Client as BankClient
from apps.kijiko.ledger.keeper import Keeper
from apps.kijiko.ledger.reading import verify_ledger
from apps.kijiko.ledger.setup import open_accounts
from apps.kijiko.pages.site import FINANCE, Site
from apps.kijiko.use.expiry import Expiry
from apps.kijiko.use.figures import Figures
from apps.kijiko.use.notices import Notices
from apps.kijiko.use.town import Town
from broker.client import Client, ClientError, Retry, key_of
from consent.transform.amounts import gathered, released
from consent.transform.counts import PUBLIC
from consent.vault import VaultError, open_vault
from machi.seed.economy import Economy
from machi.serving import serve
from machi.town_money import CURRENCY, NAME, town_of

log = logging.getLogger("machi.kijiko")

SOON: Final = Retry(attempts=2)
"""A person waits: an absent broker is told at once."""
BANK: Final = BankClient("0000432032", Account("0182", "101", "1234567", "ﾋﾄﾖｼｼ"))
"""Who orders payouts in the demo town: made up but for the form."""
SECTION: Final = FINANCE.partition(":")[2]
"""The section that runs the currency, where the town says nothing else."""
SECRET: Final = f"{HOLDER}kijiko-codes"


@dataclass(frozen=True, slots=True)
class KijikoSettings:
    """Where everything is. `consent` is the URL of the consent centre, "" for none.

    `sections` of the town hall stand at the counter.
    """

    broker: str
    data: Path
    port: int = 8086
    staff_port: int = 8087
    home: str = ""
    consent: str = ""
    sign_in: bool = False
    demo: bool = False
    self_declared: bool = False
    sections: tuple[str, ...] = (SECTION,)

    @property
    def address(self) -> str:
        """Return where citizens' browsers find the pages."""
        return self.home or f"http://localhost:{self.port}"


class LookedAt:
    """ASGI middleware that notes that somebody looks at a page; being asked for health is none."""

    def __init__(self, app: ASGIApp, seen: asyncio.Event) -> None:
        self._app = app
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/health":
            self._seen.set()
        await self._app(scope, receive, send)


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


async def run(settings: KijikoSettings, clock: Callable[[], datetime] = utc_now) -> None:
    """Serve the pages and keep the books until SIGINT or SIGTERM. Raises VaultError."""
    vault = open_vault(settings.data)
    async with AsyncExitStack() as stack:
        stack.callback(vault.close)
        key = key_of(NAME)
        pages = Client(settings.broker, name=NAME, key=key, retry=SOON)
        worker = Client(settings.broker, name=NAME, key=key, retry=Retry(attempts=None))
        await stack.enter_async_context(pages)
        await stack.enter_async_context(worker)
        await open_accounts(worker, CURRENCY)
        secret = await _secret(vault)
        town = town_of(pages, vault, secret, clock)
        behind = town_of(worker, vault, secret, clock)
        notices = Notices(worker)
        figures = Figures(town, lambda told: released(gathered(told)), PUBLIC)
        site = Site(
            town, notices, figures, BANK, settings.address, settings.consent, settings.sign_in,
            tuple(f"staff:{one}" for one in settings.sections), settings.self_declared,
        )  # fmt: skip
        ready = lambda: log.info("ready: Kijiko is on %s", settings.address)  # noqa: E731
        seen = asyncio.Event()
        carried = [
            notices.run(),
            Keeper(behind.book, ready=ready).run(),
            Expiry(behind).run(),
            *([_planted(behind, seen)] if settings.demo else []),
        ]

        async def verify() -> tuple[bool, list[str]]:
            report = await verify_ledger(pages, CURRENCY)
            return report.sound, [f"{fault.id}: {fault.reason}" for fault in report.faults]

        shown = {settings.port: phones(site), settings.staff_port: staff(site, verify)}
        await serve({port: LookedAt(app, seen) for port, app in shown.items()}, carried)


async def _secret(vault: Vault) -> bytes:
    """Return what codes of one use are signed with: kept, so that a restart spoils none."""
    kept = await vault.get(SECRET, "code")
    if kept is None:
        kept = secrets.token_hex(32)
        await vault.put(SECRET, "code", kept)
    return bytes.fromhex(kept)


async def _planted(town: Town, seen: asyncio.Event) -> None:
    await seen.wait()
    try:
        count = await Economy(town).plant()
    except ClientError as error:
        log.warning("the demo economy is not complete; it goes on at the next start: %s", error)
    else:
        log.info("the demo economy is there: %d transfers", count)


def _section(text: str) -> str:
    if not re.fullmatch("[a-z][a-z0-9-]{0,39}", text):
        raise argparse.ArgumentTypeError("a section is named in small letters, such as finance")
    return text


def main() -> None:
    """Run the app until it is stopped."""
    parser = argparse.ArgumentParser(prog="machi.kijiko", description=__doc__)
    parser.add_argument("--broker", default="http://127.0.0.1:1026", help="URL of the broker")
    parser.add_argument("--data", type=Path, required=True, help="folder with the town's data")
    parser.add_argument("--port", type=int, default=8086, help="port of the phones' pages")
    parser.add_argument("--staff-port", type=int, default=8087, help="port of the staff's pages")
    parser.add_argument("--home", default="", help="URL at which citizens find the pages")
    parser.add_argument("--consent", default="", help="URL of the consent centre")
    parser.add_argument("--sign-in", action="store_true", help="let only staff in to their pages")
    parser.add_argument("--demo", action="store_true", help="plant an economy of three months")
    parser.add_argument(
        "--section", action="append", dest="sections", type=_section, metavar="NAME",
        help=f"section whose staff stand at the counter, any number of times ({SECTION})",
    )  # fmt: skip
    parser.add_argument(
        "--self-declared", action="store_true", help="grant points for steps that people type in"
    )
    options = parser.parse_args()
    options.sections = tuple(options.sections or (SECTION,))
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        asyncio.run(run(KijikoSettings(**vars(options))))
    except (ClientError, VaultError, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
