"""SIGKILL of the app itself, `machi.kijiko`, while phones pay on its pages.

A phone whose answer is lost sends the same form again until it has one. Afterwards every payment
that was answered is there once, there is no other, the books balance, and the chain that the app
seals is whole.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from apps.kijiko.codes.link import link
from apps.kijiko.ledger.reading import Report, read_all, verify_ledger
from apps.kijiko.ledger.transfer import TRANSFER, Kind, transfer_from
from tests.apps.kijiko.stage import CURRENCY, Stage, asked, stage
from tests.e2e.processes import Process, module, running
from tests.support import effort
from tests.support.ports import free_port_pair
from tests.support.server import broker
from tests.support.until import until

TIME = 120
ROUNDS = effort(quick=2, long=12)
A_FEW = 6
PHONES = 4
PRICE, MONEY = 7, 100_000
SHOP = {"name_ja": "鮎屋", "name_en": "Ayuya", "category": "5812", "area": "onsen",
        "contact": "店主", "mail": "", "bank": "0182", "branch": "102", "kind": "1",
        "number": "0000042", "holder": "アユヤ"}  # fmt: skip
AWAY = (aiohttp.ClientError, TimeoutError)


@dataclass
class Phone:
    """A citizen's phone that pays without end; `paid` are the payments it was told of."""

    session: aiohttp.ClientSession
    wallet: str = ""
    paid: list[str] = field(default_factory=list)
    enough: bool = False

    async def asks(self, path: str, form: dict[str, str] | None = None) -> tuple[URL, str]:
        """Ask for a page, or send a form, until there is an answer."""
        method = "GET" if form is None else "POST"

        async def answered() -> tuple[URL, str] | None:
            with contextlib.suppress(*AWAY):
                async with self.session.request(method, path, data=form) as answer:
                    text = await answer.text()
                    if answer.status < 500:
                        assert answer.status == 200, text
                        return answer.url, text
            return None

        return await until(answered, TIME)

    async def sends(self, path: str, page: str, **fields: str) -> tuple[URL, str]:
        """Send a form of a page, with what is hidden in it."""
        hidden = {
            name: unescape(re.findall(f'name="{name}" value="([^"]+)"', page)[0])
            for name in ("token", "key", "code")
            if f'name="{name}" value="' in page
        }
        return await self.asks(path, hidden | fields)

    async def pays(self, path: str) -> None:
        """Pay by a shop's lasting code until it is enough."""
        while not self.enough:
            _, confirm = await self.asks(path)
            url, _ = await self.sends("/pay/confirm?lang=en", confirm, amount=str(PRICE))
            self.paid.append(url.path.rpartition("/")[2])


@contextlib.asynccontextmanager
async def _phone(url: str) -> AsyncIterator[Phone]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(url, cookie_jar=jar) as session:
        yield Phone(session)


async def _plate(shop: Phone, staff: Phone) -> str:
    """Let a shop apply and be approved; return the path that its lasting code leads to."""
    _, page = await shop.asks("/shop?lang=en")
    await shop.sends("/shop/apply?lang=en", page, **SHOP)
    _, page = await staff.asks("/treasury?lang=en")
    merchant = re.findall(r'name="id" value="(urn:ngsi-ld:AcceptingMerchant:[^"]+)"', page)[0]
    await staff.sends("/treasury/act/approve-shop?lang=en", page, id=merchant, staff="S-1")
    _, page = await shop.asks("/shop/plate?lang=en")
    code = unescape(re.findall(r'<code id="plate">([^<]+)</code>', page)[0])
    return link("", code) + "&lang=en"


async def _more(phones: list[Phone]) -> None:
    """Wait until some more payments are answered."""
    enough = _paid(phones) + A_FEW

    async def more() -> bool:
        return _paid(phones) >= enough

    await until(more, TIME)


def _paid(phones: list[Phone]) -> int:
    return sum(len(one.paid) for one in phones)


async def _killed(app: Process, phones: list[Phone], path: str) -> None:
    """Kill the app again and again while phones pay; let each finish what it is at."""
    async with asyncio.TaskGroup() as tasks:
        for phone in phones:
            tasks.create_task(phone.pays(path))
        await _more(phones)
        for _ in range(ROUNDS):
            await app.kill()
            await _more(phones)
        for phone in phones:
            phone.enough = True


async def _sealed(town: Stage) -> Report:
    """Wait until the app has sealed everything; return what the books are like then."""

    async def sealed() -> Report | None:
        report = await verify_ledger(town.client, CURRENCY)
        return None if report.chain.unsealed else report

    return await until(sealed, TIME)


async def _made(town: Stage) -> list[str]:
    """Return the local ids of all payments there are."""
    there = map(transfer_from, (await read_all(town.client, TRANSFER, CURRENCY)).values())
    return sorted(one.id.rpartition(":")[2] for one in there if one.kind is Kind.PAY)


@pytest.mark.timeout(effort(quick=900, long=3000))
async def test_app_killed_at_any_point_has_every_answered_payment_once_and_no_other(
    tmp_path: Path,
):
    port = free_port_pair()
    server = broker(tmp_path / "data", tmp_path / "broker.log", None, "--pinned-context")
    with server:
        command = module(
            "machi.kijiko", "--broker", server.url, "--data", str(tmp_path / "town"),
            "--port", str(port), "--staff-port", str(port + 1),
        )  # fmt: skip
        async with contextlib.AsyncExitStack() as stack:
            town = await stack.enter_async_context(stage(server.url, ""))
            processes = await stack.enter_async_context(running(tmp_path, {}, app=command))
            url = f"http://127.0.0.1:{port}"
            opened = [await stack.enter_async_context(_phone(url)) for _ in range(PHONES + 1)]
            staff = await stack.enter_async_context(_phone(f"http://127.0.0.1:{port + 1}"))
            shop, phones = opened[0], opened[1:]
            path = await _plate(shop, staff)
            for phone in phones:
                phone.wallet = await _wallet(phone, town)
            await _killed(processes["app"], phones, path)
            books = await _sealed(town)
            assert (books.faults, books.busy, books.chain.broken) == ([], [], None)
            assert await _made(town) == sorted(local for phone in phones for local in phone.paid)
            for phone in phones:
                left = (await town.book.wallet(phone.wallet)).balance
                assert left == MONEY - PRICE * len(phone.paid)


async def _wallet(phone: Phone, town: Stage) -> str:
    """Open a wallet on a phone and charge it; return its id."""
    before = {one.id for one in await town.wallets.all()}
    _, page = await phone.asks("/?lang=en")
    await phone.sends("/open?lang=en", page, name="人吉 花子")
    [wallet] = {one.id for one in await town.wallets.all()} - before
    await town.book.charge(wallet, MONEY, asked())
    return wallet
