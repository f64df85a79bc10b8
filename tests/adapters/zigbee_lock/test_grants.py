"""Grants at a Zigbee lock: a slot for each, put, read back and cleared, and the door log."""

from pathlib import Path

import pytest

from broker.client import value
from tests.adapters.zigbee_lock.gym import DOOR, gym, impatient
from tests.support.mqtt import publish

PIN, OTHER = "4829135", "7391246"
GRANT, SECOND = "urn:ngsi-ld:AccessGrant:432148:B-1", "urn:ngsi-ld:AccessGrant:432148:B-2"


def path(grant: str = GRANT) -> str:
    return f"/locks/{DOOR}/grants/{grant}"


async def test_code_opens_the_door_while_it_is_granted_and_each_try_is_a_line(tmp_path: Path):
    async with gym(tmp_path) as town, town.door():
        assert not await town.typed(PIN)
        assert await town.private("PUT", path(), {"pin": PIN}) == (
            200,
            {"state": "active", "vendor": "1"},
        )
        assert await town.typed(PIN)
        assert (await town.private("DELETE", path()))[1]["state"] == "gone"
        assert not await town.typed(PIN)
        lines = await town.logged(3)
        shown = [(value(line, "eventType"), value(line, "refGrant")) for line in lines]
        assert shown == [("accessDenied", None), ("unlocked", GRANT), ("accessDenied", None)]
        assert {value(line, "method") for line in lines} == {"pin"}
        assert PIN.encode() not in town.everything()


async def test_each_grant_has_a_slot_of_its_own_and_keeps_it(tmp_path: Path):
    async with gym(tmp_path) as town, town.door():
        for _ in range(2):
            assert (await town.private("PUT", path(), {"pin": PIN}))[1]["vendor"] == "1"
        assert (await town.private("PUT", path(SECOND), {"pin": OTHER}))[1]["vendor"] == "2"
        assert town.lock.codes == {1: int(PIN), 2: int(OTHER)}


async def test_slot_that_somebody_else_has_filled_is_left_alone(tmp_path: Path):
    async with gym(tmp_path) as town, town.door():
        town.lock.codes[1] = 1234
        await publish(town.mqtt_port, town.lock.message(""))
        await town.shows(codeSlots={"1": "enabled", "2": "available", "3": "available"})
        assert (await town.private("PUT", path(), {"pin": PIN}))[1]["vendor"] == "2"


async def test_lock_without_a_free_slot_says_so(tmp_path: Path):
    async with gym(tmp_path) as town, town.door():
        policy = {"type": "Property", "value": {"maxActiveCodes": 1}}
        await town.client.append(DOOR, {"pinPolicy": policy})
        await town.private("PUT", path(), {"pin": PIN})
        status, told = await town.private("PUT", path(SECOND), {"pin": OTHER})
        assert (status, told["reason"]) == (409, "noFreeSlot")


async def test_lock_that_does_not_confirm_is_sent_and_active_once_it_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    impatient(monkeypatch)
    async with gym(tmp_path) as town:
        assert (await town.private("PUT", path(), {"pin": PIN}))[1]["state"] == "sent"
        assert (await town.private("GET", path()))[1]["state"] == "sent"
        town.lock.codes[1] = int(PIN)
        await publish(town.mqtt_port, town.lock.message(""))
        await town.shows(codeSlots={"1": "enabled", "2": "available", "3": "available"})
        assert (await town.private("GET", path()))[1]["state"] == "active"
        assert (await town.private("DELETE", path()))[1]["state"] == "going"


async def test_lock_that_is_unreachable_says_so_and_nothing_is_sent(tmp_path: Path):
    async with gym(tmp_path) as town, town.door():
        await publish(town.mqtt_port, town.lock.availability("offline"))
        await town.shows(availability="offline")
        status, told = await town.private("PUT", path(), {"pin": PIN})
        assert (status, told["reason"]) == (503, "lockUnreachable")
        assert town.lock.codes == {}
        assert (await town.private("PUT", path(), {"pin": "0"}))[0] == 503


async def test_rules_say_that_the_lock_knows_no_times(tmp_path: Path):
    async with gym(tmp_path) as town:
        _, rules = await town.private("GET", "/locks")
        assert (rules["timed"], rules["computes"], rules["revocable"]) == (False, False, True)
