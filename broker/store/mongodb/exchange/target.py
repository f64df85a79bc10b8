"""Filling a database with items. Writing one again replaces it, so that slices may be redone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import orjson
from pymongo import ReplaceOne, UpdateOne

from broker.store.contract import Change, Committed, Kind
from broker.store.exchange import (
    CurrentEntity,
    Ends,
    ExchangeError,
    Item,
    KeptAnswer,
    NumberedMoment,
    QueuedRow,
    Sort,
    SourcePlace,
    Tenant,
    TenantHead,
    TenantResource,
    TypeRule,
)
from broker.store.mongodb.documents import to_document
from broker.store.mongodb.exchange.opening import PATIENCE, open_database
from broker.store.mongodb.lines import Tries, about_period, row_key, subscription_document
from broker.store.mongodb.marks import UNFINISHED
from broker.store.mongodb.moments import head_document, moment_document
from broker.store.mongodb.rows import (
    Document,
    answer_document,
    change_document,
    resource_document,
    rules_document,
)
from broker.store.mongodb.server import Database, answered
from broker.store.outbox import PERIODIC, StoredSubscription
from broker.store.refusals import encode

FILLED: Final = tuple(sort.value for sort in Sort if sort is not Sort.TENANTS)


async def open_target(url: str, *, patience: float = PATIENCE) -> MongoTarget:
    """Begin to fill a database, or go on. Raises ServiceUnavailable, DatabaseInUse, ExchangeError.

    A database that has something is refused.
    """
    database = await open_database(url, patience)
    try:
        if await database["meta"].find_one({"_id": UNFINISHED}) is None:
            await _check_empty(database)
            await database["meta"].insert_one({"_id": UNFINISHED, "progress": "{}"})
    except BaseException:
        await database.client.close()
        raise
    return MongoTarget(database)


async def _check_empty(database: Database) -> None:
    feed = await database["meta"].find_one({"_id": "feed"})
    empty = feed is not None and feed["newest"] == 0
    empty = empty and await database["tenants"].find_one({"_id": {"$ne": ""}}) is None
    for name in FILLED:
        empty = empty and await database[name].find_one({}, {"_id": 1}) is None
    if not empty:
        raise ExchangeError("The database has data already: copy into another, or drop it first.")


class MongoTarget:
    """A `Target` in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @answered
    async def progress(self) -> Mapping[str, Any]:
        """Return what was noted with the newest slice."""
        mark = await self._database["meta"].find_one({"_id": UNFINISHED})
        return {} if mark is None else dict(orjson.loads(mark["progress"]))

    @answered
    async def write(self, sort: Sort, items: Sequence[Item], progress: Mapping[str, Any]) -> None:
        """Write items, then note the progress."""
        documents = [DOCUMENTS[sort](item) for item in items]
        await self._database[sort.value].bulk_write(
            [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
        )
        updated = {
            item.seq: encode(item.after).decode()
            for item in items
            if isinstance(item, QueuedRow) and item.after is not None
        }
        if updated:
            await self._database["changes"].bulk_write(
                [UpdateOne({"_id": seq}, {"$set": {"entity": e}}) for seq, e in updated.items()]
            )
        await self._database["meta"].update_one(
            {"_id": UNFINISHED}, {"$set": {"progress": orjson.dumps(progress).decode()}}
        )

    @answered
    async def finish(self, ends: Ends) -> None:
        """Make it an ordinary database."""
        meta = self._database["meta"]
        for name, figures in (
            ("feed", {"newest": ends.newest, "pruned": ends.pruned}),
            ("history", {"number": ends.moment, "followed": ends.followed}),
            ("outbox", {"last": ends.subscription, "gone": asdict(ends.gone)}),
        ):
            await meta.update_one({"_id": name}, {"$set": figures}, upsert=True)
        await meta.delete_one({"_id": UNFINISHED})

    async def close(self) -> None:
        """Let the database go."""
        await self._database.client.close()


def _change(item: Change) -> Document:
    """Return the document of a change; what it left comes with the rows that are about it."""
    after = item.delta if item.kind is Kind.CREATE else None
    return change_document(Committed(item, None, after))


def _row(item: QueuedRow) -> Document:
    tries = Tries(item.queued_at, item.attempts, item.not_before, item.error, item.period)
    document: Document = {
        "_id": row_key(item.sid, item.seq),
        "tenant": item.tenant,
        "sid": item.sid,
        "seq": item.seq,
        **asdict(tries),
    }
    if item.seq >= PERIODIC:
        document |= about_period(item.entities, item.notice)
    return document if item.died_at is None else {**document, "died_at": item.died_at}


def _moment(item: NumberedMoment) -> Document:
    about = (item.tenant, item.entity_id, item.number, item.attribute, item.dataset)
    return moment_document(*about, item.moment)


def _entity(item: CurrentEntity) -> Document:
    return to_document(item.tenant, item.entity, item.version)


def _answer(item: KeptAnswer) -> Document:
    return answer_document(item.tenant, item.key, item.answer, item.at)


def _rules(item: TypeRule) -> Document:
    return rules_document(item.tenant, item.type_iri, item.rules)


def _resource(item: TenantResource) -> Document:
    return resource_document(item.tenant, item.resource)


def _head(item: TenantHead) -> Document:
    return head_document(item.tenant, item.head)


def _tenant(item: Tenant) -> Document:
    return {"_id": item.tenant}


def _place(item: SourcePlace) -> Document:
    return {"_id": item.source, "place": item.place}


def _subscription(item: StoredSubscription) -> Document:
    return subscription_document(item)


DOCUMENTS: Final[dict[Sort, Callable[[Any], Document]]] = {
    Sort.TENANTS: _tenant,
    Sort.RULES: _rules,
    Sort.RESOURCES: _resource,
    Sort.ANSWERS: _answer,
    Sort.ENTITIES: _entity,
    Sort.CHANGES: _change,
    Sort.SUBSCRIPTIONS: _subscription,
    Sort.OUTBOX: _row,
    Sort.DEAD: _row,
    Sort.HEADS: _head,
    Sort.MOMENTS: _moment,
    Sort.PLACES: _place,
}
