"""The adapter on the wire: real MQTT brokers, real uplinks, a real context broker."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from adapters.contract import Message
from adapters.river_gauge.adapter import RiverGauge
from adapters.river_gauge.registry import Registry
from adapters.river_gauge.runner import Settings, follow, run
from broker.client import Client, value
from tests.adapters.river_gauge.town import plant_gauge, uplink
from tests.support import free_port, require_tool
from tests.support.live import live_broker

HOST = "127.0.0.1"


async def listening(port: int) -> None:
    """Wait until somebody listens on the port."""
    while True:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        await writer.wait_closed()
        return


@contextlib.asynccontextmanager
async def mqtt_broker(kind: str, port: int, folder: Path) -> AsyncIterator[None]:
    """Run Mosquitto or the town's own MQTT broker."""
    if kind == "mosquitto":
        config = folder / "mosquitto.conf"
        config.write_text(f"listener {port} {HOST}\nallow_anonymous true\n")
        command = [require_tool("mosquitto"), "-c", str(config)]
    else:
        command = [sys.executable, "-m", "machi.mqtt", "--port", str(port)]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    try:
        await asyncio.wait_for(listening(port), 20)
        yield
    finally:
        process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def background(coroutine) -> AsyncIterator[None]:
    """Run a coroutine beside the test."""
    task = asyncio.create_task(coroutine)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def send(port: int, *messages: Message) -> None:
    """Publish messages."""
    async with aiomqtt.Client(HOST, port, protocol=aiomqtt.ProtocolVersion.V311) as mqtt:
        for message in messages:
            await mqtt.publish(message.topic, message.payload, qos=1)


async def level_reaches(client: Client, level: float) -> None:
    """Wait until the station shows a level."""
    async for event in client.stream(type="RiverLevelStation", after=0):
        if event.entity is not None and value(event.entity, "waterLevel") == level:
            return


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
async def test_uplink_reaches_the_station(kind: str, tmp_path: Path):
    port = free_port()
    bad = Message("application/a/device/b/event/up", b"\xff\x00")
    async with (
        live_broker(tmp_path / "data") as url,
        Client(url) as client,
        mqtt_broker(kind, port, tmp_path),
    ):
        await plant_gauge(client)
        async with background(run(Settings(HOST, port, url))):
            # Sent until it is heard: whoever subscribes later than that hears nothing.
            hearing = asyncio.create_task(level_reaches(client, 4.07))
            while not hearing.done():
                await send(port, bad, uplink("2026-07-04T05:50:00+09:00", 4.07))
                await asyncio.wait({hearing}, timeout=0.2)
            await hearing


async def test_adapter_takes_up_again_when_the_mqtt_broker_comes_back(tmp_path: Path):
    port = free_port()
    heard: asyncio.Queue[Message] = asyncio.Queue()
    connections: asyncio.Queue[None] = asyncio.Queue()

    class Listener(RiverGauge):
        async def ingest(self, message: Message) -> None:
            await heard.put(message)

    async def short(seconds: float) -> None:
        await asyncio.sleep(0.02)

    following = follow(
        Listener(Registry([])),
        HOST,
        port,
        ready=lambda: connections.put_nowait(None),
        sleep=short,
    )
    async with background(following):
        for level in (1.0, 2.0):
            async with mqtt_broker("mosquitto", port, tmp_path):
                await asyncio.wait_for(connections.get(), 20)
                sent = uplink("2026-07-04T05:50:00+09:00", level)
                await send(port, sent)
                assert await asyncio.wait_for(heard.get(), 20) == sent
