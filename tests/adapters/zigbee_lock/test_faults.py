"""The lock with parts away, wrong or killed: the door does what was asked once, or says why not."""

import os
import signal
from pathlib import Path

from broker.client import Client, value
from tests.adapters.zigbee_lock.gym import Gym, gym
from tests.support import free_port
from tests.support.adapters import adapter_process
from tests.support.live import live_broker
from tests.support.mqtt import mqtt_broker, publish


async def test_lock_that_does_not_close_all_the_way_is_wrong_and_said(tmp_path: Path):
    async with gym(tmp_path) as town, town.door():
        town.lock.jammed = True
        door = await town.ordered("lock", "ERROR")
        assert value(door, "lock_info") == "not fully locked"
        await town.shows(lockState="notFullyLocked")


async def test_lock_that_is_away_leaves_the_command_delivered_and_the_state_as_it_was(
    tmp_path: Path,
):
    async with gym(tmp_path) as town, town.door():
        town.lock.deaf = True
        await publish(town.mqtt_port, town.lock.message(""))
        await town.shows(lockState="locked")
        await town.ordered("unlock", "DELIVERED")
        await town.shows(lockState="locked")


async def test_late_state_never_overwrites_a_newer_one(tmp_path: Path):
    async with gym(tmp_path) as town:
        newer = town.lock.message("2026-07-04T06:00:00+09:00")
        town.lock.lock_state = "unlocked"
        late = town.lock.message("2026-07-04T05:50:00+09:00", battery=79)
        await publish(town.mqtt_port, newer, late, town.lock.availability("online"))
        await town.shows(availability="online", lockState="locked", batteryLevel=0.8)


async def test_adapter_killed_with_a_command_under_way_sends_it_no_second_time(tmp_path: Path):
    port = free_port()
    async with (
        live_broker(tmp_path / "data") as url,
        Client(url) as client,
        mqtt_broker("mosquitto", port, tmp_path),
    ):
        town = Gym(client, port, tmp_path)
        await town.plant()
        process = await adapter_process("zigbee_lock", url, port, tmp_path / "state")
        async with town.door():
            await town.ordered("unlock", "OK")
            town.lock.deaf = True
            await town.order("lock")
            await town.shows(lock_status="DELIVERED")
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            town.lock.deaf = False
            process = await adapter_process("zigbee_lock", url, port, tmp_path / "state")
            await town.ordered("unlock", "OK")
            assert town.lock.lock_state == "unlocked"
            await publish(port, town.lock.message("", lock_state="locked"))
            await town.shows(lockState="locked", lock_status="OK")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_state_sent_while_the_adapter_is_away_is_not_lost(tmp_path: Path):
    port = free_port()
    async with (
        live_broker(tmp_path / "data") as url,
        Client(url) as client,
        mqtt_broker("mosquitto", port, tmp_path),
    ):
        town = Gym(client, port, tmp_path)
        await town.plant()
        process = await adapter_process("zigbee_lock", url, port, tmp_path / "state")
        process.kill()
        await process.wait()
        await publish(port, town.lock.message("", battery=33))
        process = await adapter_process("zigbee_lock", url, port, tmp_path / "state")
        await town.shows(batteryLevel=0.33)
        process.kill()
        await process.wait()
