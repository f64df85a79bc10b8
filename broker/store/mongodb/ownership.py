"""One broker at a time on a database: queues and caches are kept in its memory.

The owner says every few seconds that it is there. Another broker waits until the owner has been
silent for `SILENCE`, then takes the database over. From that moment on no commit of the former
owner passes: every transaction names its owner (`Writer`). Times are those of the brokers' clocks,
which have to agree within `SILENCE`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Final
from uuid import uuid4

from pymongo.errors import PyMongoError

from broker.store.mongodb.rows import Document
from broker.store.mongodb.server import Database
from broker.store.refusals import not_committed

RENEWED: Final = 1.0
SILENCE: Final = 5.0
"""Seconds."""

log = logging.getLogger("machi.broker")


class Ownership:
    """A broker's hold on a database, by a name nobody else has."""

    def __init__(self, database: Database) -> None:
        self.name = uuid4().hex
        self._meta = database["meta"]
        self._task: asyncio.Task[None] | None = None

    async def take(self, patience: float = 2 * SILENCE) -> None:
        """Become the owner. Raises ServiceUnavailable where another broker stays it."""
        end = time.monotonic() + patience
        while not await self._taken():
            if time.monotonic() > end:
                raise not_committed("another broker works on this database")
            log.info("another broker works on this database, or has ended just now: waiting")
            await asyncio.sleep(RENEWED)
        self._task = asyncio.create_task(self._renew(), name="machi-owner")

    async def release(self) -> None:
        """Let the next broker take the database at once."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        with suppress(PyMongoError):
            await self._meta.update_one(
                {"_id": "feed", "owner": self.name}, {"$set": {"owner": "", "seen": 0.0}}
            )

    async def _taken(self) -> bool:
        now = time.time()
        free: Document = {"_id": "feed", "seen": {"$lt": now - SILENCE}}
        done = await self._meta.update_one(free, {"$set": {"owner": self.name, "seen": now}})
        return done.matched_count == 1

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEWED)
            try:
                await self._meta.update_one(
                    {"_id": "feed", "owner": self.name}, {"$set": {"seen": time.time()}}
                )
            except PyMongoError as error:
                log.warning("the database did not answer: %s", error)
