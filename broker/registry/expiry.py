"""Registrations are deleted soon after their `expiresAt` (§5.9.2.4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from broker.entities.sweeper import EVERY, RETRY
from broker.errors import MachiError
from broker.registry.service import Registrations

log = logging.getLogger("machi.broker")


async def keep_current(
    registrations: Registrations, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Delete what has expired, twice a second, until cancelled."""
    while True:
        try:
            await registrations.sweep()
        except MachiError as error:
            log.warning("no registration expires, next try in %g s: %s", RETRY, error)
            await sleep(RETRY)
        else:
            await sleep(EVERY)
