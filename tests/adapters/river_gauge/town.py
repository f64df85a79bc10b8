"""A river with one gauge, for the tests of this folder."""

from typing import Any

from adapters.contract import Message
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
