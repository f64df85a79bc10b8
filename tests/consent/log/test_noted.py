"""What programs show of the vault is in the log before it is shown, and in the person's own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from broker.disclosures import Shown
from broker.guard import Caller
from broker.store.memory import MemoryStore
from consent.log.file import FILE, LogFile
from tests.support.asgi import Ticking
from tests.support.persons import Town, holder, town

DISCLOSURES = "/ngsi-ld/ex/v1/disclosures"
HANA = holder("hana")


def shown(**more: Any) -> dict[str, Any]:
    """Return what a program notes."""
    return {
        "holder": HANA,
        "user": "s-7",
        "action": "decrypt",
        "target": "urn:ngsi-ld:FacilityBooking:1",
        "attributes": ["pin", "name"],
        **more,
    }


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Town]:
    """Give a town."""
    async with town(MemoryStore(clock=Ticking()), tmp_path) as made:
        yield made


async def test_what_a_program_notes_is_on_the_disk_and_in_the_persons_log(
    here: Town, tmp_path: Path
):
    answer = await here.ask("POST", DISCLOSURES, "app", [shown(reason="at the counter")])
    assert (answer.status, answer.body) == (204, b"")
    assert b"urn:ngsi-ld:FacilityBooking:1" in (tmp_path / FILE).read_bytes()
    (line,) = await here.log.of("", HANA)
    wanted = {
        "holder": HANA,
        "actor": "app",
        "user": "s-7",
        "action": "decrypt",
        "target": "urn:ngsi-ld:FacilityBooking:1",
        "attributes": ["name", "pin"],
        "reason": "at the counter",
    }
    assert wanted.items() <= line.items()


async def test_what_is_noted_while_the_disk_is_written_waits_for_the_next_time(here: Town):
    log = here.client.broker.disclosures
    assert not log.pending
    log.note(Caller("app"), "", [Shown(HANA, "s-7", "decrypt", "urn:x:1", ("pin",))])
    assert log.pending
    first = asyncio.create_task(log.settled())
    while here.log._entries:
        await asyncio.sleep(0)
    log.note(Caller("app"), "", [Shown(HANA, "s-7", "decrypt", "urn:x:2", ("pin",))])
    await first
    assert log.pending
    await log.settled()
    assert not log.pending
    assert [one["target"] for one in await here.log.of("", HANA)] == ["urn:x:2", "urn:x:1"]


async def test_what_the_disk_did_not_take_stays_to_be_written(
    here: Town, monkeypatch: pytest.MonkeyPatch
):
    def full(self: LogFile, text: bytes) -> None:
        raise OSError(28, "No space left on device")

    log = here.client.broker.disclosures
    with monkeypatch.context() as patch:
        patch.setattr(LogFile, "append", full)
        assert (await here.ask("POST", DISCLOSURES, "app", [shown()])).status == 503
        assert log.pending
        assert (await here.ask("GET", "/health", "app")).status == 503
    assert (await here.ask("GET", "/health", "app")).status == 200
    assert not log.pending


async def test_program_is_told_what_it_noted_itself_and_no_more(here: Town):
    for name in ("app", "tags"):
        assert (await here.ask("POST", DISCLOSURES, name, [shown(user=name)])).status == 204
    path = f"{DISCLOSURES}?holder={HANA}"
    for name in ("app", "tags"):
        told = (await here.ask("GET", path, name)).json()
        assert [one["user"] for one in told] == [name]
    for name in ("", "rescue", "office", "account:taro"):
        assert (await here.ask("GET", path, name)).status == 403


@pytest.mark.parametrize("name", ["", "rescue", "office", "account:hana", "account:officer"])
async def test_who_is_no_program_of_the_town_notes_nothing(here: Town, name: str):
    assert (await here.ask("POST", DISCLOSURES, name, [shown()])).status == 403
    assert await here.log.of("", HANA) == []


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "body:"),
        ([], "body:"),
        ([shown()] * 1001, "body:"),
        ([shown(), 1], "body:/1"),
        ([shown(action="read")], "body:/0/action"),
        ([shown(holder="")], "body:/0/holder"),
        ([shown(user="two\nlines")], "body:/0/user"),
        ([shown(target="x" * 201)], "body:/0/target"),
        ([shown(attributes=[])], "body:/0/attributes"),
        ([shown(attributes=[1])], "body:/0/attributes/"),
        ([shown(reason=None)], "body:/0/reason"),
    ],
)
async def test_what_cannot_be_noted_is_refused_with_its_place(here: Town, body: Any, place: str):
    answer = await here.ask("POST", DISCLOSURES, "app", body)
    assert (answer.status, answer.json()["place"]) == (400, place)
    assert await here.log.of("", HANA) == []
