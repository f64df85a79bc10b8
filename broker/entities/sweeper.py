"""Expiry: what is past its `expiresAt` is taken away soon after (§4.22).

The store knows what is due, so that looking costs nothing where nothing is. Each entity is a
unit of work of its own: writers are never held up, and one that cannot expire holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeAlias

from broker.clock import Clock
from broker.errors import Conflict, MachiError, NonexistentTenant
from broker.store.contract import Store, Tx

EVERY = 0.5
"""Seconds between two looks."""

SLICE = 50
PATIENCE = 120
"""Looks for which an entity that a rule keeps from expiring is left alone."""

RETRY = 10.0
"""Seconds until the next look where the store cannot write."""

log = logging.getLogger("machi.broker")

Stuck: TypeAlias = set[tuple[str, str]]


async def sweep(store: Store, clock: Clock, stuck: Stuck) -> None:
    """Take away everything that has expired but `stuck`; add to it what a rule keeps."""
    passed = 0
    while due := await store.due(clock(), limit=SLICE, skip=passed):
        tried = [one for one in due if one not in stuck]
        results = await asyncio.gather(
            *(_expire(store, tenant, entity_id) for tenant, entity_id in tried),
            return_exceptions=True,
        )
        for one, result in zip(tried, results, strict=True):
            if isinstance(result, Conflict | NonexistentTenant):
                log.warning("an entity of tenant %r cannot expire: %s", one[0], result)
                stuck.add(one)
            elif isinstance(result, BaseException):
                raise result
        passed += sum(one in stuck for one in due)


async def keep_swept(
    store: Store, clock: Clock, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Take away what has expired, twice a second, until cancelled."""
    stuck: Stuck = set()
    for look in count():
        if look % PATIENCE == 0:
            stuck.clear()
        try:
            if store.leads():
                await sweep(store, clock, stuck)
        except MachiError as error:
            log.warning("nothing expires, next try in %g s: %s", RETRY, error)
            await sleep(RETRY)
        else:
            await sleep(EVERY)


async def _expire(store: Store, tenant: str, entity_id: str) -> None:
    async def work(tx: Tx) -> None:
        await tx.expire(entity_id)

    await store.write(tenant, work)
