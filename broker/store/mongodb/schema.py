"""Collections and their indexes.

| collection | one document is |
|---|---|
| `meta` | `feed`: the newest sequence number and the newest forgotten one; `schema`: the version;
`slots`: who owns which queues |
| `turns` | what a transaction wrote of what brokers keep in memory (`following`) |
| `replicas` | a broker that is there, with the number of its last sign of life |
| `tenants` | a tenant (`_id` is its name; with `leaving` while it is being deleted) |
| `entities` | a current entity (`documents`) |
| `changes` | a row of the change feed (`_id` is its sequence number) |
| `heads`, `moments`, `places` | history: an entity, an instance, how far a source was read |
| `subscriptions`, `outbox`, `dead` | a subscription, a row that waits, a dead letter |
| `answers`, `rules`, `resources` | an idempotent answer, the rules of a type, a resource |
"""

from __future__ import annotations

from typing import Final

from pymongo import IndexModel

from broker.store.mongodb.server import Capable, Database

VERSION: Final = 2

TARGETS: Final = [
    IndexModel([("tenant", 1), ("targets.p", 1), (f"targets.{field}", 1)], name=f"targets_{field}")
    for field in ("n", "s", "S", "i")
]
"""For conditions on values: the fields queries most often compare (`targets`)."""

SPHERE: Final = [IndexModel([("places.point", "2dsphere")], name="places_point")]

INDEXES: Final[dict[str, list[IndexModel]]] = {
    "entities": [
        IndexModel([("tenant", 1), ("types", 1), ("id", 1)], name="types"),
        IndexModel([("tenant", 1), ("places.p", 1), ("places.west", 1)], name="places"),
        IndexModel([("due", 1)], name="due", sparse=True),
        IndexModel([("tenant", 1)], name="large", partialFilterExpression={"over": True}),
    ],
    "changes": [
        IndexModel([("tenant", 1), ("id", 1)], name="entity"),
        IndexModel([("at", 1)], name="at"),
    ],
    "turns": [IndexModel([("at", 1)], name="at")],
    "answers": [IndexModel([("at", 1)], name="at")],
    "heads": [IndexModel([("tenant", 1), ("id", 1)], name="id")],
    "moments": [
        IndexModel(
            [("tenant", 1), ("entity", 1), ("attribute", 1), ("dataset", 1), (time, 1)], name=time
        )
        for time in ("time", "observed")
    ],
    "outbox": [IndexModel([("sid", 1), ("seq", 1)], name="queue")],
    "dead": [IndexModel([("sid", 1), ("seq", 1)], name="queue")],
    "resources": [IndexModel([("tenant", 1), ("kind", 1), ("at", 1)], name="kind")],
}


class NewerDatabase(Exception):
    """The database was written by a newer version."""


async def prepare(database: Database, capable: Capable) -> None:
    """Make what is missing in a database. Raises NewerDatabase."""
    meta = database["meta"]
    schema = await meta.find_one({"_id": "schema"})
    if schema is not None and schema["version"] > VERSION:
        raise NewerDatabase(f"The database has version {schema['version']}, this is {VERSION}.")
    await meta.update_one(
        {"_id": "schema", "version": {"$lt": VERSION}}, {"$set": {"version": VERSION}}
    )
    for collection, indexes in INDEXES.items():
        await database[collection].create_indexes(indexes)
    if capable.targets:
        await database["entities"].create_indexes(TARGETS)
    if capable.sphere:
        await database["entities"].create_indexes(SPHERE)
    for document in (
        {"_id": "feed", "newest": 0, "pruned": 0, "turn": 0},
        {"_id": "schema", "version": VERSION},
    ):
        await meta.update_one({"_id": document["_id"]}, {"$setOnInsert": document}, upsert=True)
    await database["tenants"].update_one({"_id": ""}, {"$setOnInsert": {"_id": ""}}, upsert=True)
