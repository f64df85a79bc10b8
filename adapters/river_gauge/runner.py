"""The adapter's process: one MQTT connection, one broker client per tenant."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiomqtt

from adapters.contract import Adapter, Message
from adapters.river_gauge.adapter import RiverGauge
from adapters.river_gauge.registry import Registry
from broker.client import Client, Retry

log = logging.getLogger("adapters.river_gauge")

LONGEST_PAUSE = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen and where to write. `tenants` names the tenants served, "" the default."""

    mqtt_host: str
    mqtt_port: int
    broker: str
    tenants: tuple[str, ...] = ("",)


async def run(settings: Settings) -> None:
    """Follow the uplinks until cancelled. Waits out a broker or MQTT broker that is away."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                Client(settings.broker, tenant=t, name="river_gauge", retry=Retry(attempts=None))
            )
            for t in settings.tenants
        ]
        registry = Registry(clients)
        count = await registry.refresh()
        adapter = RiverGauge(registry)
        await follow(
            adapter,
            settings.mqtt_host,
            settings.mqtt_port,
            ready=lambda: log.info("ready: %d river gauges known", count),
        )


async def follow(
    adapter: Adapter,
    host: str,
    port: int,
    *,
    ready: Callable[[], None] = lambda: None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Give every message under the manifest's topics to the adapter, until cancelled.

    A lost connection is taken up again with back-off. The MQTT session outlives it, so messages
    of quality of service 1 sent meanwhile arrive afterwards where the MQTT broker keeps them.
    `ready` is called after each subscription.
    """
    failures = 0
    while True:
        try:
            async with aiomqtt.Client(
                host,
                port,
                identifier=f"machi-{adapter.manifest.name}",
                protocol=aiomqtt.ProtocolVersion.V311,
                clean_session=False,
            ) as client:
                for topic in adapter.manifest.topics:
                    await client.subscribe(topic, qos=1)
                adapter.health.connected = True
                failures = 0
                ready()
                async for message in client.messages:
                    await adapter.ingest(Message(str(message.topic), message.payload))
        except aiomqtt.MqttError as error:
            adapter.health.connected = False
            failures += 1
            pause = min(LONGEST_PAUSE, 0.25 * 2 ** min(failures, 8)) * (0.5 + random.random() / 2)
            log.warning("MQTT at %s:%d is away (%s); next try in %.1f s", host, port, error, pause)
            await sleep(pause)
