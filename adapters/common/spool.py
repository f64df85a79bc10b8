"""The spool: messages that have come and are not in the broker yet, in a file, in order."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from adapters.common.files import Database
from adapters.contract import Message

MOST: Final = 100_000
"""Messages the spool holds; beyond, it takes no more until some are done."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS spool (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT, payload BLOB, received TEXT);
CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL);
"""
INSERT: Final = "INSERT INTO spool (topic, payload, received) VALUES (?, ?, ?)"


class Spool:
    """Messages waiting for the broker. What `put` has taken survives a crash and a power cut."""

    def __init__(self, path: Path, *, most: int = MOST) -> None:
        self._database = Database(path, SCHEMA)
        self._identity = self._database.do_now(_identity)
        self._most = most
        self.waiting: int = self._database.do_now(_count)
        self._oldest: tuple[int, Message] | None = None
        self._handed = 0
        self._forgotten = 0
        """The message that is under way, and the last one forgotten while it was."""
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._signal()

    async def put(self, messages: Sequence[Message]) -> None:
        """Keep messages, in order, in one durable write. Waits while the spool is full."""
        await self._room.wait()
        rows = [(m.topic, m.payload, m.received) for m in messages]

        def work(connection: sqlite3.Connection) -> int:
            first = connection.execute(INSERT, rows[0]).lastrowid
            connection.executemany(INSERT, rows[1:])
            return first or 0

        seq = await self._database.do(work)
        if not self.waiting:
            # What comes while nothing waits is not read back: it goes on at once.
            self._oldest = seq, self._with_ticket(seq, messages[0])
        self.waiting += len(rows)
        self._signal()

    async def first(self) -> tuple[int, Message]:
        """Return the oldest message and its number; waits until there is one."""
        await self._news.wait()
        known, self._oldest = self._oldest, None
        if known is None:
            seq, topic, payload, received = await self._database.do(_oldest)
            known = seq, self._with_ticket(seq, Message(topic, payload, received))
        self._handed = known[0]
        return known

    def holds(self, seq: int) -> bool:
        """Tell whether the message that `first` gave last is still here."""
        return seq != self._forgotten

    async def done(self, seq: int) -> None:
        """Forget a message."""
        await self._database.do(lambda c: c.execute("DELETE FROM spool WHERE seq = ?", (seq,)))
        self.waiting -= 1
        self._signal()

    async def forget(self, chosen: Callable[[Message], bool]) -> int:
        """Forget messages that wait, also the one under way; return how many."""

        def work(connection: sqlite3.Connection) -> list[int]:
            rows = connection.execute("SELECT seq, topic, payload, received FROM spool")
            found = [
                seq
                for seq, topic, payload, received in rows
                if chosen(self._with_ticket(seq, Message(topic, payload, received)))
            ]
            connection.executemany("DELETE FROM spool WHERE seq = ?", [(seq,) for seq in found])
            return found

        gone = await self._database.do(work)
        await self._database.wipe()
        if self._oldest is not None and self._oldest[0] in gone:
            self._oldest = None
        if self._handed in gone:
            self._forgotten = self._handed
        self.waiting -= len(gone)
        self._signal()
        return len(gone)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _with_ticket(self, seq: int, message: Message) -> Message:
        return replace(message, ticket=f"{self._identity}-{seq}")

    def _signal(self) -> None:
        _set(self._news, self.waiting > 0)
        _set(self._room, self.waiting < self._most)


def _set(event: asyncio.Event, state: bool) -> None:
    if state:
        event.set()
    else:
        event.clear()


def _identity(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT id FROM identity").fetchone()
    if row is None:
        row = (uuid.uuid4().hex,)
        connection.execute("INSERT INTO identity VALUES (?)", row)
    return str(row[0])


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM spool").fetchone()[0])


def _oldest(connection: sqlite3.Connection) -> tuple[int, str, bytes, str]:
    row: tuple[int, str, bytes, str] = connection.execute(
        "SELECT seq, topic, payload, received FROM spool ORDER BY seq LIMIT 1"
    ).fetchone()
    return row
