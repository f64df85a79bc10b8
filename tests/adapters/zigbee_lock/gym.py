"""A gym with a lock behind Zigbee2MQTT, for the tests of this folder."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from adapters.common.host import Settings, run
from adapters.common.mqtt import MqttSettings
from adapters.common.private import SOCKET
from adapters.zigbee_lock import codes
from adapters.zigbee_lock.adapter import build
from adapters.zigbee_lock.fake import FakeLock
from adapters.zigbee_lock.manifest import MANIFEST
from broker.client import Client, Entity, observed_at
from tests.support import free_port
from tests.support.doors import logged, shown
from tests.support.live import live_broker
from tests.support.mqtt import HOST, answering, background, mqtt_broker, publish
from tests.support.patience import PATIENCE

DOOR = "urn:ngsi-ld:Device:432148:gym-door"


class Gym:
    """A door, its Device, and the ways to it."""

    def __init__(self, client: Client, mqtt_port: int, folder: Path) -> None:
        self.client = client
        self.mqtt_port = mqtt_port
        self.folder = folder
        self.lock = FakeLock("gym")

    async def plant(self) -> None:
        """Create the door's Device."""
        values = {"adapter": "zigbee_lock", "vendorDeviceId": "gym", "lockKind": "electronicLock"}
        await self.client.create(
            {
                "id": DOOR,
                "type": ["Device", "SmartLock"],
                **{name: {"type": "Property", "value": part} for name, part in values.items()},
            }
        )

    async def order(self, name: str) -> None:
        """Set a command attribute."""
        await self.client.append(DOOR, {name: {"type": "Property", "value": "now"}})

    async def shows(self, **values: Any) -> Entity:
        """Wait until the door shows values."""
        return await shown(self.client, DOOR, **values)

    async def ordered(self, name: str, status: str) -> Entity:
        """Order, and wait until the door says that status of this very order."""
        earlier = observed_at(await self.client.retrieve(DOOR), f"{name}_status")
        await self.order(name)
        async with asyncio.timeout(PATIENCE):
            while True:
                door = await self.shows(**{f"{name}_status": status})
                if observed_at(door, f"{name}_status") != earlier:
                    return door
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def door(self) -> AsyncIterator[None]:
        """Run the lock on MQTT."""
        async with answering(self.mqtt_port, self.lock.listens_to, self.lock.take):
            yield

    async def private(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Knock at the adapter's private door; return status and JSON."""
        connector = aiohttp.UnixConnector(str(self.folder / "state" / MANIFEST.name / SOCKET))
        async with (
            aiohttp.ClientSession("http://door", connector=connector) as session,
            session.request(method, path, json=body) as answer,
        ):
            return answer.status, await answer.json(content_type=None)

    async def typed(self, pin: str) -> bool:
        """Type a code at the lock; say whether it opens."""
        self.lock.state, self.lock.lock_state = "LOCK", "locked"
        await publish(self.mqtt_port, self.lock.enter(pin))
        return self.lock.lock_state == "unlocked"

    async def logged(self, number: int) -> list[Entity]:
        """Wait until the door log has so many lines; return them, oldest first."""
        return await logged(self.client, number)

    def everything(self) -> bytes:
        """Return all that the adapter and the broker have written to files."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return b"".join(path.read_bytes() for path in files)


@contextlib.asynccontextmanager
async def adapter(gym: Gym, url: str) -> AsyncIterator[None]:
    """Run the adapter beside the test, and wait until it is ready."""
    ready = asyncio.Event()
    settings = Settings(url, gym.folder / "state", mqtt=MqttSettings(HOST, gym.mqtt_port))
    async with background(run(MANIFEST, build, settings, ready=ready.set)):
        await asyncio.wait_for(ready.wait(), PATIENCE)
        yield


@contextlib.asynccontextmanager
async def gym(folder: Path) -> AsyncIterator[Gym]:
    """Give a running gym with its Device planted."""
    port = free_port()
    async with (
        live_broker(folder / "data") as url,
        Client(url) as client,
        mqtt_broker("mosquitto", port, folder),
    ):
        made = Gym(client, port, folder)
        await made.plant()
        async with adapter(made, url):
            yield made


def impatient(monkeypatch: Any) -> None:
    """Let the adapter wait only a moment for a lock to confirm a code."""
    monkeypatch.setattr(codes.Codes.__init__, "__defaults__", (0.3,))
