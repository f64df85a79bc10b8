"""A hall with a RemoteLOCK lock and the vendor's cloud, for the tests of this folder."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from adapters.common.host import Host, Settings, run
from adapters.common.private import SOCKET
from adapters.remotelock.account import read
from adapters.remotelock.adapter import RemoteLock, Rhythm
from adapters.remotelock.fake import FakeCloud
from adapters.remotelock.manifest import MANIFEST
from adapters.remotelock.webhook import PATH
from broker.client import Client, Entity
from tests.support import free_port
from tests.support.doors import logged, shown
from tests.support.live import live_broker
from tests.support.mqtt import background
from tests.support.patience import PATIENCE

HALL = "urn:ngsi-ld:SmartLock:432148:hall"
GRANT = "urn:ngsi-ld:AccessGrant:432148:B-1"
PIN = "4829135"
START = datetime(2025, 12, 6, 0, 0, tzinfo=UTC)
"""Nine in the morning in Tokyo."""
FROM, TO = START - timedelta(minutes=10), START + timedelta(hours=2, minutes=10)
SECRET = "hook-secret"


class Hall:
    """A lock, its Device, the cloud behind it and the adapter before it."""

    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.time = START
        self.cloud = FakeCloud(lambda: self.time)
        self.lock = self.cloud.lock("lock-1")
        self.port = free_port()

    async def plant(self) -> None:
        """Create the lock's Device."""
        values = {"adapter": "remotelock", "vendorDeviceId": "lock-1", "lockState": "unknown"}
        await self.client.create(
            {
                "id": HALL,
                "type": ["Device", "SmartLock"],
                **{name: {"type": "Property", "value": part} for name, part in values.items()},
            }
        )

    async def shows(self, **values: Any) -> Entity:
        """Wait until the lock shows values."""
        return await shown(self.client, HALL, **values)

    async def logged(self, number: int) -> list[Entity]:
        """Wait until the door log has so many lines; return them, oldest first."""
        return await logged(self.client, number)

    async def knock(self, method: str, body: Any = None, grant: str = GRANT) -> tuple[int, Any]:
        """Ask for a grant at the private door; return status and JSON."""
        connector = aiohttp.UnixConnector(str(self.folder / "state" / MANIFEST.name / SOCKET))
        path = f"/locks/{HALL}/grants/{grant}"
        async with (
            aiohttp.ClientSession("http://door", connector=connector) as session,
            session.request(method, path, json=body) as answer,
        ):
            told = await answer.json(content_type=None)
            if "Retry-After" in answer.headers:
                told["wait"] = int(answer.headers["Retry-After"])
            return answer.status, told

    async def put(self, pin: str = PIN, grant: str = GRANT) -> tuple[int, Any]:
        """Ask for the grant of the morning."""
        body = {"pin": pin, "from": FROM.isoformat(), "to": TO.isoformat()}
        return await self.knock("PUT", body, grant)

    async def opens_at(self, moment: datetime, pin: str = PIN) -> bool:
        """Type a PIN at a moment."""
        self.time = moment
        return await self.cloud.enter("lock-1", pin)

    def everything(self) -> bytes:
        """Return all that the adapter and the broker have written to files."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return b"".join(path.read_bytes() for path in files if path.name != "account.json")

    def account(self, **more: Any) -> Path:
        """Write the file of the account."""
        path = self.folder / "account.json"
        told = {
            "clientId": "town",
            "clientSecret": "vendor-secret",
            "api": self.cloud.url,
            "oauth": self.cloud.url,
            "webhookSecret": SECRET,
            "webhookPort": self.port,
            **more,
        }
        path.write_bytes(orjson.dumps({"remotelock": told}))
        path.chmod(0o600)
        return path


@contextlib.asynccontextmanager
async def adapter(hall: Hall, url: str, rhythm: Rhythm, **more: Any) -> AsyncIterator[None]:
    """Run the adapter beside the test, and wait until it is ready."""
    ready = asyncio.Event()
    settings = Settings(url, hall.folder / "state", config=hall.account(**more))

    def build(host: Host) -> RemoteLock:
        return RemoteLock(host, read(host.settings.config), rhythm)

    async with background(run(MANIFEST, build, settings, ready=ready.set)):
        await asyncio.wait_for(ready.wait(), PATIENCE)
        yield


@contextlib.asynccontextmanager
async def hall(
    folder: Path, *, events: float = 0.0, devices: float = 0.0, **more: Any
) -> AsyncIterator[Hall]:
    """Give a running hall. Events come by webhook; nothing is asked for unless told."""
    async with live_broker(folder / "data") as url, Client(url) as client:
        made = Hall(client, folder)
        await made.plant()
        async with made.cloud.running(), adapter(made, url, Rhythm(events, devices), **more):
            made.cloud.hook = f"http://127.0.0.1:{made.port}{PATH}"
            made.cloud.secret = SECRET
            yield made
