"""A town with a lock of each kind behind its real adapter, and a clock that the test turns."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from adapters.common.host import Host, Settings, run
from adapters.common.mqtt import MqttSettings
from adapters.key_box import adapter as key_box
from adapters.key_box.box import Box
from adapters.key_box.fake import FakeBox
from adapters.key_box.manifest import MANIFEST as KEY_BOX
from adapters.key_box.master import MASTER, master_key
from adapters.key_box.offline_pin import box_key
from adapters.remotelock import adapter as remotelock
from adapters.remotelock.account import read
from adapters.remotelock.fake import FakeCloud
from adapters.remotelock.manifest import MANIFEST as REMOTELOCK
from adapters.remotelock.webhook import PATH
from adapters.zigbee_lock import adapter as zigbee_lock
from adapters.zigbee_lock.fake import FakeLock
from adapters.zigbee_lock.manifest import MANIFEST as ZIGBEE
from apps.keys.contract import Grant, Status, Wanted
from apps.keys.doors import Doors
from apps.keys.locks import TownLocks
from apps.keys.worker import Worker
from broker.client import Client, Entity
from tests.support import free_port
from tests.support.doors import logged
from tests.support.live import live_broker
from tests.support.mqtt import HOST, answering, background, mqtt_broker, publish
from tests.support.paper_vault import PaperVault
from tests.support.patience import PATIENCE

START = datetime(2025, 12, 6, 0, 0, tzinfo=UTC)
"""Nine in the morning in Tokyo, at which the booked time begins."""
END = START + timedelta(hours=2)
GRACE = timedelta(minutes=10)
SECOND = timedelta(seconds=1)
HOLDER = "urn:ngsi-ld:Holder:0a1b2c"
POLICY = {"earlyGraceSeconds": 600, "lateGraceSeconds": 600}
BOX_POLICY = {**POLICY, "granularityMinutes": 60, "maxHours": 12, "issueMinutesBefore": 60}
SECRET = "hook-secret"


def lock_id(kind: str) -> str:
    """Return the id of the lock of a kind."""
    return f"urn:ngsi-ld:SmartLock:432148:{kind}"


class Town:
    """The town: what an app calls (`locks`), the worker, and the doors themselves."""

    def __init__(self, client: Client, folder: Path, vault: Any = None) -> None:
        """`vault` is where PINs are kept; in memory, where none is given."""
        self.client = client
        self.folder = folder
        self.now = START - timedelta(days=1)
        self.vault: Any = vault or PaperVault()
        self.cloud = FakeCloud(lambda: self.now)
        self.cloud.lock("lock-1")
        self.zigbee = FakeLock("gym")
        self.mqtt_port = 0
        numbers = itertools.count(4_821_357)
        self.worker = Worker(
            client,
            self.vault,
            Doors(folder / "state"),
            clock=lambda: self.now,
            below=lambda n: next(numbers),
        )
        self.locks = TownLocks(client, self.vault, clock=lambda: self.now, patience=PATIENCE)

    async def plant(self, kind: str, **values: Any) -> None:
        """Create the lock of a kind."""
        policy = BOX_POLICY if kind == "key_box" else POLICY
        values = {"adapter": kind, "lockState": "unknown", "pinPolicy": policy, **values}
        await self.client.create(
            {
                "id": lock_id(kind),
                "type": ["Device", "SmartLock"],
                **{name: {"type": "Property", "value": part} for name, part in values.items()},
            }
        )

    async def book(self, kind: str, key: str = "B-1") -> Grant:
        """Ask for the morning at the lock of a kind."""
        wanted = Wanted(key, lock_id(kind), HOLDER, START, END, "urn:ngsi-ld:FacilityBooking:1")
        return await self.locks.provision(wanted)

    async def at(self, moment: datetime) -> None:
        """Turn the clock and let the worker do what is due."""
        self.now = moment
        await self.worker.step()
        self.cloud.sync()
        await self.worker.step()

    async def stands(self, grant: Grant) -> Grant:
        """Return the grant as it stands."""
        found = await self.locks.grant(grant.id)
        assert found is not None
        return found

    async def reaches(self, grant: Grant, status: Status) -> Grant:
        """Wait until a grant has a status; the worker is at work meanwhile."""
        async with asyncio.timeout(PATIENCE):
            while (found := await self.stands(grant)).status is not status:
                await self.worker.step()
                await asyncio.sleep(0.02)
        return found

    async def opens(self, kind: str, pin: str) -> bool:
        """Type a PIN at the lock of a kind, at the time it is."""
        if kind == "remotelock":
            return await self.cloud.enter("lock-1", pin)
        if kind == "zigbee_lock":
            self.zigbee.state, self.zigbee.lock_state = "LOCK", "locked"
            await publish(self.mqtt_port, self.zigbee.enter(pin))
            return self.zigbee.lock_state == "unlocked"
        return self.box().enter(pin, self.now.timestamp()).opens

    def box(self) -> FakeBox:
        """Return the key box: it has its key and its clock, and no more."""
        master = master_key(self.folder / "state" / KEY_BOX.name / MASTER)
        return FakeBox(Box(box_key(master, lock_id("key_box"))), START.timestamp())

    async def logged(self, number: int) -> list[Entity]:
        """Wait until the door log has so many lines; return them, oldest first."""
        return await logged(self.client, number)

    def everything(self) -> bytes:
        """Return all that the adapters and the broker have written to files."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return b"".join(path.read_bytes() for path in files if path.name != "account.json")

    @contextlib.asynccontextmanager
    async def behind_zigbee(self) -> AsyncIterator[None]:
        """Run the Zigbee lock on MQTT."""
        async with answering(self.mqtt_port, self.zigbee.listens_to, self.zigbee.take):
            yield


@contextlib.asynccontextmanager
async def remotelock_of(town: Town, url: str) -> AsyncIterator[None]:
    """Run the RemoteLOCK adapter, and the vendor's cloud behind it."""
    await town.plant("remotelock", vendorDeviceId="lock-1", connectivity="online")
    port = free_port()
    async with town.cloud.running():
        account = town.folder / "account.json"
        told = {
            "clientId": "town",
            "clientSecret": "vendor-secret",
            "api": town.cloud.url,
            "oauth": town.cloud.url,
            "webhookSecret": SECRET,
            "webhookPort": port,
        }
        account.write_bytes(orjson.dumps({"remotelock": told}))
        account.chmod(0o600)
        town.cloud.hook, town.cloud.secret = f"http://{HOST}:{port}{PATH}", SECRET

        def build(host: Host) -> Any:
            never = remotelock.Rhythm(0, 0)
            return remotelock.RemoteLock(host, read(host.settings.config), never)

        settings = Settings(url, town.folder / "state", config=account)
        async with adapter(REMOTELOCK, build, settings):
            yield


@contextlib.asynccontextmanager
async def zigbee_of(town: Town, url: str) -> AsyncIterator[None]:
    """Run the Zigbee adapter, Mosquitto and the lock."""
    await town.plant("zigbee_lock", vendorDeviceId="gym", connectivity="viaGateway")
    town.mqtt_port = free_port()
    settings = Settings(url, town.folder / "state", mqtt=MqttSettings(HOST, town.mqtt_port))
    async with (
        mqtt_broker("mosquitto", town.mqtt_port, town.folder),
        adapter(ZIGBEE, zigbee_lock.build, settings),
        town.behind_zigbee(),
    ):
        yield


@contextlib.asynccontextmanager
async def key_box_of(town: Town, url: str) -> AsyncIterator[None]:
    """Run the key box adapter. Nothing reaches the box."""
    await town.plant("key_box", connectivity="offlineAlgorithmic", lockKind="keyBox")
    async with adapter(KEY_BOX, key_box.build, Settings(url, town.folder / "state")):
        yield


@contextlib.asynccontextmanager
async def adapter(manifest: Any, build: Callable[[Host], Any], settings: Settings) -> Any:
    """Run an adapter beside the test, and wait until it is ready."""
    ready = asyncio.Event()
    async with background(run(manifest, build, settings, ready=ready.set)):
        await asyncio.wait_for(ready.wait(), PATIENCE)
        yield


KINDS = {"remotelock": remotelock_of, "zigbee_lock": zigbee_of, "key_box": key_box_of}


@contextlib.asynccontextmanager
async def town(folder: Path, *kinds: str, vault: Any = None) -> AsyncIterator[Town]:
    """Give a town with locks of these kinds."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(live_broker(folder / "data"))
        client = await stack.enter_async_context(Client(url))
        made = Town(client, folder, vault)
        for kind in kinds:
            await stack.enter_async_context(KINDS[kind](made, url))
        yield made
