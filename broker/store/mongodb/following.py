"""What other brokers commit on the database, taken over by this one.

Each transaction raises the feed's `turn` and leaves an entry of that number in the collection
`turns`: which documents it wrote of those that brokers keep in memory, and how far the feed goes.
Whoever is behind reads these documents again, in the order of turns. A transaction first takes
over all turns before its own, so what is in memory is exact while its units of work run; at other
times it is behind by `EVERY` at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from broker.store.contract import Committed
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.rows import Document, parted, to_committed
from broker.store.mongodb.server import Database

EVERY: Final = 0.05
"""Seconds between two looks while nothing is written here."""

SLICE: Final = 200
"""Turns taken over at a time."""

CACHED: Final = ("tenants", "subscriptions", "outbox", "meta")
"""Collections of which brokers keep something in memory."""


class Behind(PyMongoError):
    """The entries between what is known here and the newest turn are forgotten."""


@dataclass(slots=True)
class Others:
    """What others have committed: documents by collection and `_id`, None for a deleted one."""

    documents: dict[str, dict[Any, Document | None]] = field(default_factory=dict)
    resources: list[list[str]] = field(default_factory=list)
    """Tenant, kind and id of resources that were written or deleted."""
    committed: list[Committed] = field(default_factory=list)
    pruned: int = 0
    """The newest change that is forgotten."""

    def of(self, collection: str) -> dict[Any, Document | None]:
        """Return what became of documents of a collection."""
        return self.documents.get(collection, {})


Take: TypeAlias = Callable[[Others], None]


class Following:
    """The turns a broker knows of. `lock` is held by whoever takes some over, or adds one."""

    def __init__(self, database: Database, turn: int, newest: int, take: Take) -> None:
        self.lock = asyncio.Lock()
        self.turn = turn
        self.newest = newest
        self.foreign = 0
        """How many turns of others were taken over."""
        self._database = database
        self._take = take

    async def fresh(self) -> None:
        """Take over what was committed before this was called."""
        async with self.lock:
            feed = await self._database["meta"].find_one({"_id": "feed"})
            if feed is not None and feed["turn"] > self.turn:
                await self.catch_up(feed["turn"], feed["pruned"])

    async def catch_up(
        self, upto: int, pruned: int, session: AsyncClientSession | None = None
    ) -> None:
        """Take over the turns up to `upto`; whoever calls this holds `lock`. Raises Behind."""
        turns = self._database["turns"]
        while self.turn < upto:
            wanted = {"_id": {"$gt": self.turn, "$lte": upto}}
            cursor = turns.find(wanted, session=session).sort("_id", 1).limit(SLICE)
            entries = await cursor.to_list()
            if [each["_id"] for each in entries[:1]] != [self.turn + 1]:
                raise Behind("this broker has slept too long to follow the others: start it again")
            others = await self._read(entries, pruned, session)
            self.turn, self.newest = entries[-1]["_id"], entries[-1]["newest"]
            self.foreign += len(entries)
            self._take(others)

    def entry(self, turn: int, at: str, newest: int, writes: Writes) -> Document:
        """Return the entry of a transaction of this broker, after which the feed is at `newest`."""
        wrote = {
            collection: list(writes.documents[collection])
            for collection in CACHED
            if collection in writes.documents
        }
        resources = [parted(key, 3) for key in writes.documents.get("resources", {})]
        return {
            "_id": turn,
            "at": at,
            "since": newest - len(writes.committed),
            "newest": newest,
            "wrote": wrote,
            "resources": resources,
        }

    async def _read(
        self, entries: list[Document], pruned: int, session: AsyncClientSession | None
    ) -> Others:
        keys: dict[str, dict[Any, None]] = {}
        others = Others(pruned=pruned)
        for entry in entries:
            others.resources += entry["resources"]
            for collection, wrote in entry["wrote"].items():
                keys.setdefault(collection, {}).update(dict.fromkeys(wrote))
        for collection, wanted in keys.items():
            found: dict[Any, Document | None] = dict.fromkeys(wanted)
            asked = {"_id": {"$in": list(wanted)}}
            async for document in self._database[collection].find(asked, session=session):
                found[document["_id"]] = document
            others.documents[collection] = found
        if (newest := entries[-1]["newest"]) > self.newest:
            seqs = {"_id": {"$gt": self.newest, "$lte": newest}}
            cursor = self._database["changes"].find(seqs, session=session).sort("_id", 1)
            others.committed = [to_committed(document) async for document in cursor]
        return others

    async def look(self) -> None:
        """Look for news, unless somebody does anyway."""
        if not self.lock.locked():
            await self.fresh()
