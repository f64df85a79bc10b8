"""The town's pages on a real broker: a citizen's phone, a shop's, the counter and the treasury."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from apps.bookings.edge.holders import Contact, Holders
from apps.kijiko.app import phones, staff
from apps.kijiko.bank.zengin import Account, Client
from apps.kijiko.ledger.reading import verify_ledger
from apps.kijiko.ledger.wallet import Wallet
from apps.kijiko.pages.site import SHOP_BROWSER, Site
from apps.kijiko.use.figures import Figures
from apps.kijiko.use.notices import Notices
from apps.kijiko.use.shops import Shop, ShopStatus, new_shop
from apps.kijiko.use.town import Town
from consent.transform.amounts import gathered, released
from tests.apps.kijiko.stage import Stage, asked, broker, stage
from tests.support.live import serve
from tests.support.mqtt import background
from tests.support.paper_vault import PaperVault

__all__ = ["Pages", "broker", "pages", "pages_on"]
BANK = Client("0000432032", Account("0182", "101", "1234567", "ﾋﾄﾖｼｼ"))
ACCOUNT = Account("0182", "102", "0000042", "ﾄｳﾌﾔ")
MIDDLE = (130.7607, 32.2135)


@dataclass
class Pages:
    """The stage, the pages, and a browser without windows for each."""

    stage: Stage
    site: Site
    phone_url: str
    staff_url: str
    citizen: aiohttp.ClientSession
    shop: aiohttp.ClientSession
    desk: aiohttp.ClientSession
    verified: list[str] = field(default_factory=list)

    @property
    def town(self) -> Town:
        return self.site.town

    async def page(self, who: aiohttp.ClientSession, path: str, status: int = 200) -> str:
        async with who.get(path) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return text

    async def send(
        self, who: aiohttp.ClientSession, path: str, page: str, **fields: str
    ) -> tuple[int, str]:
        """Send a form with what the page hides in it."""
        token = re.findall(r'name="token" value="([0-9a-f]+)"', page)[0]
        keys = re.findall(r'name="key" value="([^"]+)"', page)
        hidden = {"token": token, **({"key": keys[0]} if keys else {})}
        async with who.post(path, data=hidden | fields) as answer:
            return answer.status, await answer.text()

    async def wallet(self) -> Wallet:
        """Return the citizen's wallet."""
        [wallet] = [one for one in await self.town.wallets.all() if "citizen" in one.kind
                    and one.holder.count(":") == 3 and len(one.holder) > 40]  # fmt: skip
        return wallet

    async def opened(self, amount: int = 0) -> Wallet:
        """Let the citizen open a wallet, and charge it."""
        page = await self.page(self.citizen, "/?lang=en")
        status, _ = await self.send(self.citizen, "/open?lang=en", page, name="人吉 花子")
        assert status == 200
        wallet = await self.wallet()
        if amount:
            await self.town.book.charge(wallet.id, amount, asked())
        return await self.wallet()

    async def tofu(self, name: str = "Tofu") -> Shop:
        """Open a shop, approved; its phone is the shop's."""
        shop = new_shop(self.town, {"ja": "豆腐屋", "en": name}, "5411", MIDDLE)
        await self.site.shops.apply(shop, Contact("店主", ""), ACCOUNT)
        shop = await self.site.shops.decide(shop.id, ShopStatus.ACTIVE)
        secret = await self.town.holders.session(shop.holder)
        self.shop.cookie_jar.update_cookies({SHOP_BROWSER: secret}, URL(self.phone_url))
        return shop


@contextlib.asynccontextmanager
async def pages(url: str, tenant: str, **limits: int) -> AsyncIterator[Pages]:
    """Open the pages of a town in a tenant."""
    async with stage(url, tenant, **limits) as found, pages_on(found) as opened:
        yield opened


@contextlib.asynccontextmanager
async def pages_on(found: Stage, *, sign_in: bool = False) -> AsyncIterator[Pages]:
    """Open the pages on a stage; with `sign_in` staff need accounts."""
    vault = PaperVault()
    town = Town(found.book, found.wallets, Holders(vault), vault, b"s" * 32)
    notices = Notices(found.client)
    figures = Figures(town, lambda told: released(gathered(told)), 10)
    site = Site(town, notices, figures, BANK, sign_in=sign_in)
    verified: list[str] = []

    async def verify() -> tuple[bool, list[str]]:
        verified.append("asked")
        report = await verify_ledger(found.client, found.book.currency)
        return report.sound, [f"{one.id}: {one.reason}" for one in report.faults]

    jars = [aiohttp.CookieJar(unsafe=True) for _ in range(3)]
    async with (
        background(notices.run()),
        serve(phones(site)) as phone_url,
        serve(staff(site, verify)) as staff_url,
        aiohttp.ClientSession(phone_url, cookie_jar=jars[0]) as citizen,
        aiohttp.ClientSession(phone_url, cookie_jar=jars[1]) as shop,
        aiohttp.ClientSession(staff_url, cookie_jar=jars[2]) as desk,
    ):
        yield Pages(found, site, phone_url, staff_url, citizen, shop, desk, verified)
