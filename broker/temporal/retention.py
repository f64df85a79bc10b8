"""Retention: history is resampled and forgotten as the operator's policy says, once an hour."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from broker.clock import Clock
from broker.errors import MachiError, NonexistentTenant
from broker.model.times import microseconds
from broker.store.contract import Store
from broker.temporal.policy import Policy

EVERY: Final = 3600.0
"""Seconds between two looks."""

log = logging.getLogger("machi.broker")


async def retain(store: Store, policy: Policy, clock: Clock) -> int:
    """Resample and forget what is due in every tenant; return how many instances are fewer."""
    fewer = 0
    for tenant in await store.tenants():
        with suppress(NonexistentTenant):
            fewer += await store.history.retain(tenant, policy.of, microseconds(clock()))
    return fewer


async def keep_retained(
    store: Store,
    policy: Policy,
    clock: Clock,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Do what is due once an hour, until cancelled; nothing where all is kept for ever."""
    while policy.forgets:
        try:
            fewer = await retain(store, policy, clock) if store.leads() else 0
        except MachiError as error:
            log.warning("history is not thinned out, next try in an hour: %s", error)
        else:
            if fewer:
                log.info("history has %d instances fewer by its policy", fewer)
        await sleep(EVERY)
