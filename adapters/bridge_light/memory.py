"""What the lights shall show, kept in a file, so that a restart need not wait for the broker."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path
from typing import Final

import orjson

from adapters.common.files import Database
from broker.client import Entity

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS light (
    tenant TEXT, id TEXT, entity BLOB NOT NULL, PRIMARY KEY (tenant, id));
CREATE TABLE IF NOT EXISTS sender (cid TEXT NOT NULL);
"""


class Memory:
    """The last known lights, and the identity (CID) this installation sends sACN with."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, SCHEMA)
        self.cid = uuid.UUID(self._database.do_now(_cid))

    async def keep(self, tenant: str, light: Entity) -> None:
        """Keep a light."""
        row = (tenant, light["id"], orjson.dumps(light))
        await self._database.do(
            lambda c: c.execute("INSERT OR REPLACE INTO light VALUES (?, ?, ?)", row)
        )

    async def forget(self, tenant: str, light_id: str) -> None:
        """Forget a light."""
        row = (tenant, light_id)
        await self._database.do(
            lambda c: c.execute("DELETE FROM light WHERE tenant = ? AND id = ?", row)
        )

    async def lights(self, tenant: str) -> list[Entity]:
        """Return the lights of a tenant."""
        query = "SELECT entity FROM light WHERE tenant = ?"
        rows = await self._database.do(lambda c: c.execute(query, (tenant,)).fetchall())
        return [orjson.loads(row[0]) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _cid(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT cid FROM sender").fetchone()
    if row is None:
        row = (str(uuid.uuid4()),)
        connection.execute("INSERT INTO sender VALUES (?)", row)
    return str(row[0])
