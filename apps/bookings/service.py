"""Carries all bookings on: by what changes in the broker, and by what has become due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from apps.bookings.core.spaces import TYPE as SPACE
from apps.bookings.desk import Desk
from apps.bookings.obstacles import hindered, obstacles
from apps.bookings.process import machine
from apps.bookings.process.entities import BOOKING, PAYMENT
from apps.bookings.process.runner import Process, due_query
from apps.shell.together import together
from broker.client import Client, ClientError, Event, NotFound, value

log = logging.getLogger("apps.bookings")

CURSOR: Final = "urn:ngsi-ld:FeedCursor:bookings"
GRANT: Final = "AccessGrant"
TICK: Final = 1.0
PAUSE: Final = 2.0
LOOK: Final = 30.0
"""Seconds between two looks at what stands in the way of bookings."""
AT_ONCE: Final = 8
MOST: Final = 200
KEEP_EVERY: Final = 50
"""Events between two writings of the place in the feed: what is taken twice has one effect."""


class Service:
    """The worker of one tenant. `ready` is called once it follows the feed."""

    def __init__(
        self,
        process: Process,
        *,
        ready: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._process = process
        self._client: Client = process.client
        self._desk = Desk(process)
        self._ready = ready
        self._sleep = sleep
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._taken = 0
        self._troubles: dict[str, str] = {}

    async def run(self) -> None:
        """Carry bookings on until cancelled; begin again after a failure."""
        while True:
            try:
                await together(self._follow(), self._tick(), self._look())
            except ClientError as error:
                log.warning("bookings wait: %s", error)
            await self._sleep(PAUSE)

    async def tick(self) -> None:
        """Do what is due about all bookings now. Raises ClientError."""
        try:
            found = await self._client.query(
                type=BOOKING, q=due_query(self._process.clock()), attrs=["dueAt"], limit=MOST
            )
        except NotFound:
            return
        await asyncio.gather(*(self._settle(one["id"]) for one in found))

    async def look(self) -> None:
        """Write to those about to begin whose room is not left, or whose lock sticks.

        Raises ClientError.
        """
        found = await obstacles(self._client)
        for booking_id, kind in await hindered(self._client, found, self._process.clock()):
            tell = partial(machine.hindered, kind=kind.value)
            await self._process.change(booking_id, tell)
            await self._settle(booking_id)

    async def take(self, event: Event) -> None:
        """Take one event of the feed. Raises ClientError."""
        if event.kind == "reset":
            await self._all_open()
        elif event.entity is not None and event.kind in ("enter", "update"):
            await self._concerned(event)
        self._taken += 1
        if event.seq and self._taken % KEEP_EVERY == 0:
            await self._keep(event.seq)

    async def _tick(self) -> None:
        while True:
            await self.tick()
            await self._sleep(TICK)

    async def _look(self) -> None:
        while True:
            await self.look()
            await self._sleep(LOOK)

    async def _follow(self) -> None:
        try:
            after: int | None = int(value(await self._client.retrieve(CURSOR), "seq", 0))
        except NotFound:
            after = None
        types = f"{GRANT},{PAYMENT},{SPACE}"
        async for event in self._client.stream(type=types, after=after):
            await self.take(event)
            if event.kind == "open":
                if after is None:
                    await self._all_open()
                self._ready()

    async def _concerned(self, event: Event) -> None:
        entity: Any = event.entity
        types = entity["type"] if isinstance(entity["type"], list) else [entity["type"]]
        if SPACE in types:
            if "closures" in event.changed:
                for suspended in await self._desk.sweep(event.id):
                    log.info("%s is suspended: its space is closed", suspended)
            return
        booking = value(entity, "refBooking" if GRANT in types else "refFor")
        if booking:
            await self._settle(str(booking))

    async def _all_open(self) -> None:
        """Look at every booking to come, and at every closure: what was missed shows there."""
        try:
            found = await self._client.query(
                type=BOOKING, q='status=="confirmed","inUse"', attrs=["status"]
            )
        except NotFound:
            found = []
        await asyncio.gather(*(self._settle(one["id"]) for one in found))
        town = await self._desk.town()
        for space in town.spaces.values():
            if space.hours.closures:
                await self._desk.sweep(space.id)

    async def _settle(self, booking_id: str) -> None:
        """Carry a booking on. One that cannot be read must not hold up the others."""
        try:
            async with self._turns:
                await self._process.settle(booking_id)
        except ClientError:
            raise
        except Exception as fault:
            if self._troubles.get(booking_id) != repr(fault):
                log.exception("%s cannot be carried on", booking_id)
            self._troubles[booking_id] = repr(fault)
        else:
            self._troubles.pop(booking_id, None)

    async def _keep(self, seq: int) -> None:
        attributes = {"seq": {"type": "Property", "value": seq}}
        await self._client.upsert([{"id": CURSOR, "type": "FeedCursor", **attributes}])
