"""The spool: messages that have come and are not in the broker yet, in a file.

Each device's messages come out in the order they came in, and the devices take turns: one that
sends without end delays nobody else's by more than a message.
"""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from adapters.common.files import Database
from adapters.contract import Message

MOST: Final = 100_000
"""Messages the spool holds; beyond, it takes no more until some are done."""
OF_ONE: Final = 0.5
"""The share of them that one sender may have."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS spool (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT, payload BLOB, received TEXT);
CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL);
"""
INSERT: Final = "INSERT INTO spool (topic, payload, received, sender) VALUES (?, ?, ?, ?)"
NEXT: Final = "SELECT seq, topic, payload, received, sender FROM spool"

Waiting = tuple[int, Message, str]
"""A message's number, the message, and who sent it."""


class Spool:
    """Messages waiting for the broker. What `put` has taken survives a crash and a power cut."""

    def __init__(self, path: Path, *, most: int = MOST) -> None:
        self._database = Database(path, SCHEMA)
        self._identity = self._database.do_now(_identity)
        self._most = most
        self._by_sender = self._database.do_now(_count)
        self.waiting: int = self._by_sender.total()
        self._next: Waiting | None = None
        """The message whose turn it is, until it is done."""
        self._turn = ""
        """The sender who had the last turn."""
        self._forgotten = 0
        """The last message forgotten while it was under way."""
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._signal()

    def crowded(self, sender: str) -> bool:
        """Say whether a sender has as many messages here as one may have."""
        return self._by_sender[sender] >= self._most * OF_ONE

    async def put(self, messages: Sequence[Message], senders: Sequence[str] = ()) -> None:
        """Keep messages, in order, in one durable write. Waits while the spool is full."""
        await self._room.wait()
        told = list(senders) or [""] * len(messages)
        rows = [
            (m.topic, m.payload, m.received, sender)
            for m, sender in zip(messages, told, strict=True)
        ]

        def work(connection: sqlite3.Connection) -> int:
            first = connection.execute(INSERT, rows[0]).lastrowid
            connection.executemany(INSERT, rows[1:])
            return first or 0

        seq = await self._database.do(work)
        if not self.waiting:
            # What comes while nothing waits is not read back: it goes on at once.
            self._next = seq, self._with_ticket(seq, messages[0]), told[0]
        self.waiting += len(rows)
        self._by_sender.update(told)
        self._signal()

    async def first(self) -> tuple[int, Message]:
        """Return the message whose turn it is and its number; waits until there is one.

        The same comes again until it is done.
        """
        await self._news.wait()
        if self._next is None:
            turn = self._turn
            seq, topic, payload, received, sender = await self._database.do(
                lambda connection: _after(connection, turn)
            )
            message = self._with_ticket(seq, Message(topic, payload, received))
            self._next = seq, message, sender
        return self._next[0], self._next[1]

    def holds(self, seq: int) -> bool:
        """Tell whether the message that `first` gave last is still here."""
        return seq != self._forgotten

    async def done(self, seq: int) -> None:
        """Forget the message that `first` gave; the next sender has a turn."""
        await self._database.do(lambda c: c.execute("DELETE FROM spool WHERE seq = ?", (seq,)))
        if self._next is not None and self._next[0] == seq:
            self._turn, self._next = self._next[2], None
            self._gone([self._turn])

    async def forget(self, chosen: Callable[[Message], bool]) -> int:
        """Forget messages that wait, also the one under way; return how many."""

        def work(connection: sqlite3.Connection) -> dict[int, str]:
            found = {
                seq: sender
                for seq, topic, payload, received, sender in connection.execute(NEXT)
                if chosen(self._with_ticket(seq, Message(topic, payload, received)))
            }
            connection.executemany("DELETE FROM spool WHERE seq = ?", [(seq,) for seq in found])
            return found

        gone = await self._database.do(work)
        await self._database.wipe()
        if self._next is not None and self._next[0] in gone:
            self._forgotten, self._next = self._next[0], None
        self._gone(gone.values())
        return len(gone)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _gone(self, senders: Collection[str]) -> None:
        self.waiting -= len(senders)
        self._by_sender.subtract(senders)
        for sender in set(senders):
            if not self._by_sender[sender]:
                del self._by_sender[sender]
        self._signal()

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


def _count(connection: sqlite3.Connection) -> Counter[str]:
    """Return how many messages each sender has; a file of before has none that names one."""
    known = [row[1] for row in connection.execute("PRAGMA table_info(spool)")]
    if "sender" not in known:
        connection.execute("ALTER TABLE spool ADD COLUMN sender TEXT NOT NULL DEFAULT ''")
    connection.execute("CREATE INDEX IF NOT EXISTS by_sender ON spool (sender, seq)")
    return Counter(dict(connection.execute("SELECT sender, count(*) FROM spool GROUP BY sender")))


def _after(connection: sqlite3.Connection, sender: str) -> tuple[int, str, bytes, str, str]:
    """Return the oldest message of the sender who comes after one, and after the last the first."""
    order = "ORDER BY sender, seq LIMIT 1"
    row: tuple[int, str, bytes, str, str] = (
        connection.execute(f"{NEXT} WHERE sender > ? {order}", (sender,)).fetchone()
        or connection.execute(f"{NEXT} {order}").fetchone()
    )
    return row
