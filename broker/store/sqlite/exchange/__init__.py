"""A data file read whole into items of exchange, and filled with them."""

from broker.store.sqlite.exchange.source import SqliteSource, open_source
from broker.store.sqlite.exchange.target import SqliteTarget, open_target

__all__ = ["SqliteSource", "SqliteTarget", "open_source", "open_target"]
