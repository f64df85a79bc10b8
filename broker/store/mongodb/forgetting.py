"""What the feed forgets: all of a time that is past, or all of an entity that is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession

from broker.store.contract import Kind
from broker.store.mongodb import leaving
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.queues import Queues
from broker.store.mongodb.rows import Document, emptied_document
from broker.store.mongodb.server import Database
from broker.store.mongodb.writer import Writer

SLICE: Final = 1000
"""Changes forgotten at a time."""


class Forgetting:
    """Takes changes out of the feed, slice by slice.

    `span` tells the oldest change kept and the newest; `forgotten` is told of the newest that is
    kept no longer.
    """

    def __init__(
        self,
        database: Database,
        queues: Queues,
        writer: Writer,
        span: Callable[[], tuple[int, int]],
        forgotten: Callable[[int], None],
    ) -> None:
        self._database = database
        self._changes = database["changes"]
        self._queues = queues
        self._writer = writer
        self._span = span
        self._forgotten = forgotten

    async def prune(self, before: str) -> int:
        """Forget changes and remembered answers older than the time `before`; return how many."""
        end, count = await self._kept_from(before), 0
        while True:
            last = min(end, self._span()[0] + SLICE) - 1
            await self._prune_to(last, before)
            count += (await self._changes.delete_many({"_id": {"$lte": last}})).deleted_count
            if self._span()[0] >= end:
                break
        answers = await self._database["answers"].delete_many({"at": {"$lt": before}})
        await self._database["turns"].delete_many({"at": {"$lt": before}})
        return count + answers.deleted_count

    async def forget(self, tenant: str, entity_id: str) -> int:
        """Forget what was told of an entity up to its newest deletion; return how many changes."""
        about: Document = {"tenant": tenant, "id": entity_id}

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> int:
            deleted = {**about, "kind": Kind.DELETE.value}
            last = await self._changes.find_one(deleted, sort=[("version", -1)], session=session)
            if last is None:
                return 0
            older: Document = {**about, "_id": {"$lt": last["_id"]}}
            found = self._changes.find(older, {"_id": 1}, session=session).sort("_id", 1)
            seqs = [document["_id"] for document in await found.limit(SLICE).to_list()]
            await self._changes.delete_many({"_id": {"$in": seqs}}, session=session)
            kept = {"$set": {"before": emptied_document(last)}}
            await self._changes.update_one({"_id": last["_id"]}, kept, session=session)
            them = (tenant, entity_id, seqs)
            await leaving.forget(self._database, self._queues, session, writes, *them)
            return len(seqs)

        forgotten = 0
        while count := await self._writer.submit(work, alone=True):
            forgotten += count
        return forgotten

    async def _kept_from(self, before: str) -> int:
        """Return the oldest sequence number of the time `before` or later.

        What a dropped tenant's changes were is gone; when they were is known from their turn.
        """
        young: Document = {"at": {"$gte": before}, "_id": {"$gt": 0}}
        first, end = [("_id", 1)], self._span()[1] + 1
        change = await self._changes.find_one(young, {"_id": 1}, sort=first)
        turn = await self._database["turns"].find_one(young, {"since": 1}, sort=first)
        if change is not None:
            end = min(end, int(change["_id"]))
        return end if turn is None else min(end, int(turn["since"]) + 1)

    async def _prune_to(self, last: int, before: str) -> None:
        """Note that changes up to `last` are forgotten, and let what waits for them expire."""

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> None:
            await self._database["meta"].update_one(
                {"_id": "feed"}, {"$set": {"pruned": last}}, session=session
            )
            await leaving.expire(self._database, self._queues, session, writes, last, before)
            writes.after.append(lambda: self._forgotten(last))

        await self._writer.submit(work, alone=True)
