"""The gauge's chain with parts killed: nothing that was sent is lost, nothing counts twice."""

import asyncio
import os
import signal
from pathlib import Path

from adapters.common.spool import Spool
from broker.client import Client, Retry, value
from tests.adapters.river_gauge.town import STATION, gauges, plant_gauge, uplink
from tests.support import free_port
from tests.support.adapters import adapter_process
from tests.support.live import live_broker
from tests.support.mqtt import mqtt_broker, publish
from tests.support.patience import PATIENCE
from tests.support.server import broker

MINUTES = [f"2026-07-04T05:{minute:02d}:00+09:00" for minute in range(30)]


async def levels(client: Client) -> list[float]:
    """Return every level the station has shown so far, in order, up to the present one."""
    present = value(await client.retrieve(STATION), "waterLevel")
    shown: list[float] = []
    async for event in client.stream(type="RiverLevelStation", after=0):
        level = value(event.entity, "waterLevel") if event.entity else None
        if level is not None and "waterLevel" in event.changed:
            shown.append(level)
        if event.kind == "open":
            continue
        if level == present:
            return shown
    return shown


async def shows(client: Client, level: float) -> None:
    """Wait until the station shows a level."""
    async with asyncio.timeout(PATIENCE):
        while value(await client.retrieve(STATION), "waterLevel") != level:
            await asyncio.sleep(0.02)


async def test_no_uplink_is_lost_when_the_broker_is_killed_and_comes_back(tmp_path: Path):
    mqtt_port, broker_port = free_port(), free_port()
    server = broker(tmp_path / "data", tmp_path / "broker.log", broker_port)
    server.start()
    async with (
        mqtt_broker("mosquitto", mqtt_port, tmp_path),
        Client(server.url, retry=Retry(attempts=None)) as client,
    ):
        await plant_gauge(client)
        process = await adapter_process("river_gauge", server.url, mqtt_port, tmp_path / "state")
        try:
            await publish(mqtt_port, *(uplink(at, i / 10) for i, at in enumerate(MINUTES[:10])))
            await shows(client, 0.9)
            server.kill()
            await publish(mqtt_port, *(uplink(at, i / 10) for i, at in enumerate(MINUTES)))
            server.start()
            await shows(client, 2.9)
            assert await levels(client) == [i / 10 for i in range(30)]
        finally:
            process.kill()
            await process.wait()
            server.stop()


async def test_no_uplink_is_lost_when_the_adapter_is_killed_while_they_come(tmp_path: Path):
    mqtt_port = free_port()
    async with (
        live_broker(tmp_path / "data") as url,
        Client(url) as client,
        mqtt_broker("mosquitto", mqtt_port, tmp_path),
    ):
        await plant_gauge(client)
        process = await adapter_process("river_gauge", url, mqtt_port, tmp_path / "state")
        for first in range(0, 30, 10):
            some = enumerate(MINUTES[first : first + 10], first)
            await publish(mqtt_port, *(uplink(at, i / 10) for i, at in some))
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            process = await adapter_process("river_gauge", url, mqtt_port, tmp_path / "state")
        await shows(client, 2.9)
        assert await levels(client) == [i / 10 for i in range(30)]
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def test_mqtt_broker_that_restarts_delivers_what_was_not_acknowledged(tmp_path: Path):
    port = free_port()
    async with live_broker(tmp_path / "data") as url, Client(url) as client:
        await plant_gauge(client)
        async with mqtt_broker("mosquitto", port, tmp_path, persistence="true"):
            process = await adapter_process("river_gauge", url, port, tmp_path / "state")
            process.kill()
            await process.wait()
            await publish(port, uplink("2026-07-04T05:50:00+09:00", 4.07))
        async with mqtt_broker("mosquitto", port, tmp_path, persistence="true"):
            process = await adapter_process("river_gauge", url, port, tmp_path / "state")
            await shows(client, 4.07)
            process.kill()
            await process.wait()


async def test_message_written_just_before_a_crash_has_no_second_effect(tmp_path: Path):
    async with live_broker(tmp_path / "data") as url, Client(url) as client:
        await plant_gauge(client)
        async with gauges(tmp_path / "state", client) as before:
            await before.intake.take([uplink("2026-07-04T05:50:00+09:00", 4.07)])
            _, message = await before.spool.first()
            await before.intake.finish(message)
        _, version = await client.retrieve_with_version(STATION)
        async with gauges(tmp_path / "state", client) as after:
            seq, again = await after.spool.first()
            assert again == message
            await after.intake.finish(again)
            await after.spool.done(seq)
        assert (await client.retrieve_with_version(STATION))[1] == version
        spool = Spool(tmp_path / "state" / "spool.db")
        assert spool.waiting == 0
        spool.close()
