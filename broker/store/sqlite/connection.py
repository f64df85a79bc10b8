"""Connections to the data file, set up as the engine needs them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

import apsw

from broker.query.sql import register_functions
from broker.query.sql_order import register_order_functions
from broker.store.sqlite.schema import verify_header

DATA_FILE: Final = "machi.sqlite"
PAGE_SIZE: Final = 8192
JOURNAL_BYTES: Final = 64 << 20

WRITING = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_NOMUTEX
"""How the writing connection is opened: without a mutex around each call.

Two threads take turns with it: nobody uses it while the writer waits for a COMMIT. Tests of the
store set the mutex again, with which apsw reports a use by two threads at once.
"""

Run: TypeAlias = Callable[..., Any]
"""`run(statement, bindings)` of one cursor; each call ends the one before.

Take all rows (`.get`, `.fetchall()`): a SELECT that is not read to its end keeps its read
transaction open, so that later reads see an old state and the WAL cannot begin anew.
"""


def runner(connection: apsw.Connection) -> Run:
    """Return the `execute` of a new cursor of the connection."""
    return connection.cursor().execute


def make_private(path: Path) -> None:
    """Make a file that only its owner may read, unless it exists; SQLite gives it companions."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def connect(
    path: Path,
    *,
    write: bool = False,
    cache_mib: int = 4,
    mapped_mib: int = 0,
    vfs: str | None = None,
) -> apsw.Connection:
    """Open a connection to the data file: for reading only, unless `write`.

    `cache_mib` and `mapped_mib` bound its memory: pages of its own, and pages of the file mapped
    into the process, which count as resident memory too. A commit empties the cache of every
    other connection, so readers gain more from mapping.
    Raises NotADataFile and NewerDataFile, and leaves such a file alone.
    """
    if write and vfs is None:
        make_private(path)
    # The cache of statements is searched from end to end, and the writer has few of them.
    statements = 60 if write else 400
    flags = WRITING if write else apsw.SQLITE_OPEN_READWRITE
    connection = apsw.Connection(str(path), flags=flags, vfs=vfs, statementcachesize=statements)
    connection.set_busy_timeout(2000)
    try:
        verify_header(connection, empty=write)
    except BaseException:
        connection.close()
        raise
    # Else a statement with a bound LIMIT is planned again at each execution.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    if write:
        connection.pragma("page_size", PAGE_SIZE)
        connection.pragma("auto_vacuum", 2)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("secure_delete", 1)
        connection.pragma("journal_size_limit", JOURNAL_BYTES)
    connection.pragma("mmap_size", mapped_mib << 20)
    connection.pragma("cache_size", -1024 * cache_mib)
    connection.pragma("temp_store", 2)
    if not write:
        connection.pragma("query_only", 1)
        register_functions(connection)
        register_order_functions(connection)
    return connection
