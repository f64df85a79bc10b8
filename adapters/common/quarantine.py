"""The quarantine: messages that could not be used, with the reason, for staff to look at.

They may hold anything, so they are treated as restricted: a folder and a file of their own that
only their owner can read, never a broker attribute, never a log line. They are forgotten after
`DAYS` days, and of each kind only the newest `MOST` are kept. What people decided on them is kept
`DECISIONS_DAYS` days, without what the messages said.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from adapters.common.files import Database
from adapters.contract import Message
from broker.client import timestamp

DAYS: Final = 14
MOST: Final = 1000
LONGEST: Final = 65_536
"""Bytes kept of a message."""
DECISIONS_DAYS: Final = 366

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, reason TEXT NOT NULL,
    place TEXT NOT NULL, topic TEXT NOT NULL, received TEXT NOT NULL, payload BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS by_kind ON message (kind, id);
CREATE TABLE IF NOT EXISTS decision (
    number INTEGER NOT NULL, kind TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
    person TEXT NOT NULL, at TEXT NOT NULL);
"""
COLUMNS: Final = "id, kind, reason, place, topic, received, length(payload)"


class Kind(StrEnum):
    """Why a message is here."""

    BAD = "badPayload"
    UNKNOWN = "unknownDevice"
    CLOCK = "clockAhead"
    REFUSED = "refusedByBroker"


@dataclass(frozen=True, slots=True)
class Held:
    """A message in quarantine, without its payload; `size` counts the bytes kept of it."""

    id: int
    kind: str
    reason: str
    place: str
    topic: str
    received: str
    size: int


class Outcome(StrEnum):
    """What a person decided on a message."""

    RETRIED = "retried"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided what on a message of which number and kind, why and when."""

    number: int
    kind: str
    outcome: str
    reason: str
    person: str
    at: str


class Quarantine:
    """The quarantine of one adapter, in `folder`."""

    def __init__(
        self, folder: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = Database(folder / "messages.db", SCHEMA)
        self._now = now

    async def put(self, message: Message, kind: Kind, reason: str, place: str = "") -> int:
        """Keep a message, forget what is too old or too much; return the message's number."""
        row = (kind, reason, place, message.topic, message.received, message.payload[:LONGEST])

        def work(connection: sqlite3.Connection) -> int:
            number = connection.execute(
                "INSERT INTO message (kind, reason, place, topic, received, payload)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                row,
            ).lastrowid
            connection.execute(
                "DELETE FROM message WHERE kind = ?1 AND id <= ("
                " SELECT id FROM message WHERE kind = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                (kind, MOST),
            )
            return number or 0

        number = await self._database.do(work)
        await self.prune()
        return number

    async def prune(self) -> None:
        """Forget messages and decisions older than their retention."""
        oldest, earliest = (
            timestamp(self._now() - timedelta(days=days)) for days in (DAYS, DECISIONS_DAYS)
        )

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM message WHERE received < ?", (oldest,))
            connection.execute("DELETE FROM decision WHERE at < ?", (earliest,))

        await self._database.do(work)

    async def get(self, number: int) -> tuple[Held, bytes] | None:
        """Return a held message with its payload, or None."""
        query = f"SELECT {COLUMNS}, payload FROM message WHERE id = ?"  # noqa: S608
        row = await self._database.do(lambda c: c.execute(query, (number,)).fetchone())
        return None if row is None else (Held(*row[:-1]), row[-1])

    async def settle(self, held: Held, outcome: Outcome, reason: str, person: str) -> None:
        """Forget a held message, and keep who decided so and why."""
        at = timestamp(self._now())
        row = (held.id, held.kind, outcome, reason, person, at)

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute("DELETE FROM message WHERE id = ?", (held.id,)).rowcount:
                connection.execute("INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?)", row)

        await self._database.do(work)

    async def decisions(self, limit: int = 100) -> list[Decision]:
        """Return what people decided, newest first."""
        query = "SELECT * FROM decision ORDER BY rowid DESC LIMIT ?"
        rows = await self._database.do(lambda c: c.execute(query, (limit,)).fetchall())
        return [Decision(*row) for row in rows]

    async def forget(self, chosen: Callable[[Message], bool]) -> int:
        """Forget held messages, for good; return how many."""

        def work(connection: sqlite3.Connection) -> int:
            rows = connection.execute("SELECT id, topic, payload, received FROM message")
            found = [(number,) for number, *parts in rows if chosen(Message(*parts))]
            connection.executemany("DELETE FROM message WHERE id = ?", found)
            return len(found)

        gone = await self._database.do(work)
        await self._database.wipe()
        return gone

    async def list(self, limit: int = 100) -> list[Held]:
        """Return what is held, newest first."""
        query = f"SELECT {COLUMNS} FROM message ORDER BY id DESC LIMIT ?"  # noqa: S608
        rows = await self._database.do(lambda c: c.execute(query, (limit,)).fetchall())
        return [Held(*row) for row in rows]

    def close(self) -> None:
        """Close the file."""
        self._database.close()
