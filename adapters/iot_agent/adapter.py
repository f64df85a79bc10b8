"""The IoT agent adapter: measures in, commands out, results back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from adapters.common.base import DeviceAdapter
from adapters.common.host import Host
from adapters.common.orders import Orders
from adapters.common.registry import Registry
from adapters.common.writer import write_newest
from adapters.contract import (
    BadPayload,
    CannotRun,
    Command,
    CommandFailed,
    Message,
    Reading,
    Status,
    UnknownDevice,
)
from adapters.iot_agent import iotjson, ultralight
from adapters.iot_agent.attributes import commands_of, device_attributes
from adapters.iot_agent.groups import Group, Groups, read
from adapters.iot_agent.http import South
from adapters.iot_agent.manifest import MANIFEST
from adapters.iot_agent.outbox import Outbox, outcome
from adapters.iot_agent.topics import JSON, Topic, parse
from broker.client import Client, Entity, value

RESULT = "result"

Told = tuple[str | None, dict[str, Any]]
"""Time of measurement, where the device says one, and values by name."""


def build(host: Host) -> IotAgent:
    """Return the adapter for a host. Raises BadGroups."""
    return IotAgent(host, read(host.settings.config))


def address(tenant: str, group: str, device: str) -> str:
    """Return the address of a device: its id is its own only within tenant and group."""
    return f"{tenant}/{group}/{device}"


def _address_of(tenant: str, device: Entity) -> str:
    group, name = value(device, "serviceGroup"), value(device, "deviceId")
    return address(tenant, str(group), str(name)) if group and name else ""


class IotAgent(DeviceAdapter):
    """Adapter of devices that speak to FIWARE IoT agents (contract: `adapters.contract`)."""

    manifest = MANIFEST

    def __init__(self, host: Host, groups: Groups) -> None:
        super().__init__(Registry(host.clients, MANIFEST.name, _address_of), host.health)
        self._host = host
        self._groups = groups
        self._outbox = Outbox(host.link, host.reach)
        self._orders = {
            client.tenant: Orders(
                client,
                MANIFEST.name,
                commands_of,
                host.ledger,
                self._send,
                ready=host.readiness.part(),
            )
            for client in host.clients
        }

    def decode(self, message: Message) -> Sequence[Reading]:
        """Return the measures or results in a message."""
        topic = parse(message.topic)
        group = self._group(topic)
        device = address(group.tenant, group.name, topic.device)
        tags: dict[str, str] = {"kind": RESULT} if topic.kind == "cmdexe" else {}
        groups = _results(topic, message.payload) if tags else _measures(topic, message.payload)
        return [
            Reading(device, f"{message.ticket}:{n}", time or message.received, values, tags)
            for n, (time, values) in enumerate(groups)
        ]

    def named(self, topic: str) -> str:
        """Return the address of the device that a topic names."""
        try:
            parsed = parse(topic)
            group = self._group(parsed)
        except (BadPayload, UnknownDevice):
            return ""
        return address(group.tenant, group.name, parsed.device)

    async def write(self, reading: Reading) -> bool:
        """Write measures to the device's entity, or the result of a command to its Device."""
        device = await self.registry.find(reading.device)
        if reading.tags.get("kind") == RESULT:
            orders = self._orders[device.client.tenant]
            for name in commands_of(device.device).intersection(reading.values):
                answer = reading.values[name]
                await orders.result(device.device_id, name, outcome(answer), answer)
            return True
        attributes = device_attributes(device.device, reading.values, reading.observed_at)
        return await write_newest(
            device, reading.key, lambda entity: attributes, self.clock_right(device)
        )

    async def run(self) -> None:
        """Take messages by HTTP, and carry out commands, until cancelled."""
        south = South(self._take, self._check, self._fetch)
        runner = web.AppRunner(south.application(), access_log=None)
        await runner.setup()
        try:
            await self._listen(runner)
            async with asyncio.TaskGroup() as tasks:
                for orders in self._orders.values():
                    tasks.create_task(orders.run())
        finally:
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        host, port = self._host.settings.http_host, self._host.settings.http_port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise CannotRun(
                f"port {port} on {host} cannot be used ({error.strerror});"
                " choose another with --http-port"
            ) from error

    def _group(self, topic: Topic) -> Group:
        group = self._groups.by_key.get(topic.api_key)
        if group is None:
            raise UnknownDevice("no service group has this API key")
        return group

    async def _take(self, message: Message) -> None:
        await self._host.intake.take([message])

    def _check(self, message: Message) -> None:
        self.decode(message)

    def _fetch(self, topic: Topic) -> list[bytes]:
        group = self._group(topic)
        return self._outbox.fetch(address(group.tenant, group.name, topic.device))

    async def _send(self, command: Command, client: Client) -> tuple[Status, str]:
        try:
            device = await self.registry.by_id(command.entity_id, client)
        except UnknownDevice as fault:
            raise CommandFailed(str(fault)) from fault
        group = self._groups.by_name.get((client.tenant, str(value(device.device, "serviceGroup"))))
        if group is None:
            raise CommandFailed("the Device's serviceGroup is not configured")
        return await self._outbox.send(command, device, group)


def _results(topic: Topic, payload: bytes) -> Sequence[Told]:
    if topic.protocol == JSON:
        return [(None, dict(iotjson.results(payload)))]
    _, name, answer = ultralight.result(payload)
    return [(None, {name: answer})]


def _measures(topic: Topic, payload: bytes) -> Sequence[Told]:
    if topic.attribute:
        json = topic.protocol == JSON
        single = iotjson.single(payload) if json else ultralight.text_of(payload)
        return [(None, {topic.attribute: single})]
    if topic.protocol == JSON:
        return iotjson.measures(payload)
    return [(time, dict(values)) for time, values in ultralight.measures(payload)]
