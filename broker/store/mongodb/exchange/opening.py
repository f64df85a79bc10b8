"""A database opened to be copied: prepared as a broker would, and nobody at work on it."""

from __future__ import annotations

import asyncio
from typing import Final

from pymongo.errors import PyMongoError

from broker.store.mongodb.marks import UNFINISHED, DatabaseInUse, is_read
from broker.store.mongodb.rows import Document
from broker.store.mongodb.server import Database, connect, unanswered
from broker.store.mongodb.store import MongoStore

PATIENCE: Final = 3.0
"""Seconds in which a broker at work gives a sign of life."""


async def open_database(url: str, patience: float) -> Database:
    """Return the database of a URL. Raises ServiceUnavailable, DatabaseInUse."""
    database = connect(url)
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
        await database.client.close()
        if isinstance(error, PyMongoError):
            raise unanswered(error) from error
        raise
    return database


async def _signs(database: Database) -> list[Document | None]:
    """Return what a broker at work changes every second or so."""
    replicas = await database["replicas"].find().sort("_id", 1).to_list()
    return [await database["meta"].find_one({"_id": "feed"}), *replicas]
