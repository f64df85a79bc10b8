"""History in SQLite (decision 0101): hot rows in order of series and time, merged into chunks."""

from broker.store.sqlite.history.store import SqliteHistory

__all__ = ["SqliteHistory"]
