"""The file `identity.sqlite` in the town's data folder: clients, keys, accounts, sessions.

The broker reads it and the command line writes it, at the same time: whoever reads looks first
whether the file changed since (`PRAGMA data_version`), so a revoked key opens nothing from the
next request on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw

FILE: Final = "identity.sqlite"
_VERSION: Final = 1
_APPLICATION: Final = 0x4D434944
"""`MCID`, in the header of the file."""

_SCHEMA = """
CREATE TABLE client (
    name TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE key (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES client (name) ON DELETE CASCADE,
    digest BLOB NOT NULL,
    created TEXT NOT NULL,
    expires TEXT,
    revoked TEXT
) WITHOUT ROWID;
CREATE TABLE account (
    id TEXT PRIMARY KEY,
    handle BLOB NOT NULL UNIQUE,
    password TEXT NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE session (
    digest BLOB PRIMARY KEY,
    account TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    expires TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE attempt (
    handle BLOB PRIMARY KEY,
    failed INTEGER NOT NULL,
    until REAL NOT NULL
) WITHOUT ROWID;
"""


class IdentityError(Exception):
    """What was asked of the book cannot be done; the text says why and what to do."""


class IdentityFile:
    """The open file, for one process; others may have it open too."""

    def __init__(self, folder: Path) -> None:
        """Open the file of a data folder; make it where there is none. Raises IdentityError."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._connection = apsw.Connection(str(path))
        self._connection.set_busy_timeout(5000)
        self._seen: Any = None
        self._prepare(path)

    def _prepare(self, path: Path) -> None:
        file = self._connection
        try:
            version = file.pragma("user_version")
            if version > _VERSION or (version and file.pragma("application_id") != _APPLICATION):
                raise IdentityError(
                    f"{path} was written by a newer Machi. Use that version, or a backup."
                )
            file.pragma("journal_mode", "wal")
            file.pragma("synchronous", "full")
            file.pragma("foreign_keys", 1)
            file.pragma("secure_delete", 1)
            if not version:
                with self.written():
                    if not file.pragma("user_version"):
                        file.execute(_SCHEMA)
                        file.pragma("application_id", _APPLICATION)
                        file.pragma("user_version", _VERSION)
        except apsw.NotADBError as error:
            raise IdentityError(
                f"{path} is no identity file. Put a backup in its place."
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def run(self, statement: str, *values: Any) -> list[Any]:
        """Run a statement and return its rows."""
        return self._connection.execute(statement, values).fetchall()

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
        self._seen = None

    def one(self, statement: str, *values: Any) -> bool:
        """Run and commit a statement; return whether it changed a row."""
        with self.written():
            self._connection.execute(statement, values)
            changed = self._connection.changes()
        return changed > 0

    def changed(self) -> bool:
        """Tell whether somebody wrote since this was asked last."""
        version = self._connection.pragma("data_version")
        if version == self._seen:
            return False
        self._seen = version
        return True
