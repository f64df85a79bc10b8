"""Which devices belong to an adapter: read from the Device entities of every tenant served."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from adapters.contract import UnknownDevice
from broker.client import Client, Entity, NotFound, value

log = logging.getLogger("adapters")

STALE: Final = 60.0
"""Seconds after which what is known is read again, so that changes of a Device are seen."""
PAUSE: Final = 2.0
"""Seconds between two readings that unknown devices cause."""


@dataclass(slots=True)
class Registration:
    """A device known to the broker, and the client of the tenant it lives in.

    `target_id` is the entity its measurements belong to: its `controlledAsset`, or itself.
    `seen` is that entity and its version after our last write, to spare reading it again.
    """

    address: str
    device_id: str
    target_id: str
    client: Client
    device: Entity = field(repr=False)
    seen: tuple[Entity, str] | None = field(default=None, repr=False)

    @property
    def simulated(self) -> bool:
        """Say whether the device is made of software."""
        return value(self.device, "simulated", False) is True


Address = Callable[[str, Entity], str]
"""A Device's address on its network, from tenant and entity; empty where it has none."""


def by_attribute(name: str) -> Address:
    """Return the rule that a Device's address is the value of an attribute."""
    return lambda tenant, device: str(value(device, name, ""))


class Registry:
    """Devices with `adapter` set to this adapter's name, by their address.

    An unknown address causes a new reading, so adding a Device entity is enough.
    """

    def __init__(
        self,
        clients: Sequence[Client],
        adapter: str,
        address: Address,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        pause: float = PAUSE,
    ) -> None:
        self._clients = clients
        self._adapter = adapter
        self.address = address
        self._monotonic = monotonic
        self._pause = pause
        self._read = float("-inf")
        self._known: dict[str, Registration] = {}

    async def refresh(self) -> int:
        """Read the Device entities of every tenant again; return how many belong here."""
        known: dict[str, Registration] = {}
        for client in self._clients:
            for device in await _devices(client, self._adapter):
                address = self.address(client.tenant, device)
                if address in known:
                    # The real town comes before its drills: no copy takes a device away from it.
                    log.warning("%s has the address of another device; ignored", device["id"])
                elif address:
                    target = value(device, "controlledAsset") or device["id"]
                    known[address] = Registration(address, device["id"], target, client, device)
        self._known = known
        self._read = self._monotonic()
        return len(known)

    async def find(self, address: str) -> Registration:
        """Return a device's registration. Raises UnknownDevice."""
        age = self._monotonic() - self._read
        if age > STALE or (address not in self._known and age >= self._pause):
            await self.refresh()
        if address not in self._known:
            raise UnknownDevice(
                f"no Device entity of {self._adapter} has the address {address}; create one"
            )
        return self._known[address]

    async def by_id(self, device_id: str, client: Client) -> Registration:
        """Return a Device entity's registration as it stands now. Raises UnknownDevice."""
        await self.refresh()
        for registration in self._known.values():
            if registration.device_id == device_id and registration.client is client:
                return registration
        raise UnknownDevice(f"{device_id} is no device of {self._adapter}")


async def _devices(client: Client, adapter: str) -> list[Entity]:
    try:
        return await client.query(type="Device", q=f'adapter=="{adapter}"')
    except NotFound:
        return []
