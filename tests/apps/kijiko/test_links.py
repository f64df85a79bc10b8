"""Links to a wallet: a new phone is let in, one that has another wallet is asked first."""

import re
from collections.abc import AsyncIterator
from html import unescape

import aiohttp
import pytest
import pytest_asyncio

from apps.bookings.edge.holders import Contact
from apps.kijiko.pages.site import TEXTS
from apps.kijiko.use.numbers import wallet_number
from tests.apps.kijiko.stage import KEYS
from tests.apps.kijiko.town import Pages, broker, pages

pytestmark = pytest.mark.asyncio(loop_scope="module")
EN = TEXTS["en"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pages]:
    folder = tmp_path_factory.mktemp("links")
    async with broker(folder) as url, pages(url, f"links{next(KEYS)}") as found:
        yield found


async def _another(town: Pages) -> tuple[str, str]:
    """Open somebody else's wallet; return the secret of its link, and its number."""
    holder, wallet = await town.town.new_person(Contact("見知らぬ 太郎", ""))
    return await town.town.holders.secret(holder), wallet_number(wallet.id)


async def _own(town: Pages, phone: aiohttp.ClientSession) -> str:
    """Open a wallet on a phone; return its number."""
    page = await town.page(phone, "/?lang=en")
    await town.send(phone, "/open?lang=en", page, name="人吉 花子")
    return _number(await town.page(phone, "/?lang=en"))


def _number(page: str) -> str:
    return re.findall(r"<dd>([0-9A-Z]{4}-[0-9A-Z]{4})</dd>", page)[0]


@pytest_asyncio.fixture(loop_scope="module")
async def phone(town: Pages) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(town.phone_url, cookie_jar=jar) as session:
        yield session


async def test_link_of_another_wallet_changes_nothing_until_it_is_agreed_to(
    town: Pages, phone: aiohttp.ClientSession
):
    mine = await _own(town, phone)
    secret, theirs = await _another(town)
    asked = await town.page(phone, f"/enter?lang=en&key={secret}")
    for said in (EN["other_title"], "見知らぬ 太郎", theirs, "人吉 花子", mine):
        assert said in unescape(asked)
    assert f"/enter?key={secret}&amp;lang=ja" in asked
    assert _number(await town.page(phone, "/?lang=en")) == mine
    status, text = await town.send(phone, "/enter?lang=en", asked, link=secret)
    assert (status, _number(text)) == (200, theirs)


async def test_another_site_cannot_agree_in_somebodys_name(
    town: Pages, phone: aiohttp.ClientSession
):
    mine = await _own(town, phone)
    secret, _ = await _another(town)
    await town.page(phone, f"/enter?lang=en&key={secret}")
    for token in ({}, {"token": "0" * 64}):
        async with phone.post("/enter?lang=en", data={"link": secret, **token}) as answer:
            assert answer.status == 403
    assert _number(await town.page(phone, "/?lang=en")) == mine


async def test_new_phone_is_let_in_at_once(town: Pages, phone: aiohttp.ClientSession):
    secret, theirs = await _another(town)
    for _ in range(2):
        page = await town.page(phone, f"/enter?lang=en&key={secret}")
        assert (_number(page), "<dd>見知らぬ 太郎</dd>" in page) == (theirs, True)


async def test_link_that_is_nobodys_is_not_found(town: Pages, phone: aiohttp.ClientSession):
    mine = await _own(town, phone)
    await town.page(phone, "/enter?lang=en&key=nobody", 404)
    page = await town.page(phone, "/?lang=en")
    status, _ = await town.send(phone, "/enter?lang=en", page, link="nobody")
    assert (status, _number(await town.page(phone, "/?lang=en"))) == (404, mine)
