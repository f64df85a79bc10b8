"""Turns at wallets: within one process, who changes a wallet waits for who changes it now.

Only spares vain tries; what keeps wallets right are the versions their changes are held to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager


class Turns:
    """One lock for each wallet that somebody is at."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def at(self, wallets: Iterable[str]) -> AsyncIterator[None]:
        """Wait for one's turn at all of some wallets."""
        async with AsyncExitStack() as stack:
            for wallet in sorted(set(wallets)):
                await stack.enter_async_context(self._turn(wallet))
            yield

    @asynccontextmanager
    async def _turn(self, wallet: str) -> AsyncIterator[None]:
        lock, waiting = self._locks.get(wallet, (None, 0))
        lock = lock or asyncio.Lock()
        self._locks[wallet] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._locks[wallet]
            if waiting == 1:
                del self._locks[wallet]
            else:
                self._locks[wallet] = (lock, waiting - 1)
