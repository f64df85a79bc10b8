"""Run an adapter: its broker clients, its files, its connection and its private door."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from adapters.common import erasure
from adapters.common.base import DeviceAdapter
from adapters.common.intake import Intake
from adapters.common.ledger import Ledger
from adapters.common.mqtt import MqttLink, MqttSettings
from adapters.common.private import PrivateDoor
from adapters.common.quarantine import Quarantine
from adapters.common.reach import Reach
from adapters.common.readiness import Readiness
from adapters.common.spool import Spool
from adapters.contract import Adapter, Health, Manifest, Message
from broker.client import Client, Retry, key_of

log = logging.getLogger("adapters")

PRUNE_EVERY = 3600.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the broker and the MQTT broker are, which tenants are served, where files go.

    `tenants` names the tenants served, "" the default one; `networks` the device networks;
    `http_port` is where an adapter with an HTTP side of its own listens, `config` its own file.
    """

    broker: str
    state: Path
    tenants: tuple[str, ...] = ("",)
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    networks: tuple[str, ...] = ()
    http_host: str = "127.0.0.1"
    http_port: int = 7896
    config: Path | None = None


@dataclass(slots=True)
class Host:
    """What an adapter is given, and what it may set while it is built.

    `routes` are further routes of its private door; `redact` takes out of a message what must
    not be kept, before anything else sees it; `readiness` waits for the parts it is told of.
    """

    settings: Settings
    clients: list[Client]
    ledger: Ledger
    health: Health
    link: MqttLink
    readiness: Readiness
    intake: Intake = field(init=False)
    reach: Reach = field(init=False)
    routes: list[web.RouteDef] = field(default_factory=list)
    redact: Callable[[Message], Message] = lambda message: message

    def __post_init__(self) -> None:
        self.reach = Reach(self.settings.networks)


Build = Callable[[Host], Adapter]


async def run(
    manifest: Manifest,
    build: Build,
    settings: Settings,
    *,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Run an adapter until cancelled. Waits out a broker or MQTT broker that is away.

    `ready` is called once, when messages are taken and commands followed.
    """
    folder = settings.state / manifest.name
    key = key_of(manifest.name)
    health = Health()
    readiness = Readiness(ready)
    connected = readiness.part()
    async with AsyncExitStack() as stack:
        spool = stack.enter_context(contextlib.closing(Spool(folder / "spool.db")))
        ledger = stack.enter_context(contextlib.closing(Ledger(folder / "orders.db")))
        quarantine = stack.enter_context(contextlib.closing(Quarantine(folder / "quarantine")))
        clients = [
            await stack.enter_async_context(
                Client(
                    settings.broker,
                    tenant=tenant,
                    name=manifest.name,
                    key=key,
                    retry=Retry(attempts=None),
                )
            )
            for tenant in settings.tenants
        ]

        async def take(messages: Any) -> None:
            await host.intake.take(messages)

        link = MqttLink(
            settings.mqtt, manifest.name, manifest.topics, take, health, ready=connected
        )
        host = Host(settings, clients, ledger, health, link, readiness)
        adapter = build(host)
        host.intake = Intake(adapter, spool, quarantine, redact=host.redact)
        again = _again(host.intake)
        door = PrivateDoor(manifest, health, quarantine, again, host.routes)
        await stack.enter_async_context(door.open(folder))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(host.intake.drain())
            tasks.create_task(_prune(quarantine))
            tasks.create_task(adapter.run())
            if isinstance(adapter, DeviceAdapter):
                follow = partial(
                    erasure.follow,
                    adapter=manifest.name,
                    registry=adapter.registry,
                    forget=host.intake.forget,
                )
                for client in clients:
                    tasks.create_task(follow(client))
            if manifest.topics:
                tasks.create_task(link.run())
            else:
                connected()


def _again(intake: Intake) -> Callable[[Message], Any]:
    async def again(message: Message) -> None:
        await intake.take([message])

    return again


async def _prune(quarantine: Quarantine) -> None:
    while True:
        await quarantine.prune()
        await asyncio.sleep(PRUNE_EVERY)
