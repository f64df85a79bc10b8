"""Which code slot of which lock is given to which grant: in a file, without the codes."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from adapters.common.files import Database

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS slots (
    tenant TEXT NOT NULL, device TEXT NOT NULL, slot INTEGER NOT NULL, grant_id TEXT NOT NULL,
    PRIMARY KEY (tenant, device, slot), UNIQUE (tenant, device, grant_id));
"""


class Slots:
    """The file."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, SCHEMA)

    async def find(self, tenant: str, device: str, grant: str) -> int | None:
        """Return the slot given to a grant."""
        query = "SELECT slot FROM slots WHERE tenant = ? AND device = ? AND grant_id = ?"
        parts = (tenant, device, grant)
        row = await self._database.do(lambda c: c.execute(query, parts).fetchone())
        return None if row is None else int(row[0])

    async def grant(self, tenant: str, device: str, slot: int) -> str:
        """Return the grant that has a slot; empty where none of ours has it."""
        query = "SELECT grant_id FROM slots WHERE tenant = ? AND device = ? AND slot = ?"
        parts = (tenant, device, slot)
        row = await self._database.do(lambda c: c.execute(query, parts).fetchone())
        return "" if row is None else str(row[0])

    async def give(self, tenant: str, device: str, grant: str, free: list[int]) -> int | None:
        """Give a grant the first of these slots that is not given; None where all are.

        A grant that has a slot keeps it.
        """

        def work(connection: sqlite3.Connection) -> int | None:
            rows = connection.execute(
                "SELECT slot, grant_id FROM slots WHERE tenant = ? AND device = ?",
                (tenant, device),
            ).fetchall()
            given = dict(rows)
            for slot, of in given.items():
                if of == grant:
                    return int(slot)
            slot = next((one for one in free if one not in given), None)
            if slot is not None:
                row = (tenant, device, slot, grant)
                connection.execute("INSERT INTO slots VALUES (?, ?, ?, ?)", row)
            return slot

        return await self._database.do(work)

    async def free(self, tenant: str, device: str, grant: str) -> None:
        """Take back the slot of a grant."""
        query = "DELETE FROM slots WHERE tenant = ? AND device = ? AND grant_id = ?"
        await self._database.do(lambda c: c.execute(query, (tenant, device, grant)))

    def close(self) -> None:
        """Close the file."""
        self._database.close()
