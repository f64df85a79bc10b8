"""The lock over a real MQTT broker: state, commands, codes that go nowhere else."""

from pathlib import Path

import pytest

from adapters.zigbee_lock.fake import bridge
from broker.client import observed_at, value
from tests.adapters.zigbee_lock.gym import DOOR, gym, impatient
from tests.support.mqtt import publish

PIN = "48291357"


async def test_state_and_battery_are_written_with_the_time_the_lock_was_heard(tmp_path: Path):
    async with gym(tmp_path) as town:
        await publish(town.mqtt_port, town.lock.message("2026-07-04T05:50:00+09:00"))
        door = await town.shows(lockState="locked", batteryLevel=0.8, batteryCritical=False)
        assert observed_at(door, "lockState") == "2026-07-03T20:50:00Z"


async def test_command_is_done_when_the_lock_reports_the_state(tmp_path: Path):
    async with gym(tmp_path) as town, town.door():
        await town.ordered("unlock", "OK")
        await town.shows(lockState="unlocked", unlock_info="unlocked")
        await town.ordered("lock", "OK")
        await town.shows(lockState="locked")


async def test_availability_is_shown_and_other_devices_are_left_alone(tmp_path: Path):
    async with gym(tmp_path) as town:
        await publish(
            town.mqtt_port,
            type(town.lock)("lamp").availability("online"),
            town.lock.availability("offline"),
        )
        await town.shows(availability="offline")
        _, health = await town.private("GET", "/health")
        assert (health["health"]["unknown"], health["health"]["bad"]) == (0, 0)


async def test_code_is_set_and_cleared_through_the_private_door(tmp_path: Path):
    async with gym(tmp_path) as town, town.door():
        path = f"/locks/{DOOR}/codes/2"
        assert await town.private("PUT", path, {"pin": PIN}) == (
            200,
            {"slot": 2, "state": "confirmed"},
        )
        assert town.lock.codes == {2: int(PIN)}
        door = await town.shows(codeSlots={"1": "available", "2": "enabled", "3": "available"})
        assert PIN not in str(door)
        assert (await town.private("DELETE", path))[0] == 200
        assert town.lock.codes == {}


async def test_code_is_in_no_file_no_log_and_no_entity_even_where_the_lock_shows_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG")
    async with gym(tmp_path) as town, town.door():
        town.lock.exposes_pins = True
        await town.private("PUT", f"/locks/{DOOR}/codes/1", {"pin": PIN})
        bad = town.lock.message("noon")
        assert PIN.encode() in bad.payload
        await publish(town.mqtt_port, bad)
        await publish(town.mqtt_port, town.lock.message("", battery=55))
        await town.shows(batteryLevel=0.55)
        _, held = await town.private("GET", "/quarantine/1")
        assert '"pin_code":null' in held["text"]
        assert PIN.encode() not in town.everything()
    adapters = [record for record in caplog.records if record.name.startswith("adapters")]
    assert not any(PIN in record.getMessage() for record in adapters)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"/locks/{DOOR}/codes/1", {"pin": "0123"}, 422),
        (f"/locks/{DOOR}/codes/999", {"pin": PIN}, 422),
        (f"/locks/{DOOR}/codes/1", {"pin": 48291357}, 400),
        (f"/locks/{DOOR}/codes/1", {}, 400),
        ("/locks/urn:ngsi-ld:Device:1/codes/1", {"pin": PIN}, 404),
        (f"/locks/{DOOR}/codes/1?tenant=other", {"pin": PIN}, 404),
    ],
)
async def test_code_that_cannot_be_set_is_refused_with_the_reason(
    path: str, body: dict, status: int, tmp_path: Path
):
    async with gym(tmp_path) as town:
        answered, problem = await town.private("PUT", path, body)
        assert answered == status
        assert PIN not in str(problem)


async def test_code_the_lock_does_not_confirm_is_told_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    impatient(monkeypatch)
    async with gym(tmp_path) as town, town.door():
        town.lock.full = True
        answer = await town.private("PUT", f"/locks/{DOOR}/codes/1", {"pin": PIN})
        assert answer == (202, {"slot": 1, "state": "told"})


async def test_nothing_is_sent_while_zigbee2mqtt_is_offline(tmp_path: Path):
    async with gym(tmp_path) as town, town.door():
        await publish(town.mqtt_port, bridge("offline"), town.lock.availability("offline"))
        await town.shows(availability="offline")
        door = await town.ordered("unlock", "ERROR")
        assert value(door, "unlock_info") == "Zigbee2MQTT is offline"
        status, problem = await town.private("PUT", f"/locks/{DOOR}/codes/1", {"pin": PIN})
        assert (status, problem["detail"]) == (503, "Zigbee2MQTT is offline")
        assert town.lock.lock_state == "locked"
