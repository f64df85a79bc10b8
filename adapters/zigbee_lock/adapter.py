"""The Zigbee lock adapter: states in, lock and unlock out, codes through the private door."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from adapters.common.base import DeviceAdapter
from adapters.common.doorlog import DoorEvent, log_event
from adapters.common.grants import routes
from adapters.common.host import Host
from adapters.common.orders import Orders
from adapters.common.redact import redact
from adapters.common.registry import Registration, Registry, by_attribute
from adapters.common.writer import write_newest
from adapters.contract import (
    Command,
    CommandFailed,
    Message,
    Reading,
    Status,
    UnknownDevice,
)
from adapters.zigbee_lock.codes import Codes
from adapters.zigbee_lock.grants import CodeGrants
from adapters.zigbee_lock.lock import BASE, BRIDGE, attributes, order, read, set_topic
from adapters.zigbee_lock.manifest import MANIFEST
from adapters.zigbee_lock.slots import Slots
from broker.client import Client

FULFILLED = {"locked": "lock", "unlocked": "unlock"}


def build(host: Host) -> ZigbeeLock:
    """Return the adapter for a host."""
    return ZigbeeLock(host)


class ZigbeeLock(DeviceAdapter):
    """Adapter of Zigbee door locks (contract: `adapters.contract.Adapter`).

    A command is delivered when the MQTT broker has it, and done when the lock reports the state
    it asked for. A bolt that is not all the way out after `lock` is an error.
    """

    manifest = MANIFEST

    def __init__(self, host: Host) -> None:
        registry = Registry(host.clients, MANIFEST.name, by_attribute("vendorDeviceId"))
        super().__init__(registry, host.health)
        self._host = host
        self._bridge = "unknown"
        self._codes = Codes(self._find, self._tell)
        self._orders = {
            client.tenant: Orders(
                client,
                MANIFEST.name,
                lambda device: frozenset(MANIFEST.commands),
                host.ledger,
                self._send,
                ready=host.readiness.part(),
            )
            for client in host.clients
        }
        host.redact = redact
        host.routes.extend(self._codes.routes())
        self._slots = Slots(host.settings.state / MANIFEST.name / "slots.db")
        host.routes.extend(routes(CodeGrants(self._codes, self._slots, self._lock)))

    def decode(self, message: Message) -> Sequence[Reading]:
        """Return what a message says about a lock; nothing for other devices."""
        reading = read(message)
        return () if reading is None else (reading,)

    def named(self, topic: str) -> str:
        """Return the name of the lock that a topic is about."""
        return topic.split("/")[1] if topic.startswith(f"{BASE}/") else ""

    async def write(self, reading: Reading) -> bool:
        """Write a lock's state to its entity, and take it as the result of what was asked."""
        if reading.device == BRIDGE:
            self._bridge = reading.values["availability"]
            return True
        if "availability" in reading.values and not await self.knows(reading.device):
            # Lamps and thermometers say that they are there too.
            return False
        device = await self.registry.find(reading.device)
        wanted = attributes(reading)
        written = await write_newest(
            device, reading.key, lambda entity: wanted, self.clock_right(device)
        )
        if slots := reading.values.get("slots"):
            self._codes.confirmed(reading.device, slots)
        if written and "lockState" in reading.values:
            await self._fulfil(device, reading.values["lockState"])
        if reading.values.get("event"):
            return await self._log(device, reading) or written
        return written

    async def run(self) -> None:
        """Carry out commands until cancelled."""
        with contextlib.closing(self._slots):
            async with asyncio.TaskGroup() as tasks:
                for orders in self._orders.values():
                    tasks.create_task(orders.run())

    async def _log(self, device: Registration, reading: Reading) -> bool:
        values = reading.values
        tenant = device.client.tenant
        grant = await self._slots.grant(tenant, device.device_id, values["slot"])
        line = DoorEvent(
            reading.key, values["event"], reading.observed_at, "gateway", values["method"], grant
        )
        return await log_event(device, line)

    async def _fulfil(self, device: Registration, state: str) -> None:
        orders = self._orders[device.client.tenant]
        if state in FULFILLED:
            await orders.confirm(device.device_id, FULFILLED[state], Status.OK, state)
        elif state == "notFullyLocked":
            await orders.confirm(device.device_id, "lock", Status.ERROR, "not fully locked")

    async def _send(self, command: Command, client: Client) -> tuple[Status, str]:
        try:
            name = await self._find(client.tenant, command.entity_id)
        except UnknownDevice as fault:
            raise CommandFailed(str(fault)) from fault
        await self._tell(name, order(command.name))
        return Status.DELIVERED, ""

    async def _find(self, tenant: str, device_id: str) -> str:
        return (await self._lock(tenant, device_id)).address

    async def _lock(self, tenant: str, device_id: str) -> Registration:
        client = next((c for c in self._host.clients if c.tenant == tenant), None)
        if client is None:
            raise UnknownDevice("the adapter does not serve this tenant")
        return await self.registry.by_id(device_id, client)

    async def _tell(self, name: str, payload: bytes) -> None:
        if self._bridge == "offline":
            raise CommandFailed("Zigbee2MQTT is offline")
        await self._host.link.publish(set_topic(name), payload)
