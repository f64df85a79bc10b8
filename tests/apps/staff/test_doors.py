"""The staff page and the adapters' private doors: what is held is shown with its reason only."""

import base64
from collections.abc import AsyncIterator
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


async def refuse(message: Message) -> None:
    """Take no message again."""
    raise AssertionError(message)


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[Path]:
    """Give the folder of an adapter that holds two messages."""
    folder = tmp_path / "iot_agent"
    quarantine = Quarantine(folder / "quarantine", now=lambda: NOW)
    message = Message(TOPIC, SECRET, "2026-07-04T00:00:00Z")
    await quarantine.put(message, Kind.BAD, "no value after t", "body:/0")
    await quarantine.put(message, Kind.UNKNOWN, "no Device has this address")
    async with PrivateDoor(MANIFEST, Health(), quarantine, refuse).open(folder):
        yield tmp_path
    quarantine.close()


async def test_held_messages_are_counted_and_shown_with_their_reason(state: Path):
    (adapter,) = await adapters(state)
    assert adapter.quarantine == {"badPayload": 1, "unknownDevice": 1}
    newest, oldest = adapter.held
    assert (newest.kind, newest.reason) == ("unknownDevice", "no Device has this address")
    assert (oldest.reason, oldest.place, oldest.size) == ("no value after t", "body:/0", 8)


@pytest.mark.parametrize("language", ["ja", "en"])
async def test_page_shows_why_a_message_is_held_and_never_what_it_says(state: Path, language: str):
    settings = StaffSettings("http://127.0.0.1:9", "drill", state)
    async with (
        serve(staff(settings)) as url,
        aiohttp.ClientSession(url) as session,
        session.get(f"/?lang={language}") as answer,
    ):
        page = await answer.text()
    assert "no value after t (body:/0)" in page
    assert {"ja": "未登録の機器", "en": "unknown device"}[language] in page
    assert "2026-07-04 09:00:00" in page
    for kept in (SECRET.decode(), base64.b64encode(SECRET).decode(), "k3y-of-the-school"):
        assert kept not in page
