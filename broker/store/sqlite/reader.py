"""Reads of committed data: inline on the loop where they are short, else in a small pool.

Each thread of the pool has its own connection, made when it is first needed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import apsw

from broker.store.refusals import too_long
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.connection import runner

T = TypeVar("T")

THREADS: Final = 2

MAPPED_MIB: Final = 32
"""Of the file, mapped for each thread."""


class Reader:
    """The reading connections, and the bound on how long one read may take."""

    def __init__(
        self,
        connect: Callable[..., apsw.Connection],
        *,
        inline_seconds: float,
        longest_seconds: float,
    ) -> None:
        self._connect = connect
        self._inline_seconds = inline_seconds
        self._longest_seconds = longest_seconds
        self._threads = ThreadPoolExecutor(THREADS, "machi-read")
        self._local = threading.local()
        self._opened: list[apsw.Connection] = []
        self.connection = connect(cache_mib=8, mapped_mib=48)
        self.run = runner(self.connection)
        self.offloaded = 0

    async def bounded(self, read: Callable[[Budget], T]) -> T:
        """Run `read` in one read transaction: a few milliseconds inline, else in the pool.

        It may so be run twice. Raises TooComplexQuery where the longest time is used up.
        """
        try:
            with Budget(self.connection, self._inline_seconds, inline=True) as budget:
                return read(budget)
        except apsw.InterruptError:
            self.offloaded += 1
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._in_thread, read)

    def close(self) -> None:
        """Wait for reads under way and close the connections."""
        self._threads.shutdown()
        for connection in (self.connection, *self._opened):
            connection.close()

    def _in_thread(self, read: Callable[[Budget], T]) -> T:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect(mapped_mib=MAPPED_MIB)
            self._opened.append(connection)
        try:
            with Budget(connection, self._longest_seconds, inline=False) as budget:
                return read(budget)
        except apsw.InterruptError as error:
            raise too_long(self._longest_seconds) from error
