"""A database opened to be copied: prepared as a broker would, and nobody at work on it."""

from __future__ import annotations

import asyncio
from typing import Final

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from broker.store.mongodb.marks import UNFINISHED, DatabaseInUse, is_read
from broker.store.mongodb.rows import Document
from broker.store.mongodb.server import Database, unanswered
from broker.store.mongodb.store import MongoStore

PATIENCE: Final = 3.0
"""Seconds in which a broker at work gives a sign of life."""


async def open_database(url: str, patience: float) -> Database:
    """Return the database of a URL. Raises ServiceUnavailable, DatabaseInUse."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(url, tz_aware=True)
    database = client.get_default_database("machi").with_options(
        write_concern=WriteConcern("majority", j=True), read_concern=ReadConcern("majority")
    )
    try:
        before = await _signs(database)
        await asyncio.sleep(patience)
        if await _signs(database) != before:
            raise DatabaseInUse("A broker works on the database.", "Stop all brokers first.")
        unfinished = await database["meta"].find_one({"_id": UNFINISHED})
        if unfinished is None and not await is_read(database):
            store = MongoStore(url)
            await store.open()
            await store.close()
    except BaseException as error:
        await client.close()
        if isinstance(error, PyMongoError):
            raise unanswered(error) from error
        raise
    return database


async def _signs(database: Database) -> list[Document | None]:
    """Return what a broker at work changes every second or so."""
    replicas = await database["replicas"].find().sort("_id", 1).to_list()
    return [await database["meta"].find_one({"_id": "feed"}), *replicas]
