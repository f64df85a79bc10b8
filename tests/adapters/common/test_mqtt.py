"""The MQTT connection: versions, return of the broker, acknowledgement after keeping."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.common.mqtt import MqttLink, MqttSettings
from adapters.contract import CommandFailed, Health, Message
from tests.support import free_port
from tests.support.mqtt import HOST, background, mqtt_broker, publish
from tests.support.patience import PATIENCE


class Ear:
    """Takes messages into a queue."""

    def __init__(self, port: int, *, old: bool = False) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.ready = asyncio.Event()
        self.health = Health()
        self.slept: list[float] = []
        self.link = MqttLink(
            MqttSettings(HOST, port, old=old),
            "ear",
            ["a/#"],
            self.take,
            self.health,
            ready=self.ready.set,
            sleep=self.sleep,
        )

    async def take(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self.heard.put_nowait(message.payload)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.02)

    async def is_ready(self) -> None:
        """Wait until the topics are subscribed."""
        await asyncio.wait_for(self.ready.wait(), PATIENCE)
        self.ready.clear()

    async def hears(self) -> bytes:
        """Return the next payload."""
        return await asyncio.wait_for(self.heard.get(), PATIENCE)


async def test_version_5_is_spoken_where_the_broker_speaks_it(tmp_path: Path):
    port = free_port()
    ear = Ear(port)
    async with mqtt_broker("mosquitto", port, tmp_path), background(ear.link.run()):
        await ear.is_ready()
        assert ear.health.wire == "MQTT 5"
        await publish(port, Message("a/b", b"1"))
        assert await ear.hears() == b"1"


async def test_refused_version_5_falls_back_to_3_1_1_and_says_why(tmp_path: Path):
    port = free_port()
    ear = Ear(port)
    async with mqtt_broker("amqtt", port, tmp_path), background(ear.link.run()):
        await ear.is_ready()
        assert ear.health.wire.startswith("MQTT 3.1.1; version 5 was refused: ")
        assert "Unsupported protocol version" in ear.health.wire
        await publish(port, Message("a/b", b"1"))
        assert await ear.hears() == b"1"


async def test_broker_known_to_be_old_is_not_asked_and_returns_as_such(tmp_path: Path):
    port = free_port()
    ear = Ear(port, old=True)
    async with background(ear.link.run()):
        for _ in range(2):
            async with mqtt_broker("amqtt", port, tmp_path):
                await ear.is_ready()
                assert ear.health.wire == "MQTT 3.1.1"


async def test_connection_is_taken_up_again_when_the_broker_comes_back(tmp_path: Path):
    port = free_port()
    ear = Ear(port)
    async with background(ear.link.run()):
        for payload in (b"1", b"2"):
            async with mqtt_broker("mosquitto", port, tmp_path):
                await ear.is_ready()
                assert ear.health.connected
                await publish(port, Message("a/b", payload))
                assert await ear.hears() == payload
    assert ear.slept


async def test_message_that_was_not_kept_is_delivered_again_however_often(tmp_path: Path):
    port = free_port()
    async with mqtt_broker("mosquitto", port, tmp_path):
        for life in range(3):
            dying = Ear(port)

            async def die(messages: Sequence[Message], ear: Ear = dying) -> None:
                ear.heard.put_nowait(messages[0].payload)
                await asyncio.Event().wait()

            dying.link._take = die
            async with background(dying.link.run()):
                if life == 0:
                    await dying.is_ready()
                    await publish(port, Message("a/b", b"1"))
                assert await dying.hears() == b"1"


async def test_publishing_without_a_connection_says_so():
    with pytest.raises(CommandFailed, match="MQTT broker is away"):
        await Ear(free_port()).link.publish("a/b", b"1")
