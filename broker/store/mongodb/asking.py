"""Queries on the current entities of a tenant.

Where the filter is exact, the server filters, counts and pages. Where it is not, what it selects
comes in the order of ids and is tested here, until the page is full. What is ordered by a value
is put in order here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from broker.query.ast import And, EntityQuery, HasType, IdIn, Linked, Node, Not, Or
from broker.query.ordering import sort_entities
from broker.query.plan import required_ids, required_types
from broker.query.predicate import compile_predicate
from broker.store.contract import Page, Record
from broker.store.explanation import Explanation
from broker.store.mongodb.documents import STORED, to_record
from broker.store.mongodb.filters import Filter, compile_filter
from broker.store.mongodb.rows import Document, joined
from broker.store.mongodb.server import Capable, Collection

BATCH: Final = 500


@dataclass(slots=True)
class Asking:
    """One query on one tenant."""

    entities: Collection
    capable: Capable
    tenant: str
    looked: int = 0

    async def page(self, query: EntityQuery) -> Page:
        """Return the page of a query."""
        linked = await self._linked(query.where)
        found = await self._filter(query.where, linked)
        base = {"tenant": self.tenant}
        wanted: Document = {"$and": [base, found.document]} if found.document else base
        if found.exact and not query.order:
            return await self._exact(query, wanted)
        return await self._tested(query, wanted, linked)

    async def explain(self, query: EntityQuery) -> Explanation:
        """Answer a query, and tell how instead of what."""
        page = await self.page(query)
        entities = await self.entities.count_documents({"tenant": self.tenant})
        way = "order" if query.order else "walk"
        return Explanation(way, entities, self.looked, len(page.records), page.total)  # type: ignore[arg-type]

    async def ids(self, node: Node) -> list[str]:
        """Return the ids of all entities that satisfy a node."""
        page = await self.page(EntityQuery(node, limit=-1))
        return [record.id for record in page.records]

    async def _exact(self, query: EntityQuery, wanted: Document) -> Page:
        total = await self.entities.count_documents(wanted) if query.count else None
        if query.limit == 0:
            return Page([], total)
        asked = self._after(query, wanted)
        cursor = self.entities.find(asked, STORED).sort("_id", 1).skip(query.offset)
        if query.limit > 0:
            cursor = cursor.limit(query.limit)
        records = [to_record(document) async for document in cursor]
        self.looked += len(records)
        return Page(records, total)

    async def _tested(
        self, query: EntityQuery, wanted: Document, linked: dict[Node, frozenset[str]]
    ) -> Page:
        holds = compile_predicate(_resolved(query.where, linked), lambda uri: {"id": uri})
        if query.order or query.count:
            every = [each async for each in self._met(wanted) if holds(each.entity)]
            sort_entities(every, query.order, lambda record: record.entity)
            rest = [each for each in every if query.after is None or each.id > query.after]
            end = None if query.limit < 0 else query.offset + query.limit
            return Page(rest[query.offset : end], len(every) if query.count else None)
        records: list[Record] = []
        passed = 0
        async for record in self._met(self._after(query, wanted)):
            if len(records) == query.limit:
                break
            if holds(record.entity):
                passed += 1
                if passed > query.offset:
                    records.append(record)
        return Page(records)

    def _after(self, query: EntityQuery, wanted: Document) -> Document:
        if query.after is None:
            return wanted
        return {"$and": [wanted, {"_id": {"$gt": joined(self.tenant, query.after)}}]}

    async def _met(self, wanted: Document) -> AsyncIterator[Record]:
        cursor = self.entities.find(wanted, STORED).sort("_id", 1).batch_size(BATCH)
        async for document in cursor:
            self.looked += 1
            yield to_record(document)

    async def _filter(self, node: Node, linked: dict[Node, frozenset[str]]) -> Filter:
        if not self.capable.targets:
            return narrow(node)
        found = compile_filter(node, linked.__getitem__, sphere=self.capable.sphere)
        if not found.document or found.document.keys() <= {"types", "id"}:
            return found
        over: Document = {"tenant": self.tenant, "over": True}
        if await self.entities.find_one(over, {"_id": 1}) is None:
            return found
        return Filter({"$or": [{"over": True}, found.document]}, exact=False)

    async def _linked(self, node: Node) -> dict[Node, frozenset[str]]:
        """Return the ids of the entities that satisfy each condition on linked ones."""
        found: dict[Node, frozenset[str]] = {}
        for inner in _inner(node):
            if inner not in found:
                found[inner] = frozenset(await self.ids(inner))
        return found


def narrow(node: Node) -> Filter:
    """Return a filter on types and ids alone, for servers that read others wrongly."""
    conditions: list[Document] = []
    if (types := required_types(node)) is not None:
        conditions.append({"types": {"$in": sorted(types)}})
    if (ids := required_ids(node)) is not None:
        conditions.append({"id": {"$in": sorted(ids)}})
    exact = isinstance(node, HasType | IdIn) or node == And(())
    if len(conditions) < 2:
        return Filter(conditions[0] if conditions else {}, exact)
    return Filter({"$and": conditions}, exact)


def _inner(node: Node) -> list[Node]:
    match node:
        case And(nodes) | Or(nodes):
            return [inner for each in nodes for inner in _inner(each)]
        case Not(inner):
            return _inner(inner)
        case Linked(_, inner):
            return [inner]
    return []


def _resolved(node: Node, linked: dict[Node, frozenset[str]]) -> Node:
    """Return a node in which conditions on linked entities name their ids instead."""
    match node:
        case And(nodes):
            return And(tuple(_resolved(each, linked) for each in nodes))
        case Or(nodes):
            return Or(tuple(_resolved(each, linked) for each in nodes))
        case Not(inner):
            return Not(_resolved(inner, linked))
        case Linked(relationship, inner):
            return Linked(relationship, IdIn(tuple(sorted(linked[inner]))))
    return node
