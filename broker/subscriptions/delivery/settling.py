"""Settled rows on their way into the store: many in one commit, none lost to a full disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, TypeAlias

from broker.errors import MachiError
from broker.store.outbox import Failure, Outbox, Settlement

AGAIN: Final = 1.0
"""Seconds until a commit that failed is tried again."""

Entry: TypeAlias = "tuple[Settlement | Failure, Callable[[], None]]"

log = logging.getLogger("machi.broker")


class Settler:
    """Writes the ends of rows. Whoever adds one is called back when it is durable."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._added: list[Entry] = []
        self._news = asyncio.Event()
        self._next = asyncio.Event()
        self._writing: asyncio.Event | None = None
        self._closing = False
        self._task = asyncio.create_task(self._serve(), name="machi-settler")

    def add(self, what: Settlement | Failure, durable: Callable[[], None]) -> None:
        """Write this with the next commit, then call `durable`."""
        self._added.append((what, durable))
        self._news.set()

    async def flushed(self) -> None:
        """Wait until what was added so far is durable, whatever is added meanwhile."""
        done = self._next if self._added else self._writing
        if done is not None:
            await done.wait()

    async def close(self) -> None:
        """Write what was added, as far as the store takes it, and stop."""
        self._closing = True
        self._news.set()
        await self._task

    async def _serve(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._added:
                entries, self._added = self._added, []
                self._writing, self._next = self._next, asyncio.Event()
                written = await self._write(entries)
                self._writing.set()
                self._writing = None
                if not written:
                    return
            if self._closing:
                return

    async def _write(self, entries: list[Entry]) -> bool:
        settlements = [what for what, _ in entries if isinstance(what, Settlement)]
        failures = [what for what, _ in entries if isinstance(what, Failure)]
        while True:
            try:
                await self._outbox.settle(settlements, failures)
                break
            except MachiError as error:
                log.error("%d notifications could not be settled: %s", len(entries), error)
                if self._closing:
                    return False
                await asyncio.sleep(AGAIN)
        for _, durable in entries:
            durable()
        return True
