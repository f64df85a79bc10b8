"""What happens to wallets, told the moment it is committed: one stream of the broker for all.

A listener hears of the transfers of one wallet. Whoever does not keep up, and everybody after a gap
in the stream, is told to read anew (None).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from apps.kijiko.ledger.transfer import TRANSFER, Transfer, transfer_from
from broker.client import Client, ClientError, Event

log = logging.getLogger("apps.kijiko")

ROOM = 100
PAUSE = 2.0


class Notices:
    """Follows the transfers and hands them to whoever listens."""

    def __init__(
        self, client: Client, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._client = client
        self._sleep = sleep
        self._listeners: dict[str, set[asyncio.Queue[Transfer | None]]] = {}
        self.following = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                async for event in self._client.stream(type=TRANSFER):
                    self._take(event)
            except ClientError as error:
                log.warning("notices wait: %s", error)
            self.following.clear()
            await self._sleep(PAUSE)

    @contextlib.asynccontextmanager
    async def of(self, wallet: str) -> AsyncIterator[asyncio.Queue[Transfer | None]]:
        """Listen to a wallet's transfers."""
        queue: asyncio.Queue[Transfer | None] = asyncio.Queue(ROOM)
        self._listeners.setdefault(wallet, set()).add(queue)
        try:
            yield queue
        finally:
            mine = self._listeners[wallet]
            mine.discard(queue)
            if not mine:
                del self._listeners[wallet]

    def _take(self, event: Event) -> None:
        if event.kind == "open":
            self.following.set()
        if event.kind in ("open", "reset"):
            for wallet in self._listeners:
                self._tell(wallet, None)
        elif event.kind == "enter" and event.entity is not None:
            transfer = transfer_from(event.entity)
            for posting in transfer.postings:
                self._tell(posting.wallet, transfer)

    def _tell(self, wallet: str, transfer: Transfer | None) -> None:
        for queue in self._listeners.get(wallet, ()):
            if queue.full():
                while not queue.empty():
                    queue.get_nowait()
                transfer = None
            queue.put_nowait(transfer)
