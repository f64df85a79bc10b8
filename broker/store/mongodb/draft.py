"""What a group of units of work is about to write, and how each sees it.

Nothing reaches the server before the whole group has run: a unit of work that fails leaves no
trace, and its neighbours go on. Reads see what was written before within the same group.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeAlias, TypeVar

from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession

from broker.store.contract import Answer, Committed, Kind, Record, Resource, TypeRules
from broker.store.mongodb.documents import STORED, to_document, to_record
from broker.store.mongodb.rows import (
    Document,
    answer_document,
    change_document,
    joined,
    resource_document,
    rules_document,
    to_answer,
    to_resource,
    to_rules,
)
from broker.store.mongodb.server import Database
from broker.store.mongodb.sizes import fitting

T = TypeVar("T")
Operation: TypeAlias = "InsertOne[Document] | ReplaceOne[Document] | UpdateOne | DeleteOne"

ORDER: Final = (
    "tenants",
    "entities",
    "changes",
    "answers",
    "rules",
    "resources",
    "subscriptions",
    "outbox",
    "dead",
    "heads",
    "moments",
    "places",
    "replicas",
    "meta",
)
"""The collections a group writes, in this order in every transaction."""


@dataclass(slots=True)
class Writes:
    """Documents by collection and `_id`, None for a deleted one; and what follows a commit."""

    documents: dict[str, dict[Any, Document | None]] = field(default_factory=dict)
    parts: set[tuple[str, Any]] = field(default_factory=set)
    """Of which documents only the fields given are written."""
    committed: list[Committed] = field(default_factory=list)
    notices: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    buried: dict[str, int] = field(default_factory=dict)
    after: list[Callable[[], None]] = field(default_factory=list)
    """What is called once all is durable."""

    def put(self, collection: str, document: Document) -> None:
        """Write a document in the place of one of the same `_id`."""
        self.documents.setdefault(collection, {})[document["_id"]] = document
        self.parts.discard((collection, document["_id"]))

    def put_part(self, collection: str, document: Document) -> None:
        """Write some fields of a document, and leave the others."""
        self.documents.setdefault(collection, {})[document["_id"]] = document
        self.parts.add((collection, document["_id"]))

    def drop(self, collection: str, key: Any) -> None:
        """Delete a document."""
        self.documents.setdefault(collection, {})[key] = None

    def take(self, later: Writes) -> None:
        """Add what a unit of work has written."""
        for collection, documents in later.documents.items():
            self.documents.setdefault(collection, {}).update(documents)
        self.parts |= later.parts
        self.committed += later.committed
        self.notices += later.notices
        self.buried |= later.buried

    def operations(self, collection: str) -> list[Operation]:
        """Return the operations on a collection."""
        return [
            self._operation(collection, key, document)
            for key, document in self.documents.get(collection, {}).items()
        ]

    def _operation(self, collection: str, key: Any, document: Document | None) -> Operation:
        if document is None:
            return DeleteOne({"_id": key})
        if collection == "changes":
            return InsertOne(document)
        if (collection, key) in self.parts:
            rest = {name: value for name, value in document.items() if name != "_id"}
            return UpdateOne({"_id": key}, {"$set": rest})
        return ReplaceOne({"_id": key}, document, upsert=True)


@dataclass(slots=True)
class Draft:
    """The `Backend` of one unit of work (`broker.store.tx`)."""

    database: Database
    session: AsyncClientSession
    group: Writes
    tenant: str
    newest: int
    """The newest sequence number before the group."""
    own: Writes = field(default_factory=Writes)
    waiting: bool = False
    """Whether the unit of work waits for the server: for nothing else may it wait."""

    async def find(
        self, collection: str, key: Any, fields: Document | None = None
    ) -> Document | None:
        """Return a document as this unit of work sees it."""
        for writes in (self.own, self.group):
            documents = writes.documents.get(collection, {})
            if key in documents:
                return documents[key]
        asked = self.database[collection].find_one({"_id": key}, fields, session=self.session)
        return await self._server(asked)

    async def load(self, entity_id: str) -> Record | None:
        found = await self.find("entities", joined(self.tenant, entity_id), STORED)
        return None if found is None else to_record(found)

    async def buried(self, entity_id: str) -> int:
        key = joined(self.tenant, entity_id)
        for writes in (self.own, self.group):
            if key in writes.buried:
                return writes.buried[key]
        found = await self._server(
            self.database["changes"].find_one(
                {"tenant": self.tenant, "id": entity_id, "kind": Kind.DELETE.value},
                {"version": 1},
                sort=[("version", -1)],
                session=self.session,
            )
        )
        return 0 if found is None else int(found["version"])

    async def next_seq(self) -> int:
        return self.newest + len(self.group.committed) + len(self.own.committed) + 1

    async def write(
        self, committed: Committed, held: Record | None
    ) -> tuple[Record | None, str | None]:
        change = committed.change
        key = joined(self.tenant, change.entity_id)
        self.own.committed.append(committed)
        self.own.put("changes", fitting(change_document(committed)))
        if committed.after is None:
            self.own.drop("entities", key)
            self.own.buried[key] = change.version
            return None, None
        document = fitting(to_document(self.tenant, committed.after, change.version))
        self.own.put("entities", document)
        return Record(committed.after, change.version), document.get("due")

    async def schedule(self, entity_id: str, due: str | None) -> None:
        key = joined(self.tenant, entity_id)
        found = await self.find("entities", key)
        if found is not None:
            rest = {name: value for name, value in found.items() if name != "due"}
            self.own.put("entities", rest if due is None else {**rest, "due": due})

    async def load_answer(self, key: str) -> Answer | None:
        found = await self.find("answers", joined(self.tenant, key))
        return None if found is None else to_answer(found)

    async def save_answer(self, key: str, answer: Answer, at: str) -> None:
        self.own.put("answers", answer_document(self.tenant, key, answer, at))

    async def load_rules(self) -> Mapping[str, TypeRules]:
        stored = await self._all("rules", {"tenant": self.tenant})
        return {document["type"]: to_rules(document) for document in stored}

    async def save_rules(self, type_iri: str, rules: TypeRules | None) -> None:
        key = joined(self.tenant, type_iri)
        if rules is None:
            self.own.drop("rules", key)
        else:
            self.own.put("rules", rules_document(self.tenant, type_iri, rules))

    async def load_resource(self, kind: str, resource_id: str) -> Resource | None:
        found = await self.find("resources", joined(self.tenant, kind, resource_id))
        return None if found is None else to_resource(found)

    async def load_resources(self, kind: str) -> list[Resource]:
        stored = await self._all("resources", {"tenant": self.tenant, "kind": kind})
        return sorted(map(to_resource, stored), key=lambda one: (one.at, one.id))

    async def save_resource(self, resource: Resource) -> None:
        self.own.put("resources", resource_document(self.tenant, resource))

    async def tell(self, sid: int, at: str, notice: dict[str, Any]) -> None:
        self.own.notices.append((sid, at, notice))

    async def drop_resource(self, kind: str, resource_id: str) -> bool:
        key = joined(self.tenant, kind, resource_id)
        found = await self.find("resources", key, {"_id": 1})
        if found is not None:
            self.own.drop("resources", key)
        return found is not None

    async def _all(self, collection: str, wanted: Document) -> list[Document]:
        """Return the documents with these values, as this unit of work sees them."""
        cursor = self.database[collection].find(wanted, session=self.session)
        found = {document["_id"]: document for document in await self._server(cursor.to_list())}
        for writes in (self.group, self.own):
            for key, document in writes.documents.get(collection, {}).items():
                found.pop(key, None)
                if document is not None and wanted.items() <= document.items():
                    found[key] = document
        return list(found.values())

    async def _server(self, asked: Awaitable[T]) -> T:
        self.waiting = True
        try:
            return await asked
        finally:
            self.waiting = False


class Steps(Generic[T]):
    """A unit of work to await, which may wait for its draft's server and nothing else."""

    def __init__(self, steps: Awaitable[T], draft: Draft) -> None:
        self._steps = steps.__await__()
        self._draft = draft

    def __await__(self) -> Generator[Any, Any, T]:
        error: BaseException | None = None
        while True:
            try:
                asked = self._steps.send(None) if error is None else self._steps.throw(error)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            if not self._draft.waiting:
                self._steps.close()
                raise RuntimeError("a unit of work awaited something other than its Tx")
            error = None
            try:
                yield asked
            except BaseException as raised:
                error = raised
