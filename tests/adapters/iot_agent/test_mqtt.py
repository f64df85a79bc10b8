"""The IoT agent protocols over a real MQTT broker: measures, commands, results."""

import asyncio
from pathlib import Path

import pytest

from adapters.common.quarantine import Quarantine
from adapters.contract import Message
from broker.client import observed_at, value
from tests.adapters.iot_agent.school import DOOR, KEY, school
from tests.support.mqtt import publish
from tests.support.patience import PATIENCE

protocols = pytest.mark.parametrize("protocol", ["ul", "json"])


async def held(folder: Path, count: int) -> list:
    """Wait until the quarantine holds so many messages; return them."""
    quarantine = Quarantine(folder / "state" / "iot_agent" / "quarantine")
    try:
        async with asyncio.timeout(PATIENCE):
            while len(found := await quarantine.list()) < count:
                await asyncio.sleep(0.02)
        return found
    finally:
        quarantine.close()


@protocols
async def test_measures_are_written_with_the_devices_own_time(protocol: str, tmp_path: Path):
    async with school(tmp_path, protocol) as town:
        await town.plant()
        await publish(town.mqtt_port, town.thing.message("2026-07-04T05:50:00+09:00", t=15.5, b=87))
        door = await town.shows(temperature=15.5, batteryLevel=87)
        assert observed_at(door, "temperature") == "2026-07-03T20:50:00Z"
        assert door["temperature"]["unitCode"] == "CEL"


@protocols
async def test_single_measure_has_a_topic_of_its_own(protocol: str, tmp_path: Path):
    async with school(tmp_path, protocol) as town:
        await town.plant()
        await publish(town.mqtt_port, Message(f"/{protocol}/{KEY}/door/attrs/t", b"15"))
        await town.shows(temperature=15)


@protocols
async def test_late_measure_never_overwrites_a_newer_one(protocol: str, tmp_path: Path):
    async with school(tmp_path, protocol) as town:
        await town.plant()
        newer = town.thing.message("2026-07-04T06:00:00+09:00", t=16)
        late = town.thing.message("2026-07-04T05:50:00+09:00", t=15, b=80)
        await publish(town.mqtt_port, newer, late)
        await town.shows(temperature=16, batteryLevel=80)


@protocols
async def test_command_goes_to_the_device_and_its_result_comes_back(protocol: str, tmp_path: Path):
    async with school(tmp_path, protocol) as town:
        await town.plant()
        async with town.device():
            town.thing.answer = "opened"
            await town.order({"seconds": 5})
            await town.shows(unlock_status="OK", unlock_info="opened")
    assert (
        town.thing.commands[-1]
        == {
            "ul": b"door@unlock|seconds=5",
            "json": b'{"unlock":{"seconds":5}}',
        }[protocol]
    )


async def test_result_that_begins_with_error_is_one(tmp_path: Path):
    async with school(tmp_path) as town:
        await town.plant()
        async with town.device():
            town.thing.answer = "ERROR jammed"
            await town.order("now")
            await town.shows(unlock_status="ERROR", unlock_info="ERROR jammed")


async def test_device_away_leaves_the_command_delivered_and_not_done(tmp_path: Path):
    async with school(tmp_path) as town:
        await town.plant()
        async with town.device():
            town.thing.answer = None
            await town.order("now")
            await town.shows(unlock_status="DELIVERED")


async def test_bad_messages_are_held_and_change_nothing(tmp_path: Path, caplog):
    async with school(tmp_path) as town:
        await town.plant()
        _, version = await town.client.retrieve_with_version(DOOR)
        await publish(
            town.mqtt_port,
            Message(f"/ul/{KEY}/door/attrs", b"t|warm"),
            Message(f"/ul/{KEY}/door/attrs", b"t"),
            Message("/ul/wrong-key/door/attrs", b"t|15"),
            Message(f"/ul/{KEY}/window/attrs", b"t|15"),
        )
        kinds = [one.kind for one in await held(tmp_path, 4)]
        assert sorted(kinds) == ["badPayload", "badPayload", "unknownDevice", "unknownDevice"]
        assert (await town.client.retrieve_with_version(DOOR))[1] == version
    assert KEY not in caplog.text


async def test_api_key_is_no_attribute(tmp_path: Path):
    async with school(tmp_path) as town:
        await town.plant()
        await publish(town.mqtt_port, town.thing.message("", t=15))
        door = await town.shows(temperature=15)
        assert KEY not in str(door)
        assert value(door, "temperature_info") is None
