"""Reading a database whole, slice by slice, while no broker works on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from broker.store.contract import Kind
from broker.store.exchange import (
    CurrentEntity,
    Ends,
    Item,
    KeptAnswer,
    NumberedMoment,
    Place,
    QueuedRow,
    Slice,
    Sort,
    SourcePlace,
    Tenant,
    TenantHead,
    TenantResource,
    TypeRule,
)
from broker.store.mongodb.documents import STORED, to_record
from broker.store.mongodb.exchange.opening import PATIENCE, open_database
from broker.store.mongodb.letters import to_tries
from broker.store.mongodb.lines import to_subscription
from broker.store.mongodb.marks import UNFINISHED, DatabaseInUse, mark_read, unmark_read
from broker.store.mongodb.moments import to_head, to_moment
from broker.store.mongodb.rows import (
    Document,
    parted,
    to_answer,
    to_change,
    to_resource,
    to_rules,
)
from broker.store.mongodb.server import Database, answered
from broker.store.outbox import PERIODIC, Books

FIELDS: Final[dict[Sort, Document]] = {
    Sort.ENTITIES: {**STORED, "tenant": 1},
    Sort.CHANGES: {"entity": 0},
}
"""What is read of documents, where that is not all."""


async def open_source(url: str, *, patience: float = PATIENCE) -> MongoSource:
    """Open a database to be read whole. Raises ServiceUnavailable, DatabaseInUse."""
    database = await open_database(url, patience)
    if await database["meta"].find_one({"_id": UNFINISHED}) is not None:
        await database.client.close()
        raise DatabaseInUse("The database is an unfinished copy itself.", "Finish that one first.")
    await mark_read(database)
    return MongoSource(database)


class MongoSource:
    """A `Source` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tenants: set[str] = set()

    @answered
    async def ends(self) -> Ends:
        """Return how far the store is."""
        meta = {each["_id"]: each async for each in self._database["meta"].find()}
        feed, past, queues = meta["feed"], meta.get("history", {}), meta.get("outbox", {})
        return Ends(
            newest=feed["newest"],
            pruned=feed["pruned"],
            followed=past.get("followed", 0),
            moment=past.get("number", 0),
            subscription=queues.get("last", 0),
            gone=Books(**queues.get("gone", {})),
        )

    @answered
    async def count(self, sort: Sort) -> int:
        """Return how many items of a sort there are."""
        return await self._database[sort.value].count_documents({})

    @answered
    async def slice(self, sort: Sort, place: Place, size: int) -> Slice:
        """Return the items of a sort behind a place."""
        await mark_read(self._database)
        if not self._tenants:
            self._tenants = {each["_id"] async for each in self._database["tenants"].find()}
        while True:
            behind = {"$gte": _START[sort]} if place is None else {"$gt": place}
            cursor = self._database[sort.value].find({"_id": behind}, FIELDS.get(sort))
            documents = await cursor.sort("_id", 1).limit(size).to_list()
            if not documents:
                return Slice([], place)
            place = documents[-1]["_id"]
            if items := await self._items(sort, documents):
                return Slice(items, place)

    async def close(self) -> None:
        """Let the database go."""
        await unmark_read(self._database)
        await self._database.client.close()

    async def _items(self, sort: Sort, documents: Sequence[Document]) -> list[Item]:
        """Return documents as items, but those of tenants that are gone."""
        if sort in (Sort.TENANTS, Sort.PLACES):
            return [MAKERS[sort](each) for each in documents]
        kept = [each for each in documents if each["tenant"] in self._tenants]
        if sort not in (Sort.OUTBOX, Sort.DEAD):
            return [MAKERS[sort](each) for each in kept]
        after = await self._updated([each["seq"] for each in kept if each["seq"] < PERIODIC])
        return [_row(each, after.get(each["seq"])) for each in kept]

    async def _updated(self, seqs: Sequence[int]) -> dict[int, Any]:
        """Return entities as they were after updates."""
        wanted = {"_id": {"$in": list(seqs)}, "kind": Kind.UPDATE.value}
        cursor = self._database["changes"].find(wanted, {"entity": 1})
        return {each["_id"]: orjson.loads(each["entity"]) async for each in cursor}


def _row(document: Document, after: Any) -> QueuedRow:
    tries = to_tries(document)
    notice = document.get("notice")
    return QueuedRow(
        *(document["tenant"], document["sid"], document["seq"], tries.queued_at),
        *(tries.attempts, tries.not_before, tries.error, tries.period),
        entities=tuple(orjson.loads(document.get("entities", "[]"))),
        notice=None if notice is None else orjson.loads(notice),
        after=after,
        died_at=document.get("died_at"),
    )


def _entity(document: Document) -> CurrentEntity:
    record = to_record(document)
    return CurrentEntity(document["tenant"], record.entity, record.version)


def _moment(document: Document) -> NumberedMoment:
    about = (document["tenant"], document["entity"], document["attribute"], document["dataset"])
    return NumberedMoment(*about, document["_id"], to_moment(document))


MAKERS: Final[dict[Sort, Callable[[Document], Item]]] = {
    Sort.TENANTS: lambda one: Tenant(one["_id"]),
    Sort.RULES: lambda one: TypeRule(one["tenant"], one["type"], to_rules(one)),
    Sort.RESOURCES: lambda one: TenantResource(one["tenant"], to_resource(one)),
    Sort.ANSWERS: lambda one: KeptAnswer(
        one["tenant"], parted(one["_id"], 2)[1], one["at"], to_answer(one)
    ),
    Sort.ENTITIES: _entity,
    Sort.CHANGES: to_change,
    Sort.SUBSCRIPTIONS: to_subscription,
    Sort.HEADS: lambda one: TenantHead(one["tenant"], to_head(one)),
    Sort.MOMENTS: _moment,
    Sort.PLACES: lambda one: SourcePlace(one["_id"], one["place"]),
}

_NUMBERED: Final = (Sort.CHANGES, Sort.SUBSCRIPTIONS, Sort.MOMENTS)
_START: Final[dict[Sort, Any]] = {sort: 0 if sort in _NUMBERED else "" for sort in Sort}
"""The first `_id`: a condition of its kind, since speakers of the protocol differ without one."""
