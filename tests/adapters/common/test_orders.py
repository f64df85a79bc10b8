"""Commands: from an attribute to the device, and the result back, on a real broker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.common.ledger import DELIVERED, SENDING, Ledger
from adapters.common.orders import Orders
from adapters.contract import Command, CommandFailed, Status
from broker.client import Client, timestamp, value
from tests.support.live import live_broker
from tests.support.mqtt import background
from tests.support.patience import PATIENCE

DOOR = "urn:ngsi-ld:Device:432148:gym"


class Clock:
    """The present time, which can be set forward."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> str:
        return timestamp(datetime.now(UTC) + self.ahead)


class Desk:
    """Orders of one adapter, with a device that does as told."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.ledger = Ledger(folder / "orders.db")
        self.clock = Clock()
        self.sent: list[Command] = []
        self.answer: Status | Exception = Status.DELIVERED
        self.following = asyncio.Event()
        self.orders = Orders(
            client,
            "fake_lock",
            lambda entity: frozenset({"unlock", "lock"}),
            self.ledger,
            self.send,
            now=self.clock,
            ready=self.following.set,
        )

    async def send(self, command: Command, client: Client) -> tuple[Status, str]:
        self.sent.append(command)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer, ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow commands beside the test."""
        async with background(self.orders.run()):
            await asyncio.wait_for(self.following.wait(), PATIENCE)
            yield

    async def order(self, name: str, argument: object = "now") -> None:
        """Set a command attribute, as a staff page would."""
        await self.client.append(DOOR, {name: {"type": "Property", "value": argument}})

    async def says(self, name: str, status: str) -> str:
        """Wait until the device says a status; return the info beside it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                door = await self.client.retrieve(DOOR)
                if value(door, f"{name}_status") == status:
                    return str(value(door, f"{name}_info"))
                await asyncio.sleep(0.02)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with live_broker(tmp_path / "data") as url, Client(url) as client:
        adapter = {"type": "Property", "value": "fake_lock"}
        await client.create({"id": DOOR, "type": "Device", "adapter": adapter})
        yield client


@pytest.fixture
async def desk(client: Client, tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(client, tmp_path)
    yield made
    made.ledger.close()


async def test_command_reaches_the_device_with_its_argument_and_its_result_is_shown(desk: Desk):
    async with desk.running():
        await desk.order("unlock", {"seconds": 5})
        await desk.says("unlock", "DELIVERED")
        assert [(c.name, c.argument) for c in desk.sent] == [("unlock", {"seconds": 5})]
        await desk.orders.result(DOOR, "unlock", Status.OK, "opened")
        assert await desk.says("unlock", "OK") == "opened"


async def test_command_the_device_does_not_take_is_an_error_with_its_reason(desk: Desk):
    desk.answer = CommandFailed("jammed")
    async with desk.running():
        await desk.order("unlock")
        assert await desk.says("unlock", "ERROR") == "jammed"


async def test_other_attributes_are_no_commands(desk: Desk):
    async with desk.running():
        await desk.order("name")
        await desk.order("lock")
        await desk.says("lock", "DELIVERED")
        assert [c.name for c in desk.sent] == ["lock"]


async def test_command_given_while_the_adapter_was_away_is_sent_when_it_is_back(desk: Desk):
    async with desk.running():
        pass
    await desk.order("unlock")
    desk.following.clear()
    async with desk.running():
        await desk.says("unlock", "DELIVERED")


async def test_command_that_is_too_old_is_not_sent(desk: Desk):
    async with desk.running():
        pass
    await desk.order("unlock")
    desk.clock.ahead = timedelta(seconds=61)
    desk.following.clear()
    async with desk.running():
        assert "not sent" in await desk.says("unlock", "EXPIRED")
    assert desk.sent == []


async def test_command_from_before_the_first_start_is_not_sent(desk: Desk):
    await desk.order("unlock")
    async with desk.running():
        await desk.order("lock")
        await desk.says("lock", "DELIVERED")
    assert [c.name for c in desk.sent] == ["lock"]


async def test_command_is_sent_once_however_often_the_adapter_starts(desk: Desk):
    async with desk.running():
        await desk.order("unlock")
        await desk.says("unlock", "DELIVERED")
    await desk.ledger.move("", 0)
    desk.following.clear()
    async with desk.running():
        await desk.order("lock")
        await desk.says("lock", "DELIVERED")
    assert [c.name for c in desk.sent] == ["unlock", "lock"]


async def test_command_the_adapter_was_sending_when_it_was_killed_is_reported(desk: Desk):
    begun = asyncio.Event()

    async def hang(command: Command, client: Client) -> tuple[Status, str]:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    desk.orders._send = hang
    async with desk.running():
        await desk.order("unlock")
        await asyncio.wait_for(begun.wait(), PATIENCE)
    desk.orders._send = desk.send
    desk.following.clear()
    async with desk.running():
        assert "stopped while sending" in await desk.says("unlock", "ERROR")
    assert desk.sent == []


async def test_result_that_comes_before_the_command_counts_as_delivered_is_the_result(desk: Desk):
    async def quick(command: Command, client: Client) -> tuple[Status, str]:
        await desk.orders.confirm(DOOR, "unlock", Status.OK, "unlocked")
        return Status.DELIVERED, ""

    desk.orders._send = quick
    async with desk.running():
        await desk.order("unlock")
        assert await desk.says("unlock", "OK") == "unlocked"
        assert await desk.ledger.open("", SENDING, DELIVERED) == []


async def test_command_without_a_result_expires(desk: Desk):
    async with desk.running():
        await desk.order("unlock")
        await desk.says("unlock", "DELIVERED")
        desk.clock.ahead = timedelta(seconds=61)
        await desk.orders.expire()
        assert "no result" in await desk.says("unlock", "EXPIRED")
