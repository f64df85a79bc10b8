"""The brokers on one database: who is there, and how queues change hands.

Each broker gives a sign of life every second. Whoever is silent for `SILENCE`, by the clock of
one who watches, is put out: what it owned goes to the others, and rows that it may have been
sending count a try more. One that comes back after that sees it, and joins anew. Somebody who has
more than its share lets go of queues, with nothing under way, and hands them over then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, TypeAlias

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from broker.errors import MachiError
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.queues import Queues
from broker.store.mongodb.repeating import Repeating
from broker.store.mongodb.server import Database
from broker.store.mongodb.slots import Slots, slot_of
from broker.store.mongodb.staging import Staging
from broker.store.mongodb.writer import Task
from broker.store.outbox import IN_FLIGHT

RENEWED: Final = 1.0
SILENCE: Final = 5.0
"""Seconds."""

INTERRUPTED: Final = "The broker ended while the notification may have been under way."

Alone: TypeAlias = Callable[[Task], Awaitable[Any]]

log = logging.getLogger("machi.broker")


class Replicas:
    """A broker among those on its database. `alone` runs a task in a transaction of its own."""

    def __init__(
        self, database: Database, queues: Queues, alone: Alone, monotonic: Callable[[], float]
    ) -> None:
        self._database = database
        self._queues = queues
        self._sharing = queues.sharing
        self._name = queues.sharing.name
        self._alone = alone
        self._monotonic = monotonic
        self._seen: dict[str, tuple[int | None, float]] = {}
        """The newest sign of life of others, and since when it is known."""
        self.signs = Repeating(RENEWED, self._give_sign, "machi-replica")
        self._handing: asyncio.Task[None] | None = None

    async def join(self) -> None:
        """Be there from now on."""
        await self._beat()
        await self._change(lambda slots: slots.joined(self._name))
        self.signs.start()

    async def leave(self) -> None:
        """Be there no more; what is delivered has ended before."""
        await self.signs.end()
        if self._handing is not None:
            await self._handing
        with suppress(MachiError, PyMongoError):
            await self._change(lambda slots: slots.left(self._name))
            await self._database["replicas"].delete_one({"_id": self._name})

    async def _give_sign(self) -> None:
        await self._beat()
        await self._look()

    async def _beat(self) -> None:
        begun = self._monotonic()
        await self._database["replicas"].update_one(
            {"_id": self._name}, {"$inc": {"beat": 1}}, upsert=True
        )
        if self._sharing.renew(begun):
            self._queues.resume(self._sharing.slots.of(self._name))

    async def _look(self) -> None:
        """See who is there, and put things right."""
        found = self._database["replicas"].find()
        beats = {document["_id"]: document["beat"] async for document in found}
        now = self._monotonic()
        for name in self._sharing.slots.members:
            known = self._seen.get(name)
            if known is None or known[0] != beats.get(name):
                self._seen[name] = (beats.get(name), now)
            elif name != self._name and now - known[1] > SILENCE:
                log.warning("a broker on this database is silent: its queues go to others")
                await self._put_out(name, known[0])
        if self._name not in self._sharing.slots.members:
            await self._change(lambda slots: slots.joined(self._name))
        if self._handing is None or self._handing.done():
            slots = self._sharing.slots.too_many(self._name)
            if slots:
                self._handing = asyncio.create_task(self._hand_over(slots), name="machi-handing")

    async def _hand_over(self, slots: frozenset[int]) -> None:
        self._sharing.giving = slots
        try:
            if self._queues.courier is not None:
                given = [sid for sid in self._queues.lines if slot_of(sid) in slots]
                await self._queues.courier.leave(given)
            await self._change(lambda now: now.handed_over(self._name, slots))
        except (PyMongoError, MachiError) as error:
            log.warning("queues were not handed over, next try later: %s", error)
        finally:
            self._sharing.giving = frozenset()
            self._queues.resume(slots)

    async def _put_out(self, name: str, beat: int | None) -> None:
        """Put a broker out unless it gave a sign of life meanwhile."""

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> None:
            found = await self._database["replicas"].find_one({"_id": name}, session=session)
            slots = self._sharing.slots
            alive = found is not None and found["beat"] != beat
            if alive or name not in slots.members:
                return
            staging = Staging(self._queues.lines)
            for sid, line in self._queues.lines.items():
                if slots.owners[slot_of(sid)] == name and (staged := staging.find(sid)):
                    for seq in line.past(0, IN_FLIGHT):
                        tries = line.rows[seq]
                        error = tries.error or INTERRUPTED
                        staged.note(seq, replace(tries, attempts=tries.attempts + 1, error=error))
            staging.write(writes)
            writes.drop("replicas", name)
            self._put(writes, slots.left(name))

        await self._alone(work)

    async def _change(self, change: Callable[[Slots], Slots]) -> None:
        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> None:
            self._put(writes, change(self._sharing.slots))

        await self._alone(work)

    def _put(self, writes: Writes, slots: Slots) -> None:
        document = {"members": list(slots.members), "owners": list(slots.owners)}
        writes.put("meta", {"_id": "slots", **document})
        writes.after.append(lambda: self._queues.deal(slots))
