"""Links of letters: a new device is let in, one that is another person's is asked first."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

import aiohttp

from apps.bookings.edge.holders import Contact
from apps.bookings.pages.site import TEXTS
from tests.apps.bookings.browsing import Pages

EN = TEXTS["en"]


async def _link(pages: Pages, name: str = "見知らぬ 太郎") -> tuple[str, str]:
    """Keep another person; return who it is, and the path of their link."""
    holder = await pages.site.holders.new(Contact(name, "taro@example.jp", "ja"))
    return holder, f"/open?lang=en&key={await pages.site.holders.secret(holder)}"


@asynccontextmanager
async def _phone(pages: Pages) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(pages.citizen._base_url, cookie_jar=jar) as phone:
        yield phone


async def test_link_of_another_person_changes_nothing_until_it_is_agreed_to(pages: Pages):
    await pages.book()
    _, link = await _link(pages)
    asked = await pages.page(link)
    for said in (EN["other_title"], "見知らぬ 太郎 (taro@example.jp)", "阿蘇 花子"):
        assert said in unescape(asked)
    assert "阿蘇 花子" in await pages.page("/my?lang=en")
    secret = re.findall(r'name="link" value="([^"]+)"', asked)[0]
    status, _, text = await pages.send(pages.citizen, "/open?lang=en", asked, link=secret)
    assert (status, "見知らぬ 太郎" in text, "阿蘇 花子" in text) == (200, True, False)


async def test_another_site_cannot_agree_in_somebodys_name(pages: Pages):
    await pages.book()
    _, link = await _link(pages)
    secret = link.rpartition("=")[2]
    asked = await pages.page(link)
    for fields, headers in (
        ({"link": secret}, {}),
        ({"link": secret, "token": "0" * 64}, {}),
        ({"link": secret, "token": re.findall(r'name="token" value="([0-9a-f]+)"', asked)[0]},
         {"Origin": "http://evil.example"}),
    ):  # fmt: skip
        async with pages.citizen.post("/open?lang=en", data=fields, headers=headers) as answer:
            assert answer.status == 403
    assert "阿蘇 花子" in await pages.page("/my?lang=en")


async def test_new_device_is_let_in_at_once_and_the_same_link_again_asks_nothing(pages: Pages):
    _, link = await _link(pages)
    async with _phone(pages) as phone:
        for _ in range(2):
            async with phone.get(link) as answer:
                assert (answer.status, answer.url.path) == (200, "/my")
                assert "見知らぬ 太郎" in await answer.text()


async def test_browser_that_was_left_for_another_person_is_forgotten(pages: Pages):
    await pages.book()
    before = {one.value for one in pages.citizen.cookie_jar if one.key == "machi-bookings"}
    _, link = await _link(pages)
    asked = await pages.page(link)
    await pages.send(pages.citizen, "/open?lang=en", asked, link=link.rpartition("=")[2])
    [secret] = before
    assert await pages.site.holders.of_session(secret) is None
