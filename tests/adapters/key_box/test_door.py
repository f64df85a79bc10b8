"""The key box adapter at its private door: PINs the box takes, and what cannot be taken back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.common.host import Settings, run
from adapters.common.private import SOCKET
from adapters.contract import CannotRun
from adapters.key_box.adapter import build
from adapters.key_box.box import Box, Why
from adapters.key_box.fake import FakeBox
from adapters.key_box.manifest import MANIFEST
from adapters.key_box.master import MASTER, master_key
from adapters.key_box.offline_pin import LEADERS, box_key
from broker.client import Client
from tests.support.live import live_broker
from tests.support.mqtt import background
from tests.support.patience import PATIENCE

BOX = "urn:ngsi-ld:SmartLock:432148:ground"
START = datetime(2025, 12, 6, tzinfo=UTC)
NINE, ELEVEN = START.timestamp(), START.timestamp() + 7200
HOURS = {"start": START.isoformat(), "end": (START + timedelta(hours=2)).isoformat()}


class Ground:
    """A ground with a key box that nothing reaches."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.folder = folder

    async def knock(
        self, method: str, path: str, body: Any = None, box: str = BOX
    ) -> tuple[int, Any]:
        """Knock at the private door; return status and JSON."""
        connector = aiohttp.UnixConnector(str(self.folder / MANIFEST.name / SOCKET))
        async with (
            aiohttp.ClientSession("http://door", connector=connector) as session,
            session.request(method, f"/locks/{box}/{path}", json=body) as answer,
        ):
            text = await answer.text()
            json = "json" in answer.content_type
            return answer.status, await answer.json(content_type=None) if json else text

    async def pin(self, grant: str = "B-1", **hours: Any) -> str:
        """Ask for the PIN of a grant."""
        status, told = await self.knock("PUT", f"grants/{grant}", hours or HOURS)
        assert (status, told["state"]) == (200, "active")
        return str(told["pin"])

    def box(self, epoch: int = 0) -> FakeBox:
        """Return the box: it has its key and its clock, and no more."""
        master = master_key(self.folder / MANIFEST.name / MASTER)
        return FakeBox(Box(box_key(master, BOX, epoch)), NINE)


@contextlib.asynccontextmanager
async def adapter(folder: Path, url: str) -> AsyncIterator[None]:
    ready = asyncio.Event()
    async with background(run(MANIFEST, build, Settings(url, folder), ready=ready.set)):
        await asyncio.wait_for(ready.wait(), PATIENCE)
        yield


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with live_broker(tmp_path / "data") as url, Client(url) as client:
        adapter_of = {"type": "Property", "value": "key_box"}
        await client.create({"id": BOX, "type": ["Device", "SmartLock"], "adapter": adapter_of})
        async with adapter(tmp_path / "state", url):
            yield Ground(client, tmp_path / "state")


async def test_pin_opens_the_box_in_its_time_and_not_a_second_before_or_after(ground: Ground):
    pin, box = await ground.pin(), ground.box()
    assert not box.enter(pin, NINE - 601).opens
    assert box.enter(pin, NINE - 600).opens
    assert box.enter(pin, ELEVEN + 599).opens
    assert not box.enter(pin, ELEVEN + 600).opens


async def test_same_grant_keeps_its_pin_and_a_second_booking_gets_another_one(ground: Ground):
    first = await ground.pin("B-1")
    assert await ground.pin("B-1") == first
    assert (await ground.knock("GET", "grants/B-1"))[1]["pin"] == first
    others = {await ground.pin("B-2"), await ground.pin("B-3")}
    assert len({first, *others}) == 3
    status, told = await ground.knock("PUT", "grants/B-4", HOURS)
    assert (status, told["reason"]) == (409, "windowUsedUp")


async def test_what_cannot_be_taken_back_says_so_and_can_be_blocked_at_the_box(ground: Ground):
    assert (await ground.knock("DELETE", "grants/B-1"))[1]["state"] == "gone"
    pin, box = await ground.pin(), ground.box()
    assert (await ground.knock("DELETE", "grants/B-1"))[1]["state"] == "stays"
    assert box.enter(pin, NINE).opens
    _, told = await ground.knock("GET", "grants/B-1/block")
    assert box.enter(told["pin"], NINE).why is Why.NOW_BLOCKED
    assert not box.enter(pin, NINE).opens


async def test_hours_that_a_box_cannot_know_are_refused_with_the_reason(ground: Ground):
    half = {"start": "2025-12-06T00:30:00Z", "end": "2025-12-06T02:00:00Z"}
    long = {"start": "2025-12-06T00:00:00Z", "end": "2025-12-08T00:00:00Z"}
    assert (await ground.knock("PUT", "grants/B-1", half))[1]["reason"] == "offTheHour"
    assert (await ground.knock("PUT", "grants/B-1", long))[1]["reason"] == "tooLong"
    other = "urn:ngsi-ld:SmartLock:432148:none"
    assert (await ground.knock("PUT", "grants/B-1", HOURS, other))[1]["reason"] == "unknownLock"


async def test_pin_of_an_area_leader_opens_always_until_the_box_has_another_key(ground: Ground):
    pin = (await ground.knock("PUT", "grants/leader-1", {}))[1]["pin"]
    for moment in (NINE, NINE + 400 * 86_400):
        assert ground.box().enter(pin, moment).why is Why.EMERGENCY
    await ground.client.append(BOX, {"keyEpoch": {"type": "Property", "value": 1}})
    assert not ground.box(epoch=1).enter(pin, NINE).opens
    assert (await ground.knock("PUT", "grants/leader-1", {}))[1]["pin"] != pin


async def test_a_box_has_sixteen_area_leaders_and_no_more(ground: Ground):
    for number in range(LEADERS):
        assert (await ground.knock("PUT", f"grants/leader-{number}", {}))[0] == 200
    assert (await ground.knock("PUT", "grants/one-more", {}))[1]["reason"] == "windowUsedUp"


async def test_receipt_of_the_box_proves_when_the_key_came_back(ground: Ground):
    shown = ground.box().shut(ELEVEN - 90)
    times = {"from": HOURS["start"], "to": HOURS["end"]}
    status, told = await ground.knock("POST", "receipts", {"receipt": shown, **times})
    assert (status, told["at"]) == (200, "2025-12-06T01:58:00+00:00")
    assert (await ground.knock("POST", "receipts", {"receipt": "x", **times}))[0] == 404
    assert (await ground.knock("POST", "receipts", {"receipt": shown}))[0] == 400


async def test_clock_that_drifts_is_found_at_the_visit(ground: Ground):
    pin, box = await ground.pin(), ground.box()
    box.set_right, box.ppm = NINE - 365 * 86_400, 20
    assert not box.enter(pin, ELEVEN).opens
    assert round(box.visit(ELEVEN)) == 631
    assert box.enter(pin, ELEVEN).opens


async def test_pins_are_the_same_after_a_restart_and_stand_in_no_file(tmp_path: Path):
    async with live_broker(tmp_path / "data") as url, Client(url) as client:
        adapter_of = {"type": "Property", "value": "key_box"}
        await client.create({"id": BOX, "type": ["Device", "SmartLock"], "adapter": adapter_of})
        ground, pins = Ground(client, tmp_path / "state"), set()
        for _ in range(2):
            async with adapter(tmp_path / "state", url):
                pins.add(await ground.pin())
        files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    (pin,) = pins
    assert not any(pin.encode() in content for content in files)


def test_master_key_that_others_can_read_or_that_is_none_is_refused(tmp_path: Path):
    path = tmp_path / "master.key"
    assert master_key(path) == master_key(path)
    path.chmod(0o644)
    with pytest.raises(CannotRun, match="chmod 600"):
        master_key(path)
    path.write_bytes(b"short")
    with pytest.raises(CannotRun, match="not a master key"):
        master_key(path)
