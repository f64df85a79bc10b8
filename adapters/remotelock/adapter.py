"""The RemoteLOCK adapter: guests in, states and events out, lock and unlock."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
from aiohttp import web

from adapters.common.access import GrantRefused
from adapters.common.base import DeviceAdapter
from adapters.common.doorlog import DoorEvent, log_event
from adapters.common.grants import routes
from adapters.common.host import Host
from adapters.common.orders import Orders
from adapters.common.redact import redact
from adapters.common.registry import Registry, by_attribute
from adapters.common.writer import write_newest
from adapters.contract import (
    Command,
    CommandFailed,
    Message,
    Reading,
    Status,
    UnknownDevice,
)
from adapters.remotelock.account import Account, read
from adapters.remotelock.api import Cloud
from adapters.remotelock.guests import Guests
from adapters.remotelock.manifest import MANIFEST
from adapters.remotelock.persons import Persons
from adapters.remotelock.webhook import Webhook
from adapters.remotelock.wire import DEVICE, EVENT, STATES, attributes
from adapters.remotelock.wire import read as read_message
from broker.client import Client

log = logging.getLogger("adapters")

FIRST_PAGE: Final = {"sort": "-created_at", "per_page": "50"}


SOON: Final = 15.0
"""Seconds until the cloud is asked again after a failure, at most; longer where it says so."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds between two questions: for events, and for the state of every lock. 0: never."""

    events: float = 60.0
    devices: float = 300.0


def build(host: Host) -> RemoteLock:
    """Return the adapter for a host. Raises CannotRun."""
    return RemoteLock(host, read(host.settings.config))


class RemoteLock(DeviceAdapter):
    """Adapter of RemoteLOCK locks (contract: `adapters.contract.Adapter`).

    Events come by webhook, where one is set up, and are asked for besides: what the webhook has
    missed is found so. Both lead to the same line of the door log.
    """

    manifest = MANIFEST

    def __init__(self, host: Host, account: Account, rhythm: Rhythm | None = None) -> None:
        registry = Registry(host.clients, MANIFEST.name, by_attribute("vendorDeviceId"))
        super().__init__(registry, host.health)
        self._host = host
        self._account = account
        self._rhythm = rhythm or Rhythm()
        folder: Path = host.settings.state / MANIFEST.name
        self._guests = Guests(folder / "guests.db")
        self._session: aiohttp.ClientSession | None = None
        self._cloud: Cloud | None = None
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
        persons = Persons(self._open, self._guests, self._lock_of, account.zone)
        host.redact = redact
        host.routes.extend(routes(persons))

    def decode(self, message: Message) -> Sequence[Reading]:
        """Return what an event or a device's state says about a lock."""
        reading = read_message(message)
        return () if reading is None else (reading,)

    async def write(self, reading: Reading) -> bool:
        """Write a lock's state to its entity, and an event to the door log."""
        device = await self.registry.find(reading.device)
        wanted = attributes(reading)
        written = False
        if wanted:
            right = self.clock_right(device)
            written = await write_newest(device, reading.key, lambda entity: wanted, right)
        event = reading.values["event"]
        if not event:
            return written
        grant = await self._guests.grant(reading.values["person"])
        line = DoorEvent(
            reading.key,
            event,
            reading.observed_at,
            "vendorCloud",
            reading.values["method"],
            grant,
            reading.values["note"],
        )
        return await log_event(device, line) or written

    async def run(self) -> None:
        """Carry out commands, take events and ask for states until cancelled."""
        async with AsyncExitStack() as stack:
            stack.enter_context(contextlib.closing(self._guests))
            self._session = await stack.enter_async_context(aiohttp.ClientSession())
            self._cloud = Cloud(self._session, self._account)
            if self._account.webhook_port:
                await self._listen(stack)
            async with asyncio.TaskGroup() as tasks:
                for orders in self._orders.values():
                    tasks.create_task(orders.run())
                tasks.create_task(self._often(self._rhythm.events, self._ask_events))
                tasks.create_task(self._often(self._rhythm.devices, self._ask_devices))

    async def _listen(self, stack: AsyncExitStack) -> None:
        hook = Webhook(self._account.webhook_secret, lambda found: self._host.intake.take(found))
        runner = web.AppRunner(hook.app(), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, self._host.settings.http_host, self._account.webhook_port).start()

    async def _often(self, pause: float, ask: Any) -> None:
        while pause:
            wait = pause
            try:
                await ask()
                self.health.connected = True
            except GrantRefused as fault:
                self.health.connected = False
                self.health.last_fault = f"the vendor's cloud: {fault.reason}"
                log.warning("%s: %s", MANIFEST.name, self.health.last_fault)
                wait = max(fault.wait, min(pause, SOON))
            await asyncio.sleep(wait)

    async def _ask_events(self) -> None:
        """Take the events that are newer than the last one taken, oldest first."""
        last = await self._guests.polled()
        found: list[dict[str, Any]] = []
        page = 1
        while True:
            paging = {**FIRST_PAGE, "page": str(page)}
            told = await self._open().call("GET", "/events", params=paging)
            events = told["data"]
            # Events of the last second are taken again: several may share a time.
            fresh = [e for e in events if e["attributes"]["created_at"] >= last]
            found += fresh
            if len(fresh) < len(events) or page >= int(told["meta"]["total_pages"]):
                break
            page += 1
        if not found:
            return
        found.reverse()
        await self._host.intake.take([Message(EVENT, orjson.dumps(event)) for event in found])
        await self._guests.has_polled(found[-1]["attributes"]["created_at"])

    async def _ask_devices(self) -> None:
        devices = await self._open().all("/devices", {"type": "lock"})
        messages = [Message(DEVICE, orjson.dumps(device)) for device in devices]
        known = [m for m, d in zip(messages, devices, strict=True) if await self.knows(d["id"])]
        await self._host.intake.take(known)

    async def _send(self, command: Command, client: Client) -> tuple[Status, str]:
        try:
            lock = await self._lock_of(client.tenant, command.entity_id)
            told = await self._open().call("PUT", f"/devices/{lock}/{command.name}")
        except UnknownDevice as fault:
            raise CommandFailed(str(fault)) from fault
        except GrantRefused as fault:
            raise CommandFailed(fault.reason) from fault
        state = told["data"]["attributes"].get("state")
        await self._host.intake.take([Message(DEVICE, orjson.dumps(told["data"]))])
        wanted = {"lock": "locked", "unlock": "unlocked"}[command.name]
        if state != wanted:
            return Status.ERROR, STATES.get(str(state), "unknown")
        return Status.OK, wanted

    def _open(self) -> Cloud:
        if self._cloud is None:
            raise GrantRefused("adapterStarts")
        return self._cloud

    async def _lock_of(self, tenant: str, device_id: str) -> str:
        client = next((c for c in self._host.clients if c.tenant == tenant), None)
        if client is None:
            raise UnknownDevice("the adapter does not serve this tenant")
        return (await self.registry.by_id(device_id, client)).address
