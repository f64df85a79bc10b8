"""Marks on a database that is being copied: no broker opens it meanwhile.

`unfinished` is on a database that is being filled, until it is whole. `copied` is on one that is
being read, with the time of the newest sign of life: the clocks have to agree within `SILENCE`.
"""

from __future__ import annotations

import time
from typing import Final

from broker.errors import ServiceUnavailable
from broker.store.mongodb.rows import Document
from broker.store.mongodb.server import Database

UNFINISHED: Final = "unfinished"
COPIED: Final = "copied"
SILENCE: Final = 60.0
"""Seconds after which whoever read the database is taken to be gone."""


class DatabaseInUse(ServiceUnavailable):
    """The database is being copied, or is the unfinished copy of another, or brokers use it."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail, place="store", remedy=remedy)


async def check_marks(database: Database) -> None:
    """Raise DatabaseInUse where the database is being copied."""
    if await database["meta"].find_one({"_id": UNFINISHED}) is not None:
        raise DatabaseInUse(
            "The database is an unfinished copy.",
            "Repeat machi migrate, which goes on with it, or drop the database.",
        )
    if await is_read(database):
        raise DatabaseInUse(
            "The database is being copied by machi migrate.", "Wait until that ends."
        )


async def is_read(database: Database) -> bool:
    """Tell whether somebody copies the database right now."""
    mark: Document | None = await database["meta"].find_one({"_id": COPIED})
    return mark is not None and time.time() - mark["seen"] < SILENCE


async def mark_read(database: Database) -> None:
    """Say that the database is being copied."""
    await database["meta"].update_one({"_id": COPIED}, {"$set": {"seen": time.time()}}, upsert=True)


async def unmark_read(database: Database) -> None:
    """Say that it is copied no more."""
    await database["meta"].delete_one({"_id": COPIED})
