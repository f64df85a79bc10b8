"""Commands: attributes of a Device that somebody sets, and their results as attributes.

Whoever wants a door unlocked sets the attribute `unlock` on the door's Device. The adapter says
in `unlock_status` what has become of it (PENDING, DELIVERED, OK, ERROR, EXPIRED, as FIWARE's IoT
agents do) and in `unlock_info` why. An order is sent at most once: one that was begun when the
adapter stopped is reported as ERROR, and one older than `expiry` seconds is not sent any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Final

from adapters.common.ledger import DELIVERED, DONE, SENDING, Ledger, Order
from adapters.common.times import seconds_ahead, utc_now
from adapters.common.writer import measured, set_attributes
from adapters.contract import Command, CommandFailed, Status
from broker.client import Client, ClientError, Entity, Event, value

log = logging.getLogger("adapters")

EXPIRY: Final = 60.0
PAUSE: Final = 2.0
LONGEST_INFO: Final = 200

Send = Callable[[Command, Client], Awaitable[tuple[Status, str]]]


class Orders:
    """The commands of one tenant's devices of an adapter.

    `send` carries a command out and returns DELIVERED (the result follows through `result`) or
    OK; it raises CommandFailed. `names` gives the command attributes a Device takes.
    """

    def __init__(
        self,
        client: Client,
        adapter: str,
        names: Callable[[Entity], frozenset[str]],
        ledger: Ledger,
        send: Send,
        *,
        expiry: float = EXPIRY,
        now: Callable[[], str] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._adapter = adapter
        self._names = names
        self._ledger = ledger
        self._send = send
        self._expiry = expiry
        self._now = now
        self._sleep = sleep
        self._ready = ready
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self) -> None:
        """Follow and carry out commands until cancelled."""
        await self.recover()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._expire_for_ever())
            while True:
                try:
                    await self._follow(tasks)
                except ClientError as fault:
                    log.warning("%s: cannot follow commands: %s", self._adapter, fault)
                await self._sleep(PAUSE)

    async def recover(self) -> None:
        """Report the orders that were being sent when the adapter stopped."""
        for order in await self._ledger.open(self._client.tenant, SENDING):
            info = "the adapter stopped while sending; look at the device"
            await self._settle(order, Status.ERROR, info)

    async def expire(self) -> None:
        """Report the orders that got no result in time."""
        for order in await self._ledger.open(self._client.tenant, DELIVERED):
            if seconds_ahead(self._now(), order.at) > self._expiry:
                info = f"no result within {self._expiry:g} s"
                await self._settle(order, Status.EXPIRED, info, only=DELIVERED)

    async def result(self, device_id: str, name: str, status: Status, info: str = "") -> None:
        """Take a result that a device reports."""
        async with self._locks[device_id]:
            await self._ledger.finish(self._client.tenant, device_id, name)
            await self._say(device_id, name, status, info)

    async def confirm(self, device_id: str, name: str, status: Status, info: str = "") -> None:
        """Take a device's state as the result of a command that waits for one, if any does.

        A quick device reports before the way to it has said that it took the command.
        """
        waiting = await self._ledger.open(self._client.tenant, SENDING, DELIVERED)
        if any(order.device == device_id and order.name == name for order in waiting):
            await self.result(device_id, name, status, info)

    async def _expire_for_ever(self) -> None:
        while True:
            await self._sleep(self._expiry / 10)
            try:
                await self.expire()
            except ClientError as fault:
                log.warning("%s: cannot report an expired command: %s", self._adapter, fault)

    async def _follow(self, tasks: asyncio.TaskGroup) -> None:
        tenant = self._client.tenant
        after = await self._ledger.cursor(tenant)
        condition = f'adapter=="{self._adapter}"'
        async for event in self._client.stream(type="Device", q=condition, after=after):
            if event.kind in {"open", "reset"}:
                # Commands from before the first start, or missed for good, are not carried out.
                if event.kind == "reset" or after is None:
                    await self._ledger.move(tenant, event.seq)
                    after = event.seq
                self._ready()
            elif event.kind == "update" and event.entity is not None:
                await self._take(event, event.entity, tasks)

    async def _take(self, event: Event, device: Entity, tasks: asyncio.TaskGroup) -> None:
        for name in sorted(self._names(device).intersection(event.changed)):
            key = f"{self._client.tenant}:{event.id}:v{event.version}:{name}"
            order = Order(key, self._client.tenant, event.id, name, event.at)
            command = Command(event.id, name, value(device, name), key)
            if await self._ledger.begin(order, event.seq):
                tasks.create_task(self._carry_out(order, command))
        await self._ledger.move(self._client.tenant, event.seq)

    async def _carry_out(self, order: Order, command: Command) -> None:
        if seconds_ahead(self._now(), order.at) > self._expiry:
            await self._settle(order, Status.EXPIRED, f"older than {self._expiry:g} s; not sent")
            return
        async with self._locks[order.device]:
            await self._say(order.device, order.name, Status.PENDING, "")
        try:
            status, info = await self._send(command, self._client)
        except CommandFailed as fault:
            status, info = Status.ERROR, str(fault)
        except Exception as fault:
            log.exception("%s: a command failed", self._adapter)
            status, info = Status.ERROR, f"the adapter failed: {type(fault).__name__}"
        await self._settle(order, status, info)

    async def _settle(
        self, order: Order, status: Status, info: str, *, only: str = SENDING
    ) -> None:
        state = DELIVERED if status is Status.DELIVERED else DONE
        async with self._locks[order.device]:
            if await self._ledger.settle(order.key, state, only=only):
                await self._say(order.device, order.name, status, info)

    async def _say(self, device: str, name: str, status: Status, info: str) -> None:
        at = self._now()
        attributes = {
            f"{name}_status": measured(status.value, at),
            f"{name}_info": measured(info[:LONGEST_INFO], at),
        }
        try:
            await set_attributes(self._client, device, attributes)
        except ClientError as fault:
            log.error("%s: the broker did not take a command's status: %s", self._adapter, fault)
