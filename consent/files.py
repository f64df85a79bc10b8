"""SQLite files of the town's own, which several processes may have open at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw


class Unusable(Exception):
    """A file cannot be used; the text says why and what to do."""


class File:
    """An open file of a known kind; what it commits is on the disk."""

    def __init__(self, path: Path, application: int, schema: str) -> None:
        """Open a file, or make it with a schema. Raises Unusable.

        `application` tells kinds of files apart (SQLite's application_id).
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self.path = path
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(10_000)
        try:
            self._prepare(application, schema)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, application: int, schema: str) -> None:
        file = self._connection
        try:
            found = file.pragma("application_id")
        except apsw.NotADBError as error:
            raise self._refusal() from error
        if found != application and (found or file.pragma("user_version")):
            raise self._refusal()
        file.pragma("journal_mode", "wal")
        file.pragma("synchronous", "full")
        file.pragma("secure_delete", 1)
        if not found:
            with self.written():
                if not file.pragma("application_id"):
                    file.execute(schema)
                    file.pragma("application_id", application)

    def _refusal(self) -> Unusable:
        return Unusable(f"{self.path} is another kind of file. Put a backup in its place.")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def run(self, statement: str, *values: Any) -> list[Any]:
        """Run a statement and return its rows."""
        return self._connection.execute(statement, values).fetchall()

    def each(self, statement: str, *values: Any) -> Iterator[Any]:
        """Run a statement and give its rows one by one."""
        return iter(self._connection.execute(statement, values))

    @contextmanager
    def written(self) -> Iterator[None]:
        """Commit what is run within, or nothing of it."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def one(self, statement: str, *values: Any) -> bool:
        """Run and commit a statement; return whether it changed a row."""
        with self.written():
            self._connection.execute(statement, values)
            return self._connection.changes() > 0

    def scrub(self) -> None:
        """Leave nothing of what was deleted in the file's log beside it."""
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def version(self) -> int:
        """Return a number that changes when another connection commits."""
        return int(self._connection.pragma("data_version"))
