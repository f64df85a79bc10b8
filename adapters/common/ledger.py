"""What an adapter remembers of commands, in a file: what was begun, and the place in the feed."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.common.files import Database

KEEP: Final = 1000

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE NOT NULL, tenant TEXT NOT NULL,
    device TEXT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cursor (tenant TEXT PRIMARY KEY, seq INTEGER NOT NULL);
"""

SENDING: Final = "sending"
DELIVERED: Final = "delivered"
DONE: Final = "done"


@dataclass(frozen=True, slots=True)
class Order:
    """A command that was begun. It is sent at most once, whatever happens."""

    key: str
    tenant: str
    device: str
    name: str
    at: str


class Ledger:
    """The file. `state` of an order: sending, delivered (a result is expected) or done."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, SCHEMA)

    async def begin(self, order: Order, seq: int) -> bool:
        """Note an order before it is sent, with its place in the feed; False if known."""

        def work(connection: sqlite3.Connection) -> bool:
            added = connection.execute(
                "INSERT OR IGNORE INTO orders (key, tenant, device, name, state, at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (order.key, order.tenant, order.device, order.name, SENDING, order.at),
            ).rowcount
            connection.execute(
                "DELETE FROM orders WHERE number <= (SELECT max(number) FROM orders) - ?", (KEEP,)
            )
            _move(connection, order.tenant, seq)
            return added == 1

        return await self._database.do(work)

    async def cursor(self, tenant: str) -> int | None:
        """Return the place in a tenant's feed, None at the very first."""
        query = "SELECT seq FROM cursor WHERE tenant = ?"
        row = await self._database.do(lambda c: c.execute(query, (tenant,)).fetchone())
        return None if row is None else int(row[0])

    async def move(self, tenant: str, seq: int) -> None:
        """Set the place in a tenant's feed."""
        await self._database.do(lambda c: _move(c, tenant, seq))

    async def settle(self, key: str, state: str, *, only: str) -> bool:
        """Set an order's state if it is in the state `only`; say whether it was."""
        query = "UPDATE orders SET state = ? WHERE key = ? AND state = ?"
        return await self._database.do(lambda c: c.execute(query, (state, key, only)).rowcount == 1)

    async def finish(self, tenant: str, device: str, name: str) -> None:
        """Close all of a device's orders of a name: it has reported a result."""
        query = "UPDATE orders SET state = ? WHERE tenant = ? AND device = ? AND name = ?"
        await self._database.do(lambda c: c.execute(query, (DONE, tenant, device, name)))

    async def open(self, tenant: str, *states: str) -> list[Order]:
        """Return a tenant's orders in one of the states, oldest first."""
        query = (
            "SELECT key, tenant, device, name, at FROM orders"
            " WHERE tenant = ? AND state IN (SELECT value FROM json_each(?)) ORDER BY number"
        )
        parts = (tenant, json.dumps(states))
        rows = await self._database.do(lambda c: c.execute(query, parts).fetchall())
        return [Order(*row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _move(connection: sqlite3.Connection, tenant: str, seq: int) -> None:
    connection.execute(
        "INSERT INTO cursor VALUES (?1, ?2) ON CONFLICT (tenant) DO UPDATE SET seq = ?2",
        (tenant, seq),
    )
