"""The adapter on the wire: real MQTT brokers, real uplinks, a real context broker."""

import asyncio
from pathlib import Path

import pytest

from adapters.common.host import Settings, run
from adapters.common.mqtt import MqttSettings
from adapters.contract import Message
from adapters.river_gauge.adapter import build
from adapters.river_gauge.fake import FakeLdds75
from adapters.river_gauge.manifest import MANIFEST
from broker.client import Client, value
from tests.adapters.river_gauge.town import DEV_EUI, HEIGHT, plant_gauge, uplink
from tests.support import free_port
from tests.support.live import live_broker
from tests.support.mqtt import background, mqtt_broker, publish
from tests.support.patience import PATIENCE

HOST = "127.0.0.1"


async def level_reaches(client: Client, level: float) -> None:
    """Wait until the station shows a level."""
    async for event in client.stream(type="RiverLevelStation", after=0):
        if event.entity is not None and value(event.entity, "waterLevel") == level:
            return


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
async def test_uplink_reaches_the_station(kind: str, tmp_path: Path):
    port = free_port()
    bad = Message("application/a/device/b/event/up", b"\xff\x00")
    ready = asyncio.Event()
    async with (
        live_broker(tmp_path / "data") as url,
        Client(url) as client,
        mqtt_broker(kind, port, tmp_path),
    ):
        await plant_gauge(client)
        settings = Settings(url, tmp_path / "adapters", mqtt=MqttSettings(HOST, port))
        async with background(run(MANIFEST, build, settings, ready=ready.set)):
            await asyncio.wait_for(ready.wait(), PATIENCE)
            await publish(port, bad, uplink("2026-07-04T05:50:00+09:00", 4.07))
            await asyncio.wait_for(level_reaches(client, 4.07), PATIENCE)


async def test_uplink_of_the_things_stack_reaches_the_station(tmp_path: Path):
    port = free_port()
    ready = asyncio.Event()
    gauge = FakeLdds75(DEV_EUI, "hitoyoshi", HEIGHT)
    async with (
        live_broker(tmp_path / "data") as url,
        Client(url) as client,
        mqtt_broker("mosquitto", port, tmp_path),
    ):
        await plant_gauge(client)
        settings = Settings(url, tmp_path / "adapters", mqtt=MqttSettings(HOST, port))
        async with background(run(MANIFEST, build, settings, ready=ready.set)):
            await asyncio.wait_for(ready.wait(), PATIENCE)
            await publish(port, gauge.message("2026-07-04T05:50:00+09:00", level=4.07))
            await asyncio.wait_for(level_reaches(client, 4.07), PATIENCE)
