"""History in MongoDB: a document for each head, and one for each moment.

What a write may take the place of is read within its transaction; what follows from it is decided
by `broker.store.past`, as in every engine. Reads narrow down to series and times on the server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession

from broker.model.entity import DEFAULT
from broker.query.predicate import compile_predicate
from broker.store.buckets import fold
from broker.store.history import (
    ALL,
    EVERYTHING,
    Aggregated,
    Entry,
    Fact,
    Found,
    Head,
    Ids,
    Moment,
    Place,
    Search,
    Series,
    Which,
    Window,
)
from broker.store.keeping import Decide
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.keeping import Far, Keeping, add_moment
from broker.store.mongodb.moments import meant, to_head
from broker.store.mongodb.rows import Document, joined
from broker.store.mongodb.server import Database
from broker.store.mongodb.tenants import Tenants
from broker.store.mongodb.writer import Writer
from broker.store.past import Past, cut, in_order, number_of, put, retain, select

T = TypeVar("T")
Timed = dict[tuple[str, str], list[tuple[int, Moment]]]

BATCH: Final = 500


class MongoHistory:
    """A `History` in MongoDB."""

    def __init__(self, database: Database, tenants: Tenants, writer: Writer) -> None:
        self._database = database
        self._tenants = tenants
        self._writer = writer
        self._heads = database["heads"]
        self._moments = database["moments"]
        self._far = Far()

    async def load(self) -> None:
        """Take in how far history is."""
        meta = await self._database["meta"].find_one({"_id": "history"}) or {}
        followed = meta.get("followed", 0)
        instances = await self._moments.estimated_document_count()
        self._far = Far(meta.get("number", 0), followed, followed, instances)

    def take(self, document: Document | None) -> None:
        """Take over how far others have brought history."""
        if document is not None:
            self._far.number, self._far.followed = document["number"], document["followed"]
            self._far.instances = document.get("instances", self._far.instances)

    async def record(
        self,
        tenant: str,
        entries: Iterable[Entry],
        *,
        create_tenant: bool = False,
        place: Place | None = None,
    ) -> list[bool]:
        """Keep what is told of entities; tell of each entry whether it is new."""
        told = list(entries)

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> list[bool]:
            if create_tenant:
                self._tenants.ensure(tenant, writes)
            else:
                self._tenants.require(tenant)
            if place is not None:
                writes.put("places", {"_id": place[0], "place": place[1]})
            return await self._keeping(session, writes).keep_all(tenant, told)

        return await self._alone(work)

    async def place(self, source: str) -> int:
        """Return the place up to which a source was recorded."""
        found = await self._database["places"].find_one({"_id": source})
        return 0 if found is None else int(found["place"])

    async def append(self, tenant: str, entry: Entry) -> bool:
        """Keep what is told of an entity with history; False without."""

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> bool:
            keeping = self._keeping(session, writes)
            if await keeping.head(tenant, entry.entity_id) is None:
                return False
            await keeping.keep_all(tenant, [entry])
            return True

        return await self._within(tenant, work)

    async def modify(
        self, tenant: str, entity_id: str, instance_id: str, fact: Fact, at: int
    ) -> bool:
        """Put `fact` in the place of a moment of its attribute."""

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> bool:
            keeping = self._keeping(session, writes)
            past = await keeping.past(tenant, entity_id, {"attribute": fact.attribute})
            for _, moments in () if past is None else in_order(past):
                number = number_of(moments, instance_id)
                if number is not None:
                    assert past is not None
                    known = past.moments()
                    old = moments.pop(number)
                    put(past, replace(fact, instance_id=instance_id), at, number, old.created)
                    past.head = replace(past.head, modified=at)
                    keeping.write(tenant, known, past)
                    return True
            return False

        return await self._within(tenant, work)

    async def delete_instance(
        self, tenant: str, entity_id: str, attribute: str, instance_id: str
    ) -> bool:
        """Remove a moment; of several datasets that have one of the name, the default's first."""
        wanted = {"entity": entity_id, "attribute": attribute, "name": instance_id}
        return await self._remove(tenant, wanted, most=1) > 0

    async def delete_attribute(
        self, tenant: str, entity_id: str, attribute: str, dataset: str | None = DEFAULT
    ) -> bool:
        """Remove a series, or all of an attribute."""
        wanted: Document = {"entity": entity_id, "attribute": attribute}
        if dataset is not None:
            wanted["dataset"] = dataset
        return await self._remove(tenant, wanted) > 0

    async def delete_entity(self, tenant: str, entity_id: str) -> bool:
        """Remove the whole history of an entity."""
        if await self.head(tenant, entity_id) is None:
            return False
        await self._remove(tenant, {"entity": entity_id}, head=entity_id)
        return True

    async def head(self, tenant: str, entity_id: str) -> Head | None:
        """Return what is known of an entity."""
        await self._tenants.enter(tenant)
        found = await self._heads.find_one({"_id": joined(tenant, entity_id)})
        return None if found is None else to_head(found)

    async def search(self, tenant: str, search: Search) -> Found:
        """Return the entities that have history as asked."""
        await self._tenants.enter(tenant)
        matches = compile_predicate(search.where)
        demanding = search.which != ALL or replace(search.window, last=None) != EVERYTHING
        cursor = self._heads.find({"tenant": tenant}).sort("_id", -1 if search.descending else 1)
        found: list[Head] = []
        async for document in cursor.batch_size(BATCH):
            head = to_head(document)
            if matches({"id": head.id, "type": list(head.types), "attrs": {}}) and (
                not demanding or await self._timed(tenant, head, search.which, search.window)
            ):
                found.append(head)
        rest, after = found, search.after
        if after is not None:
            rest = [h for h in found if (h.id < after if search.descending else h.id > after)]
        page = rest[search.offset : search.offset + search.limit]
        return Found(page, len(rest) if search.count else None)

    async def read(
        self,
        tenant: str,
        ids: Ids,
        which: Which = ALL,
        window: Window = EVERYTHING,
        *,
        limit: int | None = None,
    ) -> dict[str, list[Series]]:
        """Return the series of entities that have moments in the window, by entity."""
        return {
            entity_id: [
                cut(Series(*key, [moment for _, moment in timed]), window.last, limit)
                for key, timed in chosen.items()
            ]
            async for entity_id, chosen in self._chosen(tenant, ids, which, window)
        }

    async def extent(
        self, tenant: str, ids: Ids, which: Which = ALL, window: Window = EVERYTHING
    ) -> tuple[int, int] | None:
        """Return the earliest and the latest time of what is in the window."""
        times = [
            at
            async for _, chosen in self._chosen(tenant, ids, which, window)
            for timed in chosen.values()
            for at, _ in timed
        ]
        return (min(times), max(times)) if times else None

    async def aggregate(
        self,
        tenant: str,
        ids: Ids,
        bounds: Sequence[int],
        which: Which = ALL,
        window: Window = EVERYTHING,
    ) -> dict[str, list[Aggregated]]:
        """Return series in figures."""
        answer = {}
        async for entity_id, chosen in self._chosen(tenant, ids, which, window):
            made = [Aggregated(*key, fold(timed, bounds)) for key, timed in chosen.items()]
            if filled := [one for one in made if one.buckets]:
                answer[entity_id] = filled
        return answer

    async def follow(
        self, upto: int, told: Mapping[str, Sequence[Entry]], *, after: int | None = None
    ) -> None:
        """Keep what changes up to `upto` told of entities, by tenant."""

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> None:
            followed = self._far.followed
            if upto <= followed or (after is not None and after != followed):
                return
            keeping = self._keeping(session, writes, following=upto)
            for tenant, entries in told.items():
                if tenant in self._tenants.names:
                    await keeping.keep_all(tenant, entries)
            keeping.note()

        await self._alone(work)

    async def retain(self, tenant: str, decide: Decide, now: int) -> int:
        """Resample and forget what is due; return how many moments are fewer."""
        await self._tenants.enter(tenant)
        heads = await self._heads.find({"tenant": tenant}, {"id": 1}).to_list()
        return sum([await self._retain(tenant, head["id"], decide, now) for head in heads])

    def followed(self) -> int:
        """Return the newest change that history has followed."""
        return self._far.followed

    def count(self) -> dict[str, int]:
        """Return figures for /metrics."""
        return {"history_instances": self._far.instances}

    def fewer(self, number: int) -> None:
        """Count moments that are gone."""
        self._far.instances -= number

    async def _retain(self, tenant: str, entity_id: str, decide: Decide, now: int) -> int:
        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> int:
            keeping = self._keeping(session, writes)
            past = await keeping.past(tenant, entity_id, {})
            if past is None:
                return 0
            known = past.moments()
            fewer = retain(past, decide, now)
            keeping.write(tenant, known, past)
            return fewer

        return await self._within(tenant, work)

    async def _remove(
        self, tenant: str, wanted: Document, *, most: int | None = None, head: str | None = None
    ) -> int:
        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> int:
            asked = {"tenant": tenant, **wanted}
            found = await self._moments.find(asked, {"dataset": 1}, session=session).to_list()
            found.sort(key=lambda one: (one["dataset"] != DEFAULT, one["dataset"]))
            doomed = found[:most]
            for document in doomed:
                writes.drop("moments", document["_id"])
            if head is not None:
                writes.drop("heads", joined(tenant, head))
            writes.after.append(lambda: self.fewer(len(doomed)))
            return len(doomed)

        return await self._within(tenant, work)

    async def _chosen(
        self, tenant: str, ids: Ids, which: Which, window: Window
    ) -> AsyncIterator[tuple[str, Timed]]:
        await self._tenants.enter(tenant)
        for entity_id in dict.fromkeys(ids):
            document = await self._heads.find_one({"_id": joined(tenant, entity_id)})
            if document is not None:
                timed = await self._timed(tenant, to_head(document), which, window)
                if timed:
                    yield entity_id, timed

    async def _timed(self, tenant: str, head: Head, which: Which, window: Window) -> Timed:
        wanted = {**meant(tenant, which, window), "entity": head.id}
        past = Past(head)
        async for document in self._moments.find(wanted).batch_size(BATCH):
            add_moment(past, document)
        return select(past, which, window)

    def _keeping(
        self, session: AsyncClientSession, writes: Writes, *, following: int | None = None
    ) -> Keeping:
        self._far.following = self._far.followed if following is None else following
        return Keeping(self._database, session, writes, self._far)

    def _alone(
        self, work: Callable[[AsyncClientSession, Writes, int], Awaitable[T]]
    ) -> Awaitable[T]:
        return self._writer.submit(work, alone=True)

    def _within(
        self, tenant: str, work: Callable[[AsyncClientSession, Writes, int], Awaitable[T]]
    ) -> Awaitable[T]:
        async def there(session: AsyncClientSession, writes: Writes, newest: int) -> T:
            self._tenants.require(tenant)
            return await work(session, writes, newest)

        return self._alone(there)
