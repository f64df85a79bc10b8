"""The town's money behind policies and accounts: it all works, and each role sees only its own."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio

from apps.bookings.core.when import Span, at, local
from apps.bookings.desk import Desk
from apps.bookings.edge.holders import Contact
from apps.bookings.edge.http_provider import HttpProvider
from apps.bookings.process.case import Method, Status
from apps.bookings.process.runner import Process
from apps.bookings.wish import Wish
from apps.kijiko.app import staff
from apps.kijiko.bank.zengin import read
from apps.kijiko.pages.site import TEXTS
from apps.kijiko.use.expiry import Expiry
from apps.kijiko.use.fees import TownMoney
from apps.kijiko.use.numbers import wallet_local
from apps.kijiko.use.shops import Shop
from apps.shell.disclosing import noted
from broker.client import Client, Forbidden, NotFound
from tests.apps.bookings.stage import GYM, PaperLocks, Postbox, space
from tests.apps.kijiko.embedded import Embedded, embedded
from tests.apps.kijiko.stage import KEYS, asked
from tests.apps.kijiko.town import Pages
from tests.support.live import serve

pytestmark = pytest.mark.asyncio(loop_scope="module")
EN = TEXTS["en"]
PATIENCE = 60
SHOP = {"name_ja": "鮎屋", "category": "5812", "area": "onsen", "contact": "店主", "mail": "",
        "bank": "0182", "branch": "102", "kind": "1", "number": "0000042",
        "holder": "アユヤ"}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Embedded]:
    async with embedded(tmp_path_factory.mktemp("embedded")) as found:
        yield found


@dataclass
class Citizen:
    """A citizen's phone: pays and shows the own code."""

    pages: Pages
    phone: aiohttp.ClientSession
    number: str

    async def pays(self, code: str) -> str:
        """Pay what a code asks for; return the receipt's page."""
        page = await self.pages.page(self.phone, "/pay?lang=en")
        _, confirm = await self.pages.send(self.phone, "/pay?lang=en", page, code=code)
        amount = re.findall(r'name="amount" value="(\d+)"', confirm)[0]
        status, text = await self.pages.send(
            self.phone, "/pay/confirm?lang=en", confirm, code=code, amount=amount
        )
        assert (status, EN["paid_title"] in text) == (200, True), text
        return text

    async def code(self) -> str:
        return re.findall(
            r'id="code">([^<]+)<', await self.pages.page(self.phone, "/code?lang=en")
        )[0]

    async def total(self) -> int:
        page = await self.pages.page(self.phone, "/?lang=en")
        return int(re.findall(r'data-total="(\d+)"', page)[0])


async def _citizen(town: Embedded, phone: aiohttp.ClientSession, amount: int) -> Citizen:
    """Open a wallet on a phone, and charge it with cash at the counter."""
    pages = town.pages
    page = await pages.page(phone, "/?lang=en")
    status, page = await pages.send(phone, "/open?lang=en", page, name="人吉 花子")
    assert status == 200
    number = re.findall(r"<dd>([0-9A-Z]{4}-[0-9A-Z]{4})</dd>", page)[0]
    async with town.signed_in("treasury-1") as counter:
        path = f"?lang=en&number={number}"
        page = await pages.page(counter, f"/{path}")
        status, text = await pages.send(counter, f"/act/charge{path}", page, number=number,
                                        amount=str(amount))  # fmt: skip
        assert (status, f"{amount:,} yen charged" in text) == (200, True), text
    return Citizen(pages, phone, number)


async def _shop(town: Embedded, phone: aiohttp.ClientSession) -> str:
    """Apply on a shop's phone and be approved by the treasury; return the shop's name."""
    pages, name = town.pages, f"Ayuya {next(KEYS)}"
    page = await pages.page(phone, "/shop?lang=en")
    status, _ = await pages.send(phone, "/shop/apply?lang=en", page, **SHOP, name_en=name)
    assert status == 200
    [shop] = [one for one in await pages.site.shops.all() if one.name["en"] == name]
    async with town.signed_in("treasury-1") as desk:
        page = await pages.page(desk, "/treasury?lang=en")
        status, _ = await pages.send(desk, "/treasury/act/approve-shop?lang=en", page, id=shop.id)
        assert status == 200
    return name


async def _bill(pages: Pages, phone: aiohttp.ClientSession, amount: int) -> str:
    page = await pages.page(phone, "/shop?lang=en")
    _, text = await pages.send(phone, "/shop/bill?lang=en", page, amount=str(amount))
    return unescape(re.findall(r'<code id="bill">([^<]+)</code>', text)[0])


async def test_money_goes_round_from_the_counter_to_the_bank(town: Embedded):
    """Wallet, shop, cash, bill, notice, refund, own code, settlement of two, file, verification."""
    pages = town.pages
    async with town.phone() as hanako, town.phone() as till:
        name = await _shop(town, till)
        citizen = await _citizen(town, hanako, 5000)
        async with asyncio.timeout(PATIENCE):
            await pages.site.notices.following.wait()
            async with till.get("/shop/notices?lang=en") as stream:
                assert (await stream.content.readline()).strip() == b"event: ready"
                assert name in await citizen.pays(await _bill(pages, till, 850))
                async for line in stream.content:
                    if b"+850 yen" in line:
                        break
        page = await pages.page(till, "/shop?lang=en")
        payment = re.findall(r'name="payment" value="([^"]+)"', page)[0]
        status, _ = await pages.send(
            till, "/shop/refund?lang=en", page, payment=payment, amount="50"
        )
        assert (status, await citizen.total()) == (200, 4200)
        page = await pages.page(till, "/shop?lang=en")
        status, _ = await pages.send(
            till, "/shop/take?lang=en", page, amount="200", code=await citizen.code()
        )
        assert (status, await citizen.total()) == (200, 4000)
        assert "1,000 yen" in await pages.page(till, "/shop?lang=en")
        await _settle(town)
        assert "+1,000" not in await pages.page(till, "/shop?lang=en")
    async with town.signed_in("treasury-1") as desk:
        page = await pages.page(desk, "/treasury?lang=en")
        status, text = await pages.send(desk, "/treasury/act/verify?lang=en", page)
        assert (status, EN["books_balance"] in text) == (200, True), text


async def _shops(town: Embedded) -> list[Shop]:
    return await town.pages.site.shops.all()


async def _settle(town: Embedded) -> None:
    """Draw up as one, be refused as the same, approve as another, fetch the file, be paid."""
    pages, day = town.pages, town.pages.stage.clock.now.date()
    async with town.signed_in("treasury-1") as one, town.signed_in("treasury-2") as two:
        page = await pages.page(one, "/treasury?lang=en")
        draft = {"first": f"{day}", "last": f"{day}"}
        _, page = await pages.send(one, "/treasury/act/draft?lang=en", page, **draft)
        batch = re.findall(r'name="id" value="(urn:ngsi-ld:SettlementBatch:[^"]+)"', page)[0]
        status, text = await pages.send(one, "/treasury/act/approve?lang=en", page, id=batch)
        assert (status, EN["refused_four_eyes"] in text) == (409, True)
        page = await pages.page(two, "/treasury?lang=en")
        status, _ = await pages.send(two, "/treasury/act/approve?lang=en", page, id=batch)
        assert status == 200
        async with two.get(
            f"/treasury/batches/{quote(batch.rpartition(':')[2])}.txt?day=2030-01-10"
        ) as answer:
            order = read(await answer.read(), 2030)
        told = [await noted(town.clients["kijiko"], one.holder) for one in await _shops(town)]
        handed = {(one["action"], one["user"]) for lines in told for one in lines}
        assert handed == {("export", "u-treasury-2")}
        owed = (await pages.town.book.wallet(pages.town.book.accounts.settlement)).balance
        assert order.total == owed > 0
        page = await pages.page(one, "/treasury?lang=en")
        status, _ = await pages.send(one, "/treasury/act/paid?lang=en", page, id=batch)
        assert status == 200
    assert (await pages.town.book.wallet(pages.town.book.accounts.settlement)).balance == 0


async def test_who_looked_at_a_name_at_the_counter_is_told_to_its_holder(town: Embedded):
    async with town.phone() as phone:
        page = await town.pages.page(phone, "/?lang=en")
        assert EN["looks_title"] not in page
        await _citizen(town, phone, 700)
        page = await town.pages.page(phone, "/?lang=en")
        assert (EN["looks_title"] in page, "u-treasury-1" in page) == (True, False)
        assert "staff u-treasury-1, at the counter" in await town.pages.page(
            phone, "/?looks=1&lang=en"
        )


async def test_counter_grants_points_moves_a_lost_phone_and_takes_a_bank_file(town: Embedded):
    pages = town.pages
    async with town.phone() as phone, town.signed_in("treasury-1") as counter:
        citizen = await _citizen(town, phone, 700)
        async with town.signed_in("treasury-2") as desk:
            page = await pages.page(desk, "/treasury?lang=en")
            day = pages.stage.clock.now.date()
            told = {"name": "Clean the river", "metric": "participation", "threshold": "1",
                    "points": "30", "cap": "30", "budget": "300", "first": f"{day}",
                    "last": f"{day.replace(year=day.year + 1)}"}  # fmt: skip
            status, _ = await pages.send(desk, "/treasury/act/campaign?lang=en", page, **told)
            assert status == 200
        path = f"?lang=en&number={citizen.number}"
        page = await pages.page(counter, f"/{path}")
        campaign = re.findall(r'<option value="([^"]+)">Clean the river', page)[0]
        status, _ = await pages.send(counter, f"/act/points{path}", page, number=citizen.number,
                                     campaign=campaign)  # fmt: skip
        assert (status, await citizen.total()) == (200, 730)
        rows = f"date,reference,amount\n2026-11-25,{citizen.number},70\n"
        status, text = await pages.send(counter, "/act/deposits?lang=en", page, file=rows)
        assert (status, "1 rows charged" in text, await citizen.total()) == (200, True, 800)
        status, text = await pages.send(counter, "/act/move?lang=en", page, number=citizen.number,
                                        seen="yes")  # fmt: skip
        link = re.findall(r"(/enter\?key=[^\s<]+)", unescape(text))[0]
        assert EN["open_title"] in await pages.page(phone, "/?lang=en")
        assert "800 yen" in await pages.page(phone, f"{link}&lang=en")


async def test_what_has_ended_expires_behind_the_policies_too(town: Embedded):
    async with town.phone() as phone:
        citizen = await _citizen(town, phone, 90)
        stage = town.pages.stage
        before = stage.clock.now
        stage.later(200)
        try:
            assert await Expiry(town.pages.town).look() >= 1
        finally:
            stage.clock.now = before
        assert await citizen.total() == 0


async def test_fee_of_a_facility_is_taken_and_given_back_behind_the_policies_too(town: Embedded):
    client, clock, book = town.clients["bookings"], town.pages.stage.clock, town.pages.town.book
    await town.clients["seed"].create(space(GYM, cancellation=[{"daysBefore": 0, "percent": 100}]))
    holder, wallet = await town.pages.town.new_person(Contact("人吉 花子", ""))
    await book.charge(wallet.id, 1000, asked())
    async with aiohttp.ClientSession() as session:
        provider = HttpProvider("http://127.0.0.1:9", "secret", "", session)
        process = Process(client, PaperLocks(client), provider, Postbox(), clock,
                          town_money=TownMoney(town.pages.town))  # fmt: skip
        desk = Desk(process)
        start = at(local(clock.now).date() + timedelta(days=5), 10 * 60)
        held = await desk.hold(Wish(GYM, Span(start, start + timedelta(hours=2)), holder, "1"))
        case = await desk.pay(held.booking.id, Method.TOWN_MONEY)
        assert case.booking.status is Status.CONFIRMED
        assert (await book.wallet(wallet.id)).balance == 400
        await desk.cancel(case.booking.id)
        await process.settle(case.booking.id)
    assert (await book.wallet(wallet.id)).balance == 1000


PAGES = ("/", "/treasury", "/analysis", "/analysis.csv", "/treasury/unused-balance.csv")
ANALYSIS = ("/analysis", "/analysis.csv")
SEEN = {
    "treasury-1": PAGES,
    "facilities": ANALYSIS,
    "river": ANALYSIS,
    "administrator": PAGES,
    "officer": (),
    "developer": (),
    "citizen": (),
}


@pytest.mark.parametrize("name", SEEN)
async def test_staff_see_the_pages_of_their_section(town: Embedded, name: str):
    async with town.signed_in(name) as session:
        for path in PAGES:
            async with session.get(path, allow_redirects=False) as answer:
                expected = 200 if path in SEEN[name] else 403
                if path == "/" and SEEN[name] == ANALYSIS:
                    expected = 303
                assert answer.status == expected, path


async def test_first_page_leads_to_what_staff_may_see_and_links_lead_nowhere_else(town: Embedded):
    for name, links in (("river", {"/analysis"}), ("treasury-1", {"/", "/treasury", "/analysis"})):
        async with town.signed_in(name) as session:
            page = await town.pages.page(session, "/?lang=en")
            found = set(re.findall(r'<a href="(/[a-z]*)\?lang=en"', page))
            assert (EN["analysis_note"] in page, found) == (name == "river", links)


COUNTER = ("open", "charge", "freeze", "unfreeze", "move", "limit", "points", "deposits", "propose")


@pytest.mark.parametrize("name", ["facilities", "river", "officer", "developer", "citizen"])
async def test_no_other_section_does_anything_at_the_counter(town: Embedded, name: str):
    async with town.phone() as phone, town.signed_in(name) as session:
        citizen = await _citizen(town, phone, 100)
        async with session.get("/analysis?lang=en") as answer:
            page = await answer.text()
        for deed in COUNTER:
            status, _ = await town.pages.send(
                session, f"/act/{deed}?lang=en", page, number=citizen.number, amount="900"
            )
            assert (deed, status) == (deed, 403)
        assert await citizen.total() == 100


async def test_town_says_which_section_stands_at_the_counter(town: Embedded):
    site = replace(town.pages.site, counter=("staff:river",))
    async with serve(staff(site, _unverified)) as url:
        for name, status in (("river", 200), ("treasury-1", 303), ("facilities", 303)):
            async with town.signed_in(name, url) as session:
                async with session.get("/", allow_redirects=False) as answer:
                    assert answer.status == status, name
                page = await town.pages.page(session, "/analysis?lang=en")
                told, _ = await town.pages.send(session, "/act/freeze?lang=en", page, number="x")
                assert (told == 403) is (status != 200)


async def _unverified() -> tuple[bool, list[str]]:
    return True, []


async def test_nobody_comes_to_the_staffs_pages_without_signing_in(town: Embedded):
    async with town.signed_in() as session:
        for path in PAGES:
            async with session.get(path, allow_redirects=False) as answer:
                assert answer.headers["Location"].startswith("/sign-in"), path
        for path in ("/act/charge", "/treasury/act/approve"):
            async with session.post(path, allow_redirects=False) as answer:
                assert answer.headers["Location"].startswith("/sign-in"), path


@pytest.mark.parametrize("deed", ["approve", "draft", "campaign", "approve-shop", "shop-phone"])
async def test_other_sections_do_nothing_of_the_treasury(town: Embedded, deed: str):
    async with town.signed_in("facilities") as session:
        page = await town.pages.page(session, "/analysis?lang=en")
        status, _ = await town.pages.send(session, f"/treasury/act/{deed}?lang=en", page)
        assert status == 403


async def test_phones_see_what_is_theirs(town: Embedded):
    pages = town.pages
    async with (
        town.phone() as hanako, town.phone() as taro, town.phone() as till, town.phone() as other,
    ):  # fmt: skip
        await _shop(town, till)
        await _shop(town, other)
        citizen, neighbour = await _citizen(town, hanako, 500), await _citizen(town, taro, 300)
        async with hanako.post("/freeze", data={}) as answer:
            assert answer.status == 403
        await citizen.pays(await _bill(pages, till, 123))
        wallet = pages.town.book.accounts.wallet(wallet_local(citizen.number))
        [paid, _] = await pages.town.book.transfers(wallet)
        local = paid.id.rpartition(":")[2]
        await pages.page(hanako, f"/paid/{local}")
        for stranger in (taro, till, other):
            await pages.page(stranger, f"/paid/{local}", 404)
        assert "123" in await pages.page(till, "/shop/sales.csv")
        assert "123" not in await pages.page(other, "/shop/sales.csv")
        await pages.page(hanako, "/shop/sales.csv", 404)
        assert await neighbour.total() == 300


PERSONAL, INTERNAL = ("Wallet", "LedgerTransfer"), ("SettlementBatch", "LedgerSeal")
"""Types that say something of persons, and types for the town's own keeping."""


async def _seen(client: Client, kind: str) -> list[str]:
    """Return the entities of a type that somebody sees."""
    try:
        return [one["id"] for one in await client.query(type=kind)]
    except (NotFound, Forbidden):
        return []


@pytest.mark.parametrize("name", SEEN)
async def test_no_account_reads_the_ledger_past_the_pages(town: Embedded, name: str):
    async with town.phone() as hanako, Client(town.url, key=await town.session_of(name)) as client:
        await _citizen(town, hanako, 500)
        assert await _seen(town.clients["kijiko"], "Wallet,LedgerTransfer")
        kinds = PERSONAL if name == "administrator" else PERSONAL + INTERNAL
        assert [await _seen(client, kind) for kind in kinds] == [[] for _ in kinds]
