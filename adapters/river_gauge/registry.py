"""Which device belongs to which station: read from the Device entities of every tenant served."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.contract import UnknownDevice
from broker.client import Client, Entity, NotFound, value

ADAPTER = "river_gauge"


@dataclass(frozen=True, slots=True)
class Registration:
    """A device known to the broker, and the client of the tenant it lives in."""

    dev_eui: str
    device_id: str
    station_id: str
    client: Client
    simulated: bool


class Registry:
    """Devices by DevEUI. An unknown one causes one look-up, so adding an entity is enough."""

    def __init__(self, clients: list[Client]) -> None:
        self._clients = clients
        self._known: dict[str, Registration] = {}

    async def refresh(self) -> int:
        """Read the Device entities of every tenant again; return how many belong here."""
        known: dict[str, Registration] = {}
        for client in self._clients:
            for device in await _devices(client):
                eui = str(value(device, "devEui", "")).lower()
                station = value(device, "controlledAsset")
                if not eui or not station:
                    continue
                simulated = value(device, "simulated", False) is True
                known[eui] = Registration(eui, device["id"], station, client, simulated)
        self._known = known
        return len(known)

    async def find(self, dev_eui: str) -> Registration:
        """Return a device's registration. Raises UnknownDevice."""
        if dev_eui not in self._known:
            await self.refresh()
        if dev_eui not in self._known:
            raise UnknownDevice(
                f"no Device entity has devEui {dev_eui} and adapter {ADAPTER}; create one"
            )
        return self._known[dev_eui]


async def _devices(client: Client) -> list[Entity]:
    try:
        return await client.query(type="Device", q=f'adapter=="{ADAPTER}"')
    except NotFound:
        return []
