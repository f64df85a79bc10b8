"""The commands a client sends to a MongoDB server, recorded, and carried out again by mongomock."""

from collections.abc import Iterator
from typing import Any

import mongomock
from bson import SON
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

Document = dict[str, Any]
WRITES = frozenset({"insert", "update", "delete", "findAndModify"})


class Commands(CommandListener):
    """Keeps what was sent and succeeded, in order; of transactions only those committed."""

    def __init__(self) -> None:
        self.sent: list[Document] = []
        """Everything, as it was sent."""
        self.done: list[Document] = []
        """Writes that took effect, and commands about collections."""
        self._begun: dict[int, Document] = {}
        self._open: dict[tuple[bytes, int], list[Document]] = {}

    def started(self, event: CommandStartedEvent) -> None:
        """Take a command that is being sent."""
        self._begun[event.request_id] = _plain(event.command)
        self.sent.append(self._begun[event.request_id])

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Take note that a command was carried out."""
        command = self._begun.pop(event.request_id)
        if "autocommit" not in command:
            self.done.append(command)
            return
        transaction = (bytes(command["lsid"]["id"]), command["txnNumber"])
        if "commitTransaction" in command:
            self.done += self._open.pop(transaction)
        elif "abortTransaction" in command:
            self._open.pop(transaction, None)
        else:
            self._open.setdefault(transaction, []).append(command)

    def failed(self, event: CommandFailedEvent) -> None:
        """Take note that a command was not carried out."""
        del self._begun[event.request_id]

    def statements(self, database: str = "") -> Iterator[tuple[str, str, Document]]:
        """Yield command, collection and statement of each write that took effect in a database.

        In all databases where none is named.
        """
        for command in self.done:
            if database not in ("", command["$db"]):
                continue
            name = next(iter(command))
            collection = command[name]
            match name:
                case "insert":
                    yield from ((name, collection, one) for one in command["documents"])
                case "update":
                    yield from ((name, collection, one) for one in command["updates"])
                case "delete":
                    yield from ((name, collection, one) for one in command["deletes"])
                case "findAndModify":
                    about = {key: command[key] for key in ("query", "update", "new", "upsert")}
                    yield name, collection, about

    def replayed(self, name: str) -> dict[str, dict[Any, Document]]:
        """Return a database by collection and `_id`, as mongomock carries the writes out."""
        database: Any = mongomock.MongoClient()[name]
        for command, collection, statement in self.statements(name):
            _carry_out(database[collection], command, statement)
        return held(database)


def held(database: Any) -> dict[str, dict[Any, Document]]:
    """Return all documents of a database by collection and `_id`, but for empty collections."""
    names = database.list_collection_names()
    found = {name: {each["_id"]: each for each in database[name].find()} for name in names}
    return {name: documents for name, documents in found.items() if documents}


def _carry_out(collection: Any, name: str, statement: Document) -> None:
    match name:
        case "insert":
            collection.insert_one(statement)
        case "update":
            asked, change = statement["q"], statement["u"]
            upsert = statement.get("upsert", False)
            if statement.get("multi"):
                collection.update_many(asked, change, upsert=upsert)
            elif next(iter(change)).startswith("$"):
                collection.update_one(asked, change, upsert=upsert)
            else:
                collection.replace_one(asked, change, upsert=upsert)
        case "delete" if statement["limit"]:
            collection.delete_one(statement["q"])
        case "delete":
            collection.delete_many(statement["q"])
        case "findAndModify":
            collection.find_one_and_update(statement["query"], statement["update"])


def _plain(value: Any) -> Any:
    """Return a copy with dictionaries for SON, which is as it was sent, whatever comes later."""
    if isinstance(value, SON | dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
