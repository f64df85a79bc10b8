"""A school with a door that speaks to IoT agents, for the tests of this folder."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson

from adapters.common.host import Settings, run
from adapters.common.mqtt import MqttSettings
from adapters.iot_agent.adapter import build
from adapters.iot_agent.fake import FakeThing
from adapters.iot_agent.manifest import MANIFEST
from broker.client import Client, Entity
from tests.support import free_port
from tests.support.doors import shown
from tests.support.live import live_broker
from tests.support.mqtt import HOST, answering, background, mqtt_broker
from tests.support.patience import PATIENCE

KEY = "4jggokgpepnvsb2uv4s40d59ov"
DOOR = "urn:ngsi-ld:Device:432148:school-door"
MAP = {
    "t": {"name": "temperature", "type": "number", "unitCode": "CEL"},
    "b": {"name": "batteryLevel", "type": "number"},
}


class School:
    """The adapter running between a broker and an MQTT broker, and one device."""

    def __init__(self, client: Client, mqtt_port: int, http_port: int, thing: FakeThing) -> None:
        self.client = client
        self.mqtt_port = mqtt_port
        self.url = f"http://{HOST}:{http_port}"
        self.thing = thing

    async def plant(self, **more: Any) -> None:
        """Create the door's Device."""
        values = {
            "adapter": "iot_agent",
            "serviceGroup": "school",
            "deviceId": self.thing.device,
            "ioProtocol": self.thing.protocol,
            "commands": ["unlock"],
            **more,
        }
        await self.client.create(
            {
                "id": DOOR,
                "type": ["Device", "SmartLock"],
                **{name: {"type": "Property", "value": part} for name, part in values.items()},
                "attributeMap": {"type": "JsonProperty", "json": MAP},
            }
        )

    async def order(self, argument: Any) -> None:
        """Set the door's command attribute."""
        await self.client.append(DOOR, {"unlock": {"type": "Property", "value": argument}})

    async def shows(self, **values: Any) -> Entity:
        """Wait until the door shows values."""
        return await shown(self.client, DOOR, **values)

    @contextlib.asynccontextmanager
    async def device(self) -> AsyncIterator[None]:
        """Run the device on MQTT: it answers commands as it is set to."""
        async with answering(self.mqtt_port, self.thing.listens_to, self.thing.result):
            yield


@contextlib.asynccontextmanager
async def school(folder: Path, protocol: str = "ul") -> AsyncIterator[School]:
    """Give a running school; its Device is not planted yet."""
    mqtt_port, http_port = free_port(), free_port()
    config = folder / "groups.json"
    config.write_bytes(orjson.dumps({"groups": [{"name": "school", "apiKey": KEY}]}))
    config.chmod(0o600)
    ready = asyncio.Event()
    async with (
        live_broker(folder / "data") as url,
        Client(url) as client,
        mqtt_broker("mosquitto", mqtt_port, folder),
    ):
        settings = Settings(
            url,
            folder / "state",
            mqtt=MqttSettings(HOST, mqtt_port),
            http_port=http_port,
            config=config,
        )
        async with background(run(MANIFEST, build, settings, ready=ready.set)):
            await asyncio.wait_for(ready.wait(), PATIENCE)
            yield School(client, mqtt_port, http_port, FakeThing(KEY, "door", protocol))
