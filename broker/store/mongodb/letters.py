"""Rows of the outbox read back with what their notifications are rendered from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection

from broker.store.contract import Committed
from broker.store.mongodb.lines import Tries, row_key
from broker.store.mongodb.rows import Document, to_committed
from broker.store.mongodb.server import Database
from broker.store.outbox import PERIODIC, DeadLetter, StoredSubscription, Waiting


class Letters:
    """Reads rows of queues, and dead letters."""

    def __init__(self, database: Database) -> None:
        self._changes = database["changes"]
        self._outbox = database["outbox"]
        self._dead = database["dead"]

    async def waiting(self, sid: int, rows: Sequence[tuple[int, Tries]]) -> list[Waiting]:
        """Return rows; those whose change is gone are left out."""
        changes = await self._committed([seq for seq, _ in rows if seq < PERIODIC])
        keys = [row_key(sid, seq) for seq, _ in rows if seq >= PERIODIC]
        periods = {}
        if keys:
            cursor = self._outbox.find({"_id": {"$in": keys}})
            periods = {document["seq"]: document async for document in cursor}
        found = [to_waiting(sid, seq, tries, changes, periods) for seq, tries in rows]
        return [row for row in found if row is not None]

    async def dead(
        self, tenant: str | None, sid: int | None, offset: int, limit: int
    ) -> tuple[list[Document], int]:
        """Return the documents of dead letters, the newest death first, and how many there are."""
        wanted: Document = {}
        if tenant is not None:
            wanted["tenant"] = tenant
        if sid is not None:
            wanted["sid"] = sid
        count = await self._dead.count_documents(wanted)
        cursor = self._dead.find(wanted).sort([("died_at", -1), ("seq", -1), ("sid", -1)])
        return await cursor.skip(offset).limit(limit).to_list(), count

    async def dead_one(self, sid: int, seq: int) -> Document | None:
        """Return the document of one dead letter."""
        return await self._dead.find_one({"_id": row_key(sid, seq)})

    async def letter(self, document: Document, stored: StoredSubscription) -> DeadLetter | None:
        """Return a dead letter, or None where what it is about is gone."""
        seq, sid = document["seq"], document["sid"]
        changes = await self._committed([seq] if seq < PERIODIC else [])
        row = to_waiting(sid, seq, to_tries(document), changes, {seq: document})
        if row is None:
            return None
        return DeadLetter(sid, stored.id, stored.tenant, row, document["died_at"])

    async def _committed(self, seqs: Sequence[int]) -> dict[int, Committed]:
        if not seqs:
            return {}
        cursor = self._changes.find({"_id": {"$in": list(seqs)}})
        return {document["_id"]: to_committed(document) async for document in cursor}


async def periods_with(
    collection: AsyncCollection[Document],
    session: AsyncClientSession,
    tenant: str,
    entity_id: str,
) -> dict[int, set[int]]:
    """Return the rows of a tenant, by subscription, that are about periods with an entity."""
    asked = {"tenant": tenant, "entities": {"$exists": True}}
    found: dict[int, set[int]] = {}
    async for document in collection.find(asked, session=session):
        if any(entity["id"] == entity_id for entity in orjson.loads(document["entities"])):
            found.setdefault(document["sid"], set()).add(document["seq"])
    return found


def to_tries(document: Document) -> Tries:
    """Return the tries of a row's document."""
    return Tries(
        document["queued_at"],
        document["attempts"],
        document["not_before"],
        document["error"],
        document["period"],
    )


def to_waiting(
    sid: int,
    seq: int,
    tries: Tries,
    changes: dict[int, Committed],
    periods: dict[int, Document],
) -> Waiting | None:
    """Return a row with what it is about, None where that is gone."""
    known = (tries.attempts, tries.not_before, tries.queued_at, tries.error)
    if seq < PERIODIC:
        committed = changes.get(seq)
        return None if committed is None else Waiting(sid, seq, committed, *known)
    document = periods.get(seq)
    if document is None:
        return None
    entities: list[dict[str, Any]] = orjson.loads(document.get("entities", "[]"))
    notice = document.get("notice")
    return Waiting(
        sid, seq, None, *known, tuple(entities), None if notice is None else orjson.loads(notice)
    )
