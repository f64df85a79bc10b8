"""Raw messages of persons who took their consent back: they are forgotten when the broker says so.

The broker asks for it at a Device (`rawErasureAskedAt`), since only the adapter has the messages.
The adapter forgets what waits and what is held of the device, and says so (`rawErasedUpTo`, with
the value it was asked by). It is asked as long as it has not said so, so it may be away meanwhile.
What the device sends from then on is written where it has a place, and never held.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from adapters.common.registry import Registry
from broker.client import Client, ClientError, Entity, NotFound, value

log = logging.getLogger("adapters")

ASKED: Final = "rawErasureAskedAt"
ANSWERED: Final = "rawErasedUpTo"
PAUSE: Final = 2.0

Forget = Callable[[str], Awaitable[None]]


async def follow(client: Client, adapter: str, registry: Registry, forget: Forget) -> None:
    """Carry out what is asked for one tenant's devices of an adapter, until cancelled."""
    asked = f'adapter=="{adapter}";{ASKED}'
    while True:
        try:
            async for event in client.stream(type="Device", q=asked, snapshot="true"):
                if event.kind == "reset":
                    break
                if event.entity is not None:
                    await answer(client, event.entity, registry, forget)
        except ClientError as fault:
            log.warning("%s: cannot follow what is to be forgotten: %s", adapter, fault)
        await asyncio.sleep(PAUSE)


async def answer(client: Client, device: Entity, registry: Registry, forget: Forget) -> None:
    """Forget a device's messages where that is asked and not done; say that it is done.

    A Device without an address has none. Those that name nobody may be of anybody, and stay.
    """
    asked = value(device, ASKED)
    if asked is None or asked == value(device, ANSWERED):
        return
    await registry.refresh()
    if address := registry.address(client.tenant, device):
        await forget(address)
    try:
        await client.append(device["id"], {ANSWERED: {"type": "Property", "value": asked}})
    except NotFound:
        log.info("a device is gone whose messages were to be forgotten; they are")
