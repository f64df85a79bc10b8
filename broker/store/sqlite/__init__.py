"""The SQLite engine: one file, one process, group commit."""

from broker.store.sqlite.errors import DataFolderError
from broker.store.sqlite.store import SqliteStore

__all__ = ["DataFolderError", "SqliteStore"]
