"""The portal's ear: follows the broker's stream in each tenant and wakes the open pages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from time import monotonic

from apps.portal.state import TYPES, TenantState
from broker.client import Client, ClientError, Event, NotFound

log = logging.getLogger("apps.portal")

PAUSE = 2.0
SOON = 0.1
"""Seconds until a broker that has not been heard yet is tried again; it may just be starting."""
CALM = 0.04
"""Seconds after a change has been told in which further ones are gathered."""


class Hub:
    """The live state of the real tenant and of the drill tenant."""

    def __init__(self, real: Client, drill: Client) -> None:
        self.real = TenantState()
        self.drill = TenantState()
        self._clients = [(real, self.real), (drill, self.drill)]
        self._news = asyncio.Event()
        self.version = 0

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Follow both tenants until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for client, state in self._clients:
                tasks.create_task(self._follow(client, state, ready))

    async def wait(self, seen: int, timeout: float) -> int:
        """Wait until there is news since version `seen`, or `timeout` seconds; return the version.

        A change after a calm is told at once; those close behind it are told together.
        """
        begun = monotonic()
        if self.version == seen:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), timeout)
        if self.version != seen and (left := CALM - (monotonic() - begun)) > 0:
            await asyncio.sleep(left)
        return self.version

    def wake(self) -> None:
        """Tell every waiting page that there is news."""
        self.version += 1
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _follow(self, client: Client, state: TenantState, ready: Callable[[], None]) -> None:
        while True:
            try:
                async for event in client.stream(type=",".join(TYPES)):
                    await self._take(client, state, event)
                    if all(known.connected for _, known in self._clients):
                        ready()
            except ClientError as error:
                # Before a town is planted there is no drill's tenant to follow.
                level = logging.DEBUG if isinstance(error, NotFound) else logging.WARNING
                log.log(level, "cannot follow tenant %r: %s", client.tenant, error)
            except Exception:
                # A page that goes on without its news would show an old river as the river.
                log.exception("a fault of ours; following tenant %r anew", client.tenant)
            state.connected = False
            self.wake()
            await asyncio.sleep(PAUSE if state.heard else SOON)

    async def _take(self, client: Client, state: TenantState, event: Event) -> None:
        if event.kind in {"open", "reset"}:
            state.replace(await client.query(type=",".join(TYPES)))
            state.connected = state.heard = True
        elif event.kind == "lost":
            state.connected = False
        elif event.entity is not None:
            state.put(event.entity)
        else:
            state.entities.pop(event.id, None)
        self.wake()
