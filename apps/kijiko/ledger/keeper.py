"""The keeper of the books, one for a town: seals every transfer, and watches that all balances.

It follows the transfers in the change feed. Each is sealed in the chain and taken into the sums.
Stopped anywhere, it goes on where it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from apps.kijiko.ledger.book import Book
from apps.kijiko.ledger.chain import SEAL, Tip, seal_from
from apps.kijiko.ledger.reading import read_all
from apps.kijiko.ledger.sealer import Overtaken, Sealer
from apps.kijiko.ledger.transfer import TRANSFER
from apps.kijiko.ledger.watch import Watch
from apps.shell.together import together
from broker.client import ClientError, Entity, Event, value

log = logging.getLogger("apps.kijiko")

EVERY: Final = 10.0
PAUSE: Final = 2.0
BATCH: Final = 500


class Lost(Exception):
    """The feed no longer reaches back to where the keeper was."""


class Keeper:
    """The worker of one currency. `ready` is called once it follows the feed."""

    def __init__(
        self,
        book: Book,
        *,
        every: float = EVERY,
        ready: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.sealer = Sealer(book.client, book.currency, book.clock)
        self.watch = Watch(book)
        self._client = book.client
        self._currency = book.currency
        self._own = f'refCurrency=="{book.currency}"'
        self._every = every
        self._ready = ready
        self._sleep = sleep
        self._lost = False

    async def run(self) -> None:
        """Keep the books until cancelled; begin again after a failure."""
        while True:
            try:
                await self._follow()
            except (Overtaken, Lost):
                log.info("the books are taken up anew")
            except ClientError as error:
                log.warning("the books wait: %s", error)
            await self._sleep(PAUSE)

    async def take(self, batch: list[Event]) -> None:
        """Seal and sum what a batch of events tells. Raises Lost, Overtaken, ClientError."""
        if any(event.kind == "reset" for event in batch):
            self._lost = True
            raise Lost
        for event in batch:
            if event.kind in ("update", "delete", "leave"):
                self.watch.touched(event.id)
        new = [(event.seq, event.entity) for event in batch if event.kind == "enter"]
        if not new:
            return
        place, sealed, summed = new[-1][0], self.sealer.place or 0, self.watch.place or 0
        fresh = [entity for seq, entity in new if entity is not None and seq > sealed]
        if fresh:
            await self.sealer.seal(fresh, place)
        for seq, entity in new:
            if entity is not None and seq > summed:
                self.watch.count(entity)
        self.watch.place = max(place, summed)

    async def _follow(self) -> None:
        await self.sealer.load()
        if self.watch.place is None:
            await self.watch.load()
        if self._lost or self.sealer.place is None or self.watch.place is None:
            await self._begin()
        after = min(self.sealer.place or 0, self.watch.place or 0)
        queue: asyncio.Queue[Event] = asyncio.Queue(4 * BATCH)
        await together(self._listen(queue, after), self._take_all(queue), self._look())

    async def _begin(self) -> None:
        """Start from all transfers there are: seal those that no link has, and sum all."""
        found: dict[str, Entity] = {}
        place = 0
        async for event in self._client.stream(type=TRANSFER, q=self._own, snapshot="true"):
            if event.kind in ("open", "reset"):
                found.clear()
            elif event.kind == "enter" and event.entity is not None:
                found[event.id] = event.entity
            elif event.kind == "synced":
                place = event.seq
                break
        seals = [seal_from(one) for one in (await self._all(SEAL)).values()]
        sealed = {entry.transfer for seal in seals for entry in seal.entries}
        if seals:
            last = max(seals, key=lambda one: one.number)
            self.sealer.tip = Tip(last.number, last.digest)
        missing = [one for name, one in found.items() if name not in sealed]
        missing.sort(key=lambda one: (value(one, "initiatedAt", ""), one["id"]))
        await self.sealer.seal(missing, place)
        self.watch.begin()
        for one in found.values():
            self.watch.count(one)
        self.watch.place = place
        self._lost = False

    async def _all(self, kind: str) -> dict[str, Entity]:
        return await read_all(self._client, kind, self._currency)

    async def _listen(self, queue: asyncio.Queue[Event], after: int) -> None:
        async for event in self._client.stream(type=TRANSFER, q=self._own, after=after):
            if event.kind == "open":
                self._ready()
            await queue.put(event)

    async def _take_all(self, queue: asyncio.Queue[Event]) -> None:
        while True:
            batch = [await queue.get()]
            while len(batch) < BATCH and not queue.empty():
                batch.append(queue.get_nowait())
            await self.take(batch)

    async def _look(self) -> None:
        while True:
            await self.watch.look()
            await self._sleep(self._every)
