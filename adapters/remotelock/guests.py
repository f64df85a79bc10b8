"""Which person at the vendor stands for which grant: in a file, without the PINs."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from adapters.common.files import Database

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS guests (
    tenant TEXT NOT NULL, grant_id TEXT NOT NULL, person TEXT NOT NULL,
    going INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (tenant, grant_id));
CREATE INDEX IF NOT EXISTS by_person ON guests (person);
CREATE TABLE IF NOT EXISTS polled (place INTEGER PRIMARY KEY CHECK (place = 0), at TEXT NOT NULL);
"""


class Guests:
    """The file, and up to when events were asked for."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, SCHEMA)

    async def person(self, tenant: str, grant: str) -> tuple[str, bool] | None:
        """Return the person of a grant, and whether they are being taken back."""
        query = "SELECT person, going FROM guests WHERE tenant = ? AND grant_id = ?"
        row = await self._database.do(lambda c: c.execute(query, (tenant, grant)).fetchone())
        return None if row is None else (row[0], bool(row[1]))

    async def grant(self, person: str) -> str:
        """Return the grant a person stands for; empty where it is none of ours."""
        query = "SELECT grant_id FROM guests WHERE person = ?"
        row = await self._database.do(lambda c: c.execute(query, (person,)).fetchone())
        return "" if row is None else str(row[0])

    async def keep(self, tenant: str, grant: str, person: str) -> None:
        """Note the person of a grant."""
        query = "INSERT OR REPLACE INTO guests (tenant, grant_id, person) VALUES (?, ?, ?)"
        await self._database.do(lambda c: c.execute(query, (tenant, grant, person)))

    async def going(self, tenant: str, grant: str) -> None:
        """Note that a grant is being taken back."""
        query = "UPDATE guests SET going = 1 WHERE tenant = ? AND grant_id = ?"
        await self._database.do(lambda c: c.execute(query, (tenant, grant)))

    async def polled(self) -> str:
        """Return the `created_at` of the newest event taken; empty at the very first."""
        row = await self._database.do(lambda c: c.execute("SELECT at FROM polled").fetchone())
        return "" if row is None else str(row[0])

    async def has_polled(self, at: str) -> None:
        """Note the `created_at` of the newest event taken."""
        query = "INSERT INTO polled VALUES (0, ?1) ON CONFLICT (place) DO UPDATE SET at = ?1"
        await self._database.do(lambda c: _run(c, query, at))

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _run(connection: sqlite3.Connection, query: str, at: str) -> None:
    connection.execute(query, (at,))
