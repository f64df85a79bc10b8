"""The staff page and the adapters' private doors: what is held is shown with its reason only."""

import base64
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from adapters.common.private import PrivateDoor
from adapters.common.quarantine import Kind, Quarantine
from adapters.contract import Health, Message
from adapters.iot_agent.manifest import MANIFEST
from apps.staff.app import StaffSettings, staff
from apps.staff.doors import adapters
from tests.support.live import serve

NOW = datetime(2026, 7, 4, tzinfo=UTC)
SECRET = b"t|secret"
TOPIC = "/ul/k3y-of-the-school/sensor/attrs"


@dataclass
class House:
    """An adapter that holds two messages, the first of them number 1."""

    state: Path
    quarantine: Quarantine
    again: list[Message]

    async def take_again(self, message: Message) -> None:
        self.again.append(message)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    folder = tmp_path / "iot_agent"
    quarantine = Quarantine(folder / "quarantine", now=lambda: NOW)
    house = House(tmp_path, quarantine, [])
    message = Message(TOPIC, SECRET, "2026-07-04T00:00:00Z")
    await quarantine.put(message, Kind.BAD, "no value after t", "body:/0")
    await quarantine.put(message, Kind.UNKNOWN, "no Device has this address")
    async with PrivateDoor(MANIFEST, Health(), quarantine, house.take_again).open(folder):
        yield house
    quarantine.close()


@pytest.fixture
async def page(house: House) -> AsyncIterator[aiohttp.ClientSession]:
    settings = StaffSettings("http://127.0.0.1:9", "drill", house.state)
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        serve(staff(settings)) as url,
        aiohttp.ClientSession(url, cookie_jar=jar) as session,
    ):
        yield session


async def send(page: aiohttp.ClientSession, deed: str, **fields: str) -> tuple[int, str]:
    """Send the form under held messages; return the status and what the page then says."""
    async with page.get("/?lang=en") as answer:
        token = re.findall('name="token" value="([0-9a-f]+)"', await answer.text())[0]
    given = {"adapter": "iot_agent", "reason": "mended", "staff": "17"}
    form = {name.replace("_", "-"): text for name, text in (given | fields).items()}
    async with page.post(f"/act/{deed}?lang=en", data={"token": token, **form}) as answer:
        text = await answer.text()
        assert SECRET.decode() not in text
        return answer.status, re.findall('class="told.*?>(.*?)</p>', text)[0]


async def test_staff_try_chosen_messages_again_and_the_page_says_who_did_and_why(
    house: House, page: aiohttp.ClientSession
):
    assert (await send(page, "retry", held_1="on", held_2="on"))[0] == 200
    assert [message.payload for message in house.again] == [SECRET, SECRET]
    (adapter,) = await adapters(house.state)
    assert adapter.held == ()
    assert [(one.number, one.outcome, one.reason, one.person) for one in adapter.decisions] == [
        (2, "retried", "mended", "17"),
        (1, "retried", "mended", "17"),
    ]
    async with page.get("/?lang=ja") as answer:
        assert "2026-07-04 09:00:00: 番号 1, 再試行 (原因を直した; 職員 17)" in await answer.text()


async def test_staff_forget_a_message_and_the_others_stay(
    house: House, page: aiohttp.ClientSession
):
    assert await send(page, "forget", held_1="on", reason="notOurs") == (200, "They are forgotten.")
    assert [held.id for held in await house.quarantine.list()] == [2]
    assert house.again == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 403),
        ({"held_1": "on", "staff": ""}, 403),
        ({"held_1": "on", "reason": "because"}, 403),
        ({"held_1": "on", "adapter": "../iot_agent"}, 409),
        ({"held_7": "on"}, 409),
    ],
    ids=str,
)
async def test_form_that_is_not_right_decides_nothing(
    house: House, page: aiohttp.ClientSession, fields: dict[str, str], status: int
):
    answered, told = await send(page, "forget", **fields)
    assert (answered, told.startswith("Not done: ")) == (status, True)
    assert len(await house.quarantine.list()) == 2


async def test_held_messages_are_counted_and_shown_with_their_reason(house: House):
    (adapter,) = await adapters(house.state)
    assert adapter.quarantine == {"badPayload": 1, "unknownDevice": 1}
    newest, oldest = adapter.held
    assert (newest.kind, newest.reason) == ("unknownDevice", "no Device has this address")
    assert (oldest.reason, oldest.place, oldest.size) == ("no value after t", "body:/0", 8)


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_page_shows_why_a_message_is_held_and_never_what_it_says(
    page: aiohttp.ClientSession, language: str
):
    async with page.get(f"/?lang={language}") as answer:
        shown = await answer.text()
    assert "no value after t (body:/0)" in shown
    assert {"ja": "鍵と錠", "en": "Keys and locks"}[language] in shown
    assert "built-in method" not in shown
    assert {"ja": "未登録の機器", "en": "unknown device"}[language] in shown
    assert "2026-07-04 09:00:00" in shown
    for kept in (SECRET.decode(), base64.b64encode(SECRET).decode(), "k3y-of-the-school"):
        assert kept not in shown
