"""Real MQTT brokers for tests: Mosquitto, and the town's own."""

import asyncio
import contextlib
import getpass
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiomqtt

from adapters.common.mqtt_client import MqttClient
from adapters.contract import Message
from tests.support.patience import PATIENCE
from tests.support.tools import require_tool

HOST = "127.0.0.1"


@contextlib.asynccontextmanager
async def mqtt_broker(kind: str, port: int, folder: Path, **options: str) -> AsyncIterator[None]:
    """Run `mosquitto` or the town's own MQTT broker (`amqtt`) on a port.

    `options` are further lines of Mosquitto's configuration; with `persistence="true"` it finds
    its sessions in `folder` again when it is started a second time.
    """
    if kind == "mosquitto":
        config = folder / "mosquitto.conf"
        lines = [f"listener {port} {HOST}", "allow_anonymous true"]
        if "persistence" in options:
            lines += [f"persistence_location {folder}/", f"user {getpass.getuser()}"]
        lines += [f"{name} {value}" for name, value in options.items()]
        config.write_text("\n".join(lines) + "\n")
        command = [require_tool("mosquitto"), "-c", str(config)]
    else:
        command = [sys.executable, "-m", "machi.mqtt", "--port", str(port)]
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    try:
        await asyncio.wait_for(listening(port), PATIENCE)
        yield
    finally:
        process.terminate()
        await process.wait()


@contextlib.contextmanager
def mosquitto(port: int, folder: Path) -> Iterator[None]:
    """Run Mosquitto on a port, for tests that share it between event loops."""
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} {HOST}\nallow_anonymous true\n")
    command = [require_tool("mosquitto"), "-c", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        asyncio.run(asyncio.wait_for(listening(port), PATIENCE))
        yield
    finally:
        # Asked to end just as it begins to serve, it forgets that.
        process.kill()
        process.wait()


async def listening(port: int) -> None:
    """Wait until somebody listens on a TCP port."""
    while True:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        await writer.wait_closed()
        return


async def publish(port: int, *messages: Message) -> None:
    """Publish messages with quality of service 1."""
    async with MqttClient(HOST, port, protocol=aiomqtt.ProtocolVersion.V311) as mqtt:
        for message in messages:
            await mqtt.publish(message.topic, message.payload, qos=1)


@contextlib.asynccontextmanager
async def answering(
    port: int, topic: str, answer: Callable[[bytes], Message | None]
) -> AsyncIterator[None]:
    """Run a device on MQTT that hears a topic, and publishes what it answers to a message."""
    subscribed = asyncio.Event()

    async def live() -> None:
        async with MqttClient(HOST, port) as mqtt:
            await mqtt.subscribe(topic, qos=1)
            subscribed.set()
            async for message in mqtt.messages:
                told = answer(message.payload)
                if told is not None:
                    await mqtt.publish(told.topic, told.payload, qos=1)

    async with background(live()):
        await asyncio.wait_for(subscribed.wait(), PATIENCE)
        yield


@contextlib.asynccontextmanager
async def background(coroutine) -> AsyncIterator[asyncio.Task]:
    """Run a coroutine beside the test; what it raises by itself fails the test."""
    task = asyncio.create_task(coroutine)
    try:
        yield task
    finally:
        if task.done():
            task.result()
        while not task.done():
            # A cancellation that meets an answer is lost in Python 3.11's `wait_for`.
            task.cancel()
            await asyncio.wait({task}, timeout=1)
        if not task.cancelled():
            task.result()
