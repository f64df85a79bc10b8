"""The private door: who may open it, and what it shows."""

import contextlib
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from adapters.common.private import SOCKET, PrivateDoor
from adapters.common.quarantine import Kind, Quarantine
from adapters.contract import Health, Level, Manifest, Message

MANIFEST = Manifest("lock", "Locks", Level.GOLD, ("mqtt",), (), (), ("Device",), ())
WHY = {"person": "17", "reason": "test"}
BAD = Message("a/b", b"\xffno", "2999-01-01T00:00:00Z")


class House:
    """A door on a folder, with what came back through it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.health = Health(received=3, last_fault="none")
        self.quarantine = Quarantine(folder / "quarantine")
        self.again: list[Message] = []

    async def take_again(self, message: Message) -> None:
        self.again.append(message)

    @contextlib.asynccontextmanager
    async def visit(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Open the door and give a session that goes through it."""
        door = PrivateDoor(MANIFEST, self.health, self.quarantine, self.take_again)
        async with door.open(self.folder):
            connector = aiohttp.UnixConnector(str(self.folder / SOCKET))
            async with aiohttp.ClientSession("http://door", connector=connector) as session:
                yield session


@pytest.fixture
def house(tmp_path: Path):
    made = House(tmp_path / "lock")
    yield made
    made.quarantine.close()


async def test_only_the_owner_can_open_it(house: House):
    async with house.visit():
        assert stat.S_IMODE((house.folder / SOCKET).stat().st_mode) == 0o600
        assert stat.S_IMODE(house.folder.stat().st_mode) == 0o700


async def test_it_shows_what_the_adapter_is_and_how_it_does(house: House):
    async with house.visit() as session, session.get("/health") as answer:
        shown = await answer.json()
    assert shown["manifest"]["level"] == "gold"
    assert shown["health"]["received"] == 3


async def test_it_shows_held_messages_with_their_reason(house: House):
    number = await house.quarantine.put(BAD, Kind.BAD, "not JSON", "body")
    async with house.visit() as session:
        async with session.get("/quarantine") as answer:
            [shown] = await answer.json()
        async with session.get(f"/quarantine/{number}") as answer:
            whole = await answer.json()
    assert (shown["reason"], shown["place"]) == ("not JSON", "body")
    assert "payload" not in shown
    assert (whole["payload"], "text" in whole) == ("/25v", False)


async def test_a_held_message_can_be_tried_again_as_of_when_it_came(house: House):
    number = await house.quarantine.put(BAD, Kind.UNKNOWN, "no Device")
    async with house.visit() as session:
        async with session.post(f"/quarantine/{number}/retry", params=WHY) as answer:
            assert answer.status == 204
        async with session.get("/decisions") as answer:
            [decision] = await answer.json()
    assert house.again == [BAD]
    assert await house.quarantine.list() == []
    assert (decision["outcome"], decision["person"], decision["reason"]) == (
        "retried",
        "17",
        "test",
    )


@pytest.mark.parametrize(
    "why",
    [{}, {"person": "17"}, {"person": "Jo Doe", "reason": "test"}, {"reason": "test"}],
    ids=str,
)
async def test_who_does_not_say_who_decides_and_why_changes_nothing(
    house: House, why: dict[str, str]
):
    number = await house.quarantine.put(BAD, Kind.UNKNOWN, "no Device")
    async with house.visit() as session:
        for asked in (session.post(f"/quarantine/{number}/retry", params=why),
                      session.delete(f"/quarantine/{number}", params=why)):  # fmt: skip
            async with asked as answer:
                assert answer.status == 422
                assert "?person=" in await answer.text()
    assert [held.id for held in await house.quarantine.list()] == [number]
    assert house.again == []


async def test_what_is_not_held_is_404(house: House):
    async with house.visit() as session, session.delete("/quarantine/7", params=WHY) as answer:
        assert answer.status == 404


async def test_it_opens_in_a_folder_with_a_long_path(tmp_path: Path):
    house = House(tmp_path / ("long" * 30) / "lock")
    door = PrivateDoor(MANIFEST, house.health, house.quarantine, house.take_again)
    async with door.open(house.folder):
        assert (house.folder / SOCKET).is_socket()
    house.quarantine.close()
