"""A database read whole into items of exchange, and filled with them."""

from broker.store.mongodb.exchange.source import MongoSource, open_source
from broker.store.mongodb.exchange.target import MongoTarget, open_target

__all__ = ["MongoSource", "MongoTarget", "open_source", "open_target"]
