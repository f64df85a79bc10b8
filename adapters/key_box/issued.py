"""Which windows of which boxes are given to which grant: in a file, without the PINs."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from adapters.common.files import Database
from adapters.key_box.offline_pin import LEADERS, VARIANCES, Window

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS issued (
    tenant TEXT NOT NULL, box TEXT NOT NULL, grant_id TEXT NOT NULL,
    start INTEGER NOT NULL, hours INTEGER NOT NULL, variance INTEGER NOT NULL,
    PRIMARY KEY (tenant, box, grant_id), UNIQUE (tenant, box, start, hours, variance));
"""
ALWAYS: Final = 0
"""The hours of an emergency PIN, whose variance is the number of its leader."""


class Issued:
    """The file."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, SCHEMA)

    async def find(self, tenant: str, box: str, grant: str) -> Window | None:
        """Return the window given to a grant."""
        query = (
            "SELECT start, hours, variance FROM issued"
            " WHERE tenant = ? AND box = ? AND grant_id = ?"
        )
        row = await self._database.do(lambda c: c.execute(query, (tenant, box, grant)).fetchone())
        return None if row is None else Window(*row)

    async def give(
        self, tenant: str, box: str, grant: str, start: int, hours: int
    ) -> Window | None:
        """Give a grant these hours with the next free variance; None where there is none left.

        A grant that has a window keeps it.
        """
        most = LEADERS if hours == ALWAYS else VARIANCES

        def work(connection: sqlite3.Connection) -> Window | None:
            row = connection.execute(
                "SELECT start, hours, variance FROM issued"
                " WHERE tenant = ? AND box = ? AND grant_id = ?",
                (tenant, box, grant),
            ).fetchone()
            if row is not None:
                return Window(*row)
            used = connection.execute(
                "SELECT count(*) FROM issued"
                " WHERE tenant = ? AND box = ? AND start = ? AND hours = ?",
                (tenant, box, start, hours),
            ).fetchone()[0]
            if used >= most:
                return None
            connection.execute(
                "INSERT INTO issued VALUES (?, ?, ?, ?, ?, ?)",
                (tenant, box, grant, start, hours, used),
            )
            return Window(start, hours, used)

        return await self._database.do(work)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
