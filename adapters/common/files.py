"""Files that only their owner may read, and SQLite files among them."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def private_folder(path: Path) -> Path:
    """Return the folder, made where it is missing, closed to everyone but its owner."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


class Database:
    """A SQLite file for its owner only. All work runs in one thread, each piece a transaction.

    A committed piece of work survives a power cut. Deleted rows are overwritten.
    """

    def __init__(self, path: Path, schema: str) -> None:
        private_folder(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
        self.path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=path.stem)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA secure_delete=ON")
        self._connection.executescript(schema)

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a piece of work in a transaction of its own; return what it returns."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._transaction, work)

    async def wipe(self) -> None:
        """Overwrite what was deleted in the file's journal too, which holds older pages."""

        def work() -> None:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def do_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Like `do`, for start-up: waits for the result without the event loop."""
        return self._thread.submit(self._transaction, work).result()

    def close(self) -> None:
        """Wait for the work begun and close the file."""
        self._thread.shutdown(wait=True)
        self._connection.close()

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(self._connection)
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return result
