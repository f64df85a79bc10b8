"""A file that mirrors all bookings as a ledger, kept up with every change; no names of people.

Whoever keeps a ledger of their own reads it from there. It is replaced as a whole, so that a reader
never sees half of it, and written anew at each start.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from apps.bookings.desk import Desk
from apps.bookings.ledger import written
from apps.bookings.process.entities import BOOKING, booking_from
from broker.client import Client, ClientError, Entity, NotFound

log = logging.getLogger("apps.bookings")

PAUSE: Final = 10.0
"""Seconds between two writings at least, and before the changes are followed again."""


class Mirror:
    """The mirror of one tenant at a path."""

    def __init__(
        self,
        client: Client,
        desk: Desk,
        path: Path,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._desk = desk
        self._path = path
        self._sleep = sleep
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Keep the file up until cancelled; begin again after a failure."""
        following = asyncio.create_task(self._follow())
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                try:
                    await self.write()
                except (ClientError, OSError) as fault:
                    log.warning("the mirror of the ledger waits: %s", type(fault).__name__)
                    self._changed.set()
                await self._sleep(PAUSE)
        finally:
            while not following.done():
                # A cancellation that meets an event is lost in Python 3.11's `wait_for`.
                following.cancel()
                await asyncio.wait({following}, timeout=1)

    async def write(self) -> None:
        """Write all bookings as they stand. Raises ClientError, OSError."""
        text = await ledger_text(self._client, self._desk)
        await asyncio.to_thread(_replace, self._path, text)

    async def _follow(self) -> None:
        while True:
            try:
                async for event in self._client.stream(type=BOOKING):
                    if event.kind != "heartbeat":
                        self._changed.set()
            except ClientError as fault:
                log.warning("the mirror cannot follow bookings: %s", type(fault).__name__)
            await self._sleep(PAUSE)


async def ledger_text(client: Client, desk: Desk) -> str:
    """Return all bookings as a ledger. Raises ClientError."""
    try:
        found = await client.query(type=BOOKING)
    except NotFound:
        found = []
    town = await desk.town()
    names = {one.id: one.ledger_id or one.id for one in town.spaces.values()}
    # Beside the loop: ten thousand bookings take 0.2 s, in which pages would not answer.
    return await asyncio.to_thread(_text, found, names)


def _text(found: list[Entity], names: dict[str, str]) -> str:
    return "\ufeff" + written((booking_from(one) for one in found), names)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
