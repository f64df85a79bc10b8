"""A river with one gauge, for the tests of this folder."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from adapters.common.intake import Intake
from adapters.common.quarantine import Held, Quarantine
from adapters.common.registry import Registry, by_attribute
from adapters.common.spool import Spool
from adapters.contract import Message
from adapters.river_gauge.adapter import RiverGauge
from adapters.river_gauge.fake import FakeGauge
from broker.client import Client

STATION = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"
DEVICE = "urn:ngsi-ld:Device:432032:gauge-hitoyoshi"
DEV_EUI = "24e1240000043201"
HEIGHT = 10.5


def gauge() -> FakeGauge:
    """Return the gauge's fake device."""
    return FakeGauge(DEV_EUI, "hitoyoshi", HEIGHT)


def uplink(at: str, level: float, **values: Any) -> Message:
    """Return an uplink of the gauge for a level at a time."""
    return gauge().message(at, level=level, **values)


async def plant_gauge(client: Client, **station: Any) -> None:
    """Create the station and its device; `station` holds further attributes by value."""
    more = {name: {"type": "Property", "value": content} for name, content in station.items()}
    await client.create(
        {
            "id": STATION,
            "type": ["FloodMonitoring", "RiverLevelStation"],
            "sensorHeight": {"type": "Property", "value": HEIGHT},
            **more,
        }
    )
    await client.create(
        {
            "id": DEVICE,
            "type": "Device",
            "adapter": {"type": "Property", "value": "river_gauge"},
            "devEui": {"type": "Property", "value": DEV_EUI},
            "controlledAsset": {"type": "Relationship", "object": STATION},
        }
    )


class Gauges:
    """The adapter without a wire: messages go in, and are brought to their end at once."""

    def __init__(self, clients: Sequence[Client], folder: Path) -> None:
        self.adapter = RiverGauge(Registry(clients, "river_gauge", by_attribute("devEui"), pause=0))
        self.health = self.adapter.health
        self.quarantine = Quarantine(folder / "quarantine")
        self.spool = Spool(folder / "spool.db")
        self.intake = Intake(self.adapter, self.spool, self.quarantine)

    async def ingest(self, message: Message) -> None:
        """Take a message and bring it to its end."""
        await self.intake.take([message])
        seq, taken = await self.spool.first()
        await self.intake.finish(taken)
        await self.spool.done(seq)

    async def held(self) -> list[Held]:
        """Return what is in the quarantine, newest first."""
        return await self.quarantine.list()


@contextlib.asynccontextmanager
async def gauges(folder: Path, *clients: Client) -> AsyncIterator[Gauges]:
    """Give the adapter without a wire; closes its files."""
    running = Gauges(clients, folder)
    try:
        yield running
    finally:
        running.spool.close()
        running.quarantine.close()
