"""A shop's further phones: let in by a link once, shut out at once, and never more than a till."""

import asyncio
import re
from collections.abc import AsyncIterator
from html import unescape

import aiohttp
import pytest
import pytest_asyncio

from apps.kijiko.pages.site import TEXTS
from apps.kijiko.use.phones import MOST, PhoneRefused
from tests.apps.kijiko.stage import KEYS, asked
from tests.apps.kijiko.town import Pages, broker, pages

pytestmark = pytest.mark.asyncio(loop_scope="module")
EN = TEXTS["en"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with broker(tmp_path_factory.mktemp("phones")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def town(url: str) -> AsyncIterator[Pages]:
    async with pages(url, f"phones{next(KEYS)}") as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def colleague(town: Pages) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(town.phone_url, cookie_jar=jar) as session:
        yield session


async def _link(town: Pages, who: aiohttp.ClientSession | None = None, name: str = "Ken") -> str:
    who = who or town.shop
    page = await town.page(who, "/shop/phones?lang=en")
    status, text = await town.send(who, "/shop/phones/invite?lang=en", page, name=name)
    assert status == 200, text
    return unescape(re.findall(r'<code id="link">([^<]+)</code>', text)[0]) + "&lang=en"


async def _let_in(town: Pages, colleague: aiohttp.ClientSession) -> None:
    assert EN["told_till_opened"] in await town.page(colleague, await _link(town))


async def _shut(town: Pages) -> None:
    page = await town.page(town.shop, "/shop/phones?lang=en")
    phone = re.findall(r'name="phone" value="([0-9a-f]+)"', page)[0]
    status, text = await town.send(town.shop, "/shop/phones/shut?lang=en", page, phone=phone)
    assert (status, EN["told_phone_out"] in text) == (200, True)


async def test_colleagues_phone_takes_a_payment_at_the_till(town: Pages, colleague):
    await town.opened(5000)
    await town.tofu()
    await _let_in(town, colleague)
    code = re.findall(r'id="code">([^<]+)<', await town.page(town.citizen, "/code?lang=en"))[0]
    page = await town.page(colleague, "/shop?lang=en")
    status, text = await town.send(colleague, "/shop/take?lang=en", page, amount="300", code=code)
    assert (status, EN["told_taken"] in text) == (200, True)


async def test_link_lets_one_phone_in_and_the_list_says_who_waits(town: Pages, colleague):
    await town.tofu()
    link = await _link(town)
    assert EN["phone_waits"] in await town.page(town.shop, "/shop/phones?lang=en")
    await town.page(colleague, link)
    text = await town.page(town.shop, "/shop/phones?lang=en")
    assert ("Ken" in text, EN["phone_waits"] in text) == (True, False)
    assert EN["refused_till_link"] in await town.page(town.citizen, link, 410)


async def test_phone_that_was_shut_out_is_out_at_once(town: Pages, colleague):
    await town.tofu()
    await _let_in(town, colleague)
    page = await town.page(colleague, "/shop?lang=en")
    await _shut(town)
    status, text = await town.send(colleague, "/shop/bill?lang=en", page, amount="300")
    assert (status, EN["refused_no_shop"] in unescape(text)) == (400, True)
    assert EN["apply_title"] in await town.page(colleague, "/shop?lang=en")


async def test_phone_that_was_shut_out_hears_of_no_further_payment(town: Pages, colleague):
    wallet, shop = await town.opened(5000), await town.tofu()
    await _let_in(town, colleague)
    async with asyncio.timeout(60):
        await town.site.notices.following.wait()
        async with colleague.get("/shop/notices?lang=en") as stream:
            assert (await stream.content.readline()).strip() == b"event: ready"
            await _shut(town)
            await town.town.book.pay(wallet.id, shop.wallet, 300, asked())
            rest = await stream.content.read()
    assert b"300" not in rest


async def test_link_that_was_withdrawn_lets_nobody_in(town: Pages, colleague):
    await town.tofu()
    link = await _link(town)
    await _shut(town)
    assert EN["refused_till_link"] in await town.page(colleague, link, 410)


async def test_further_phone_lets_nobody_in_and_sees_no_other(town: Pages, colleague):
    await town.tofu()
    await _let_in(town, colleague)
    page = await town.page(colleague, "/shop/phones?lang=en")
    assert ("Ken" in page, EN["phone_further"] in unescape(page)) == (False, True)
    for path, fields in (("invite", {"name": "x"}), ("shut", {"phone": "0" * 24})):
        status, text = await town.send(colleague, f"/shop/phones/{path}?lang=en", page, **fields)
        assert (status, EN["refused_not_first_phone"] in unescape(text)) == (400, True)


async def test_first_phone_that_opens_its_own_link_stays_first(town: Pages, colleague):
    await town.tofu()
    link = await _link(town)
    assert EN["told_till_already"] in await town.page(town.shop, link)
    assert EN["phone_invite"] in await town.page(town.shop, "/shop/phones?lang=en")
    assert EN["told_till_opened"] in await town.page(colleague, link)


async def test_further_phone_can_leave_and_the_first_cannot(town: Pages, colleague):
    await town.tofu()
    await _let_in(town, colleague)
    for who, status in ((colleague, 200), (town.shop, 400)):
        page = await town.page(who, "/shop/phones?lang=en")
        assert (await town.send(who, "/shop/phones/leave?lang=en", page))[0] == status
    assert EN["apply_title"] in await town.page(colleague, "/shop/phones?lang=en")
    await town.page(town.shop, "/shop/phones")


async def test_shop_has_no_more_than_eight_further_phones(town: Pages):
    shop = await town.tofu()
    phones = town.site.phones
    for number in range(MOST):
        await phones.invite(shop, f"phone {number}")
    with pytest.raises(PhoneRefused, match="too_many_phones"):
        await phones.invite(shop, "one more")
    await phones.shut(shop, (await phones.of(shop))[2].holder)
    await phones.invite(shop, "in its place")
    assert [one.name for one in await phones.of(shop)][2] == "in its place"


async def test_two_invitations_at_once_leave_no_phone_that_cannot_be_shut_out(town: Pages):
    shop, phones = await town.tofu(), town.site.phones
    links = await asyncio.gather(*(phones.invite(shop, f"phone {n}") for n in range(3)))
    listed = {one.holder for one in await phones.of(shop)}
    for link in links:
        holder = await town.town.holders.of_link(link)
        assert holder is not None
        assert (await phones.standing(holder) is not None) == (holder in listed)


async def test_name_of_a_phone_is_short(town: Pages):
    shop = await town.tofu()
    for name in ("", " ", "x" * 21, "a\nb"):
        with pytest.raises(PhoneRefused, match="bad_phone_name"):
            await town.site.phones.invite(shop, name)


async def test_treasury_gives_a_shop_that_lost_its_first_phone_a_new_one(town: Pages, colleague):
    shop = await town.tofu()
    page = await town.page(town.desk, "/treasury?lang=en")
    path, fields = "/treasury/act/shop-phone?lang=en", {"id": shop.id, "staff": "S-1"}
    status, text = await town.send(town.desk, path, page, **fields)
    assert (status, EN["refused_not_identified"] in text) == (400, True)
    assert EN["till"] in await town.page(town.shop, "/shop?lang=en")
    status, text = await town.send(town.desk, path, page, **fields, seen="yes")
    link = re.findall(r"(/shop/open\?key=[^\s<]+)", unescape(text))[0]
    assert EN["apply_title"] in await town.page(town.shop, "/shop?lang=en")
    assert EN["told_till_opened"] in await town.page(colleague, f"{link}&lang=en")
    assert EN["phone_invite"] in await town.page(colleague, "/shop/phones?lang=en")
