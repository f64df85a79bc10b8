"""The pages over HTTP: open, charge, pay, take, refund; what is refused says why."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from html import unescape

import aiohttp
import pytest
import pytest_asyncio

from apps.kijiko.app import phones
from apps.kijiko.codes.dynamic import CodeRefused
from apps.kijiko.codes.link import link
from apps.kijiko.ledger.book import Book
from apps.kijiko.ledger.wallet import WalletStatus
from apps.kijiko.ledger.wallets import Wallets
from apps.kijiko.pages.site import BROWSER, TEXTS
from apps.kijiko.use.numbers import wallet_number
from broker.client import Client
from tests.apps.kijiko.stage import KEYS, asked
from tests.apps.kijiko.town import Pages, broker, pages
from tests.support.live import serve

pytestmark = pytest.mark.asyncio(loop_scope="module")
EN = TEXTS["en"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with broker(tmp_path_factory.mktemp("kijiko")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def town(url: str) -> AsyncIterator[Pages]:
    async with pages(url, f"pages{next(KEYS)}") as found:
        yield found


async def _bill(town: Pages, amount: int) -> str:
    page = await town.page(town.shop, "/shop?lang=en")
    status, text = await town.send(town.shop, "/shop/bill?lang=en", page, amount=str(amount))
    assert status == 200, text
    return unescape(re.findall(r'<code id="bill">([^<]+)</code>', text)[0])


async def _pays(town: Pages, code: str, **fields: str) -> tuple[int, str]:
    page = await town.page(town.citizen, "/pay?lang=en")
    status, confirm = await town.send(town.citizen, "/pay?lang=en", page, code=code)
    if status != 200:
        return status, confirm
    shown = re.findall(r'name="amount" value="(\d+)"', confirm)
    fields = {"code": code, **({"amount": shown[0]} if shown else {})} | fields
    return await town.send(town.citizen, "/pay/confirm?lang=en", confirm, **fields)


async def test_citizen_opens_a_wallet_and_the_broker_knows_no_name(town: Pages):
    await town.opened(5000)
    text = await town.page(town.citizen, "/?lang=en")
    assert "5,000 yen" in text
    kept = str(await town.town.client.query(type="Wallet,LedgerTransfer"))
    assert "花子" not in kept


async def test_citizen_pays_by_a_shops_lasting_code(town: Pages):
    wallet, shop = await town.opened(5000), await town.tofu()
    plate = await town.page(town.shop, "/shop/plate?lang=en")
    code = unescape(re.findall(r'<code id="plate">([^<]+)</code>', plate)[0])
    status, text = await _pays(town, code, amount="1,200")
    assert (status, EN["paid_title"] in text, "1,200 yen" in text) == (200, True, True)
    assert (await town.town.book.wallet(wallet.id)).balance == 3800
    assert (await town.town.book.wallet(shop.wallet)).balance == 1200


async def test_bill_is_paid_once_and_its_screenshot_is_refused(town: Pages):
    wallet, _ = await town.opened(5000), await town.tofu()
    code = await _bill(town, 850)
    assert (await _pays(town, code))[0] == 200
    status, text = await _pays(town, code)
    assert (status, EN["refused_code_used"] in text) == (409, True)
    assert (await town.town.book.wallet(wallet.id)).balance == 4150


async def test_bill_that_is_a_minute_old_is_refused(town: Pages):
    await town.opened(5000)
    await town.tofu()
    code = await _bill(town, 850)
    town.stage.clock.now += timedelta(seconds=60)
    status, text = await _pays(town, code)
    assert (status, EN["refused_code_expired"] in text) == (409, True)


async def test_amount_of_a_bill_cannot_be_changed_on_the_way(town: Pages):
    await town.opened(5000)
    await town.tofu()
    status, text = await _pays(town, await _bill(town, 850), amount="1")
    assert (status, EN["refused_code_forged"] in text) == (409, True)


async def test_link_of_a_code_shows_whom_it_pays(town: Pages):
    await town.opened(5000)
    await town.tofu()
    path = link("", await _bill(town, 850)) + "&lang=en"
    text = await town.page(town.citizen, path)
    assert EN["pay_to"].format(shop="Tofu") in text
    assert (await town.wallet()).balance == 5000
    used = path.replace("850", "851")
    assert EN["refused_bad_checksum"] in await town.page(town.citizen, used, 400)


async def test_link_of_a_code_leads_who_has_no_wallet_to_open_one(town: Pages):
    await town.tofu()
    text = await town.page(town.citizen, link("", await _bill(town, 850)) + "&lang=en")
    assert EN["told_open_first"] in text
    assert EN["open_do"] in text


async def test_camera_is_for_the_phones_pages_only(town: Pages):
    async with town.citizen.get("/pay") as answer:
        assert "camera=(self)" in answer.headers["Permissions-Policy"]
    async with town.desk.get("/") as answer:
        assert "camera=()" in answer.headers["Permissions-Policy"]


async def test_form_sent_twice_pays_once(town: Pages):
    wallet, _ = await town.opened(5000), await town.tofu()
    code = await _bill(town, 850)
    page = await town.page(town.citizen, "/pay?lang=en")
    _, confirm = await town.send(town.citizen, "/pay?lang=en", page, code=code)
    sent = [
        town.send(town.citizen, "/pay/confirm?lang=en", confirm, code=code, amount="850")
        for _ in range(3)
    ]
    assert [status for status, _ in await asyncio.gather(*sent)] == [200, 200, 200]
    assert (await town.town.book.wallet(wallet.id)).balance == 4150


async def test_form_sent_again_after_its_codes_minute_tells_of_the_same_payment(town: Pages):
    wallet, shop = await town.opened(5000), await town.tofu()
    code, own = await _bill(town, 850), town.site.till.code_for(wallet)
    paid = await town.site.till.pay(wallet, code, 850, wallet.holder, "form")
    taken = await town.site.till.take(shop, own, 100, "form")
    town.stage.clock.now += timedelta(minutes=2)
    again = await town.site.till.pay(wallet, code, 850, wallet.holder, "form")
    assert (again.id, (await town.site.till.take(shop, own, 100, "form")).id) == (paid.id, taken.id)
    with pytest.raises(CodeRefused, match="expired"):
        await town.site.till.pay(wallet, code, 850, wallet.holder, "another form")
    with pytest.raises(CodeRefused, match="expired"):
        await town.site.till.take(shop, own, 100, "another form")
    assert (await town.town.book.wallet(wallet.id)).balance == 4050


async def test_form_of_before_a_restart_is_taken_after_it(town: Pages):
    await town.opened(5000)
    page = await town.page(town.citizen, "/?lang=en")
    token = re.findall(r'name="token" value="([0-9a-f]+)"', page)[0]
    async with (
        serve(phones(replace(town.site))) as url,
        aiohttp.ClientSession(url, cookie_jar=town.citizen.cookie_jar) as session,
        session.post("/freeze?lang=en", data={"token": token}) as answer,
    ):
        assert answer.status == 200
    assert (await town.wallet()).status is WalletStatus.FROZEN


async def test_two_tills_take_a_citizens_code_once(town: Pages):
    wallet, shop = await town.opened(5000), await town.tofu()
    text = await town.page(town.citizen, "/code?lang=en")
    code = re.findall(r'<code id="code">([^<]+)</code>', text)[0]
    taken = [town.site.till.take(shop, code, 300, f"till-{n}") for n in range(5)]
    done = await asyncio.gather(*taken, return_exceptions=True)
    assert sum(not isinstance(one, Exception) for one in done) == 1
    assert (await town.town.book.wallet(wallet.id)).balance == 4700


async def test_shop_takes_by_the_citizens_code_and_gives_back(town: Pages):
    wallet, _ = await town.opened(5000), await town.tofu()
    text = await town.page(town.citizen, "/code?lang=en")
    code = re.findall(r'<code id="code">([^<]+)</code>', text)[0]
    page = await town.page(town.shop, "/shop?lang=en")
    status, text = await town.send(town.shop, "/shop/take?lang=en", page, amount="300", code=code)
    assert (status, EN["told_taken"] in text) == (200, True)
    page = await town.page(town.shop, "/shop?lang=en")
    payment = re.findall(r'name="payment" value="([^"]+)"', page)[0]
    status, text = await town.send(
        town.shop, "/shop/refund?lang=en", page, payment=payment, amount="100"
    )
    assert (status, EN["told_refunded"] in text) == (200, True)
    assert (await town.town.book.wallet(wallet.id)).balance == 4800
    page = await town.page(town.shop, "/shop?lang=en")
    status, text = await town.send(
        town.shop, "/shop/refund?lang=en", page, payment=payment, amount="201"
    )
    assert (status, EN["refused_refunded"] in text) == (409, True)


async def test_no_shop_gives_back_anothers_payment(town: Pages):
    wallet, shop = await town.opened(5000), await town.tofu()
    paid = await town.town.book.pay(wallet.id, shop.wallet, 300, asked())
    await town.tofu("Another")
    page = await town.page(town.shop, "/shop?lang=en")
    status, text = await town.send(town.shop, "/shop/refund?lang=en", page, amount="300",
                                   payment=paid.id.rpartition(":")[2])  # fmt: skip
    assert (status, EN["refused_no_payment_here"] in text) == (409, True)


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("nonsense", 400, "refused_bad_payload"),
        ("0002010102116304FFFF", 400, "refused_bad_checksum"),
        (" ", 400, "refused_bad_code"),
    ],
)
async def test_code_that_is_none_says_why(town: Pages, code, status, told):
    await town.opened()
    found, text = await _pays(town, code)
    assert (found, EN[told] in text) == (status, True)


async def test_too_little_is_told_and_the_code_stays_good(town: Pages):
    wallet, _ = await town.opened(800), await town.tofu()
    code = await _bill(town, 850)
    status, text = await _pays(town, code)
    assert (status, EN["refused_short"] in text) == (409, True)
    await town.town.book.charge(wallet.id, 100, asked())
    assert (await _pays(town, code))[0] == 200


async def test_shop_hears_of_a_payment_it_has_not_asked_for(town: Pages):
    wallet, shop = await town.opened(5000), await town.tofu()
    async with asyncio.timeout(60):
        await town.site.notices.following.wait()
        async with town.shop.get("/shop/notices?lang=en") as stream:
            assert (await stream.content.readline()).strip() == b"event: ready"
            paid = await town.town.book.pay(wallet.id, shop.wallet, 300, asked())
            async for line in stream.content:
                if paid.id.rpartition(":")[2].encode() in line:
                    assert b"+300 yen" in line
                    break


async def test_strangers_hear_nothing(town: Pages):
    await town.tofu()
    async with town.citizen.get("/shop/notices") as answer:
        assert answer.status == 403


async def test_lost_phone_is_frozen_by_its_holder_and_moved_by_the_counter(town: Pages):
    wallet = await town.opened(5000)
    page = await town.page(town.citizen, "/?lang=en")
    await town.send(town.citizen, "/freeze?lang=en", page)
    assert (await town.wallet()).status is WalletStatus.FROZEN
    number = wallet_number(wallet.id)
    page = await town.page(town.desk, f"/?number={number}&lang=en")
    status, text = await town.send(town.desk, "/act/move?lang=en", page, number=number,
                                   staff="S-1", seen="yes")  # fmt: skip
    link = re.findall(r"(/enter\?key=[^\s<]+)", unescape(text))[0]
    assert status == 200
    old = await town.town.book.wallet(wallet.id)
    assert (old.status, old.balance) == (WalletStatus.CLOSED, 0)
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        aiohttp.ClientSession(town.phone_url, cookie_jar=jar) as phone,
        phone.get(f"{link}&lang=en") as answer,
    ):
        assert "5,000 yen" in await answer.text()
    assert EN["open_title"] in await town.page(town.citizen, "/?lang=en")


async def test_lost_phone_and_its_links_are_let_in_no_more_after_the_counter_moved_the_wallet(
    town: Pages,
):
    """Bookings, and their PINs, are shown to whoever has the same cookie."""
    wallet, holders = await town.opened(100), town.town.holders
    (cookie,) = (one.value for one in town.citizen.cookie_jar if one.key == BROWSER)
    links = {kind: await holders.secret(wallet.holder, kind) for kind in ("link", "feed")}
    assert await holders.of_session(cookie) == wallet.holder
    number = wallet_number(wallet.id)
    page = await town.page(town.desk, f"/?number={number}&lang=en")
    status, _ = await town.send(town.desk, "/act/move?lang=en", page, number=number,
                                staff="S-1", seen="yes")  # fmt: skip
    assert status == 200
    assert await holders.of_session(cookie) is None
    assert [await holders.of_link(link, kind) for kind, link in links.items()] == [None, None]
    assert await holders.contact(wallet.holder) is not None


async def test_counter_charges_cash_once_for_each_form(town: Pages):
    wallet = await town.opened()
    number = wallet_number(wallet.id)
    page = await town.page(town.desk, f"/?number={number.lower()}&lang=en")
    for _ in range(2):
        status, text = await town.send(town.desk, f"/act/charge?lang=en&number={number}", page,
                                       number=number, amount="3000", staff="S-1")  # fmt: skip
        assert (status, "3,000 yen charged" in text) == (200, True)
    assert (await town.wallet()).balance == 3000


async def test_bank_file_charges_each_row_once(town: Pages):
    wallet = await town.opened()
    row = f"2026-11-25,{wallet_number(wallet.id)},2000,ﾊﾅｺ"
    text = f"date,reference,amount,payer\n{row}\n2026-11-25,AAAA-AAAA,1,x\n"
    page = await town.page(town.desk, "/?lang=en")
    for _ in range(2):
        status, answer = await town.send(
            town.desk, "/act/deposits?lang=en", page, file=text, staff="S-1"
        )
        assert (status, "1 rows charged. Rows that could not be: 3" in answer) == (200, True)
    assert (await town.wallet()).balance == 2000


async def test_child_pays_no_more_than_its_limit(town: Pages):
    wallet, shop = await town.opened(5000), await town.tofu()
    number = wallet_number(wallet.id)
    page = await town.page(town.desk, f"/?number={number}&lang=en")
    await town.send(town.desk, f"/act/limit?lang=en&number={number}", page, number=number,
                    payment="500", day="800", staff="S-1")  # fmt: skip
    code = await _bill(town, 501)
    status, text = await _pays(town, code)
    assert (status, EN["refused_limit_payment"] in text) == (409, True)
    assert (await town.town.book.wallet(shop.wallet)).balance == 0


async def test_form_of_another_site_is_refused(town: Pages):
    await town.opened()
    page = await town.page(town.citizen, "/?lang=en")
    token = re.findall(r'name="token" value="([0-9a-f]+)"', page)[0]
    async with town.citizen.post(
        "/freeze", data={"token": token}, headers={"Origin": "https://evil.example"}
    ) as answer:
        assert answer.status == 403
    assert (await town.wallet()).status is WalletStatus.ACTIVE


async def test_staff_pages_answer_to_names_of_this_machine_only(town: Pages):
    async with town.desk.get("/", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421


async def test_page_says_that_the_broker_is_away(town: Pages):
    await town.opened()
    book = town.town.book
    async with Client("http://127.0.0.1:9") as nobody:
        lost = replace(
            town.town,
            book=Book(nobody, book.currency, book.clock),
            wallets=Wallets(nobody, book.currency),
        )
        async with (
            serve(phones(replace(town.site, town=lost))) as url,
            aiohttp.ClientSession(url, cookie_jar=town.citizen.cookie_jar) as session,
            session.get("/?lang=en") as answer,
        ):
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
