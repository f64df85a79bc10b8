"""The MongoDB engine of the Store contract."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar
from uuid import uuid4

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from broker.clock import Clock, now
from broker.model.census import Census
from broker.query.ast import EntityQuery
from broker.store.audience import Audience
from broker.store.contract import (
    Change,
    Committed,
    Kept,
    Kind,
    Listener,
    Page,
    Record,
    Resource,
    ResourceListener,
    TypeRules,
    Work,
)
from broker.store.explanation import Explanation
from broker.store.mongodb.asking import Asking
from broker.store.mongodb.documents import STORED, to_record
from broker.store.mongodb.draft import Draft, Steps, Writes
from broker.store.mongodb.dropping import Dropping
from broker.store.mongodb.following import EVERY, Following, Others
from broker.store.mongodb.forgetting import Forgetting
from broker.store.mongodb.history import MongoHistory
from broker.store.mongodb.marks import check_marks
from broker.store.mongodb.outbox import MongoOutbox
from broker.store.mongodb.queues import Queues
from broker.store.mongodb.repeating import Repeating
from broker.store.mongodb.replicas import Replicas
from broker.store.mongodb.rows import (
    Document,
    joined,
    to_change,
    to_resource,
    to_rules,
)
from broker.store.mongodb.schema import prepare
from broker.store.mongodb.server import answered, connect, probe, unanswered
from broker.store.mongodb.sharing import Sharing
from broker.store.mongodb.slots import Slots
from broker.store.mongodb.tenants import Tenants
from broker.store.mongodb.writer import Task, Writer
from broker.store.refusals import closed
from broker.store.tx import UnitOfWork

T = TypeVar("T")


class MongoStore:
    """A `Store` in a database of a MongoDB replica set.

    `url` names the servers and the database; what may be there already is gone on with. Changes
    are committed by a majority before they are answered. Several brokers may work on it.
    """

    def __init__(
        self, url: str, *, clock: Clock = now, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url
        self._clock = clock
        self._audience = Audience()
        self._resource_listeners: list[ResourceListener] = []
        self._tenants = Tenants()
        self._sharing = Sharing(uuid4().hex, monotonic)
        self._queues = Queues(self._sharing)
        self._monotonic = monotonic
        self._span = (1, 0)
        self._open = False

    async def open(self) -> None:
        """Connect, see what the server is capable of, and make what is missing.

        Raises ServiceUnavailable where no server answers, NewerDatabase, DatabaseInUse.
        """
        self._database = connect(self._url)
        try:
            await check_marks(self._database)
            self._capable = await probe(self._database)
            await prepare(self._database, self._capable)
            await self._load()
        except BaseException as error:
            await self._database.client.close()
            if isinstance(error, PyMongoError):
                raise unanswered(error) from error
            raise
        self._open = True
        try:
            await self._dropping.finish()
            await self._replicas.join()
        except BaseException:
            await self.close()
            raise
        self._looking.start()

    async def _load(self) -> None:
        """Take in what the database holds; what is committed meanwhile is taken over later."""
        feed = await self._database["meta"].find_one({"_id": "feed"})
        assert feed is not None
        self._span = (feed["pruned"] + 1, feed["newest"])
        self._entities = await self._database["entities"].estimated_document_count()
        self._following = Following(self._database, feed["turn"], feed["newest"], self._take)
        self._looking = Repeating(EVERY, self._following.look, "machi-following")
        self._tenants.fresh = self._following.fresh
        await self._tenants.load(self._database)
        await self._queues.load(self._database)
        if (slots := await self._database["meta"].find_one({"_id": "slots"})) is not None:
            self._sharing.deal(Slots(tuple(slots["members"]), tuple(slots["owners"])))
        self._writer = Writer(
            self._database,
            self._following,
            self._clock,
            self._queue,
            self._announce,
            lambda writes: self._audience.foretell(writes.committed),
        )
        self._replicas = Replicas(self._database, self._queues, self._alone, self._monotonic)
        self.outbox = MongoOutbox(
            self._database,
            self._clock,
            self._queues,
            self._tenants,
            self._following.fresh,
            self._writer,
        )
        self.history = MongoHistory(self._database, self._tenants, self._writer)
        await self.history.load()
        self._forgetting = Forgetting(
            self._database, self._queues, self._writer, self.span, self._forgotten
        )
        self._dropping = Dropping(
            self._database, self._queues, self._tenants, self._writer, self._fewer
        )

    async def close(self) -> None:
        """Commit what was accepted, refuse new work, and close the connections."""
        if not self._open:
            return
        self._open = False
        await self._replicas.leave()
        await self._looking.end()
        await self._writer.close()
        await self._database.client.close()

    def write(
        self, tenant: str, work: Work[T], *, client: str = "", create_tenant: bool = False
    ) -> Awaitable[T]:
        """Run `work` and commit it; return its result when it is durable (see `Store`)."""
        if not self._open:
            raise closed()

        async def job(session: AsyncClientSession, group: Writes, newest: int) -> T:
            draft = Draft(self._database, session, group, tenant, newest)
            if tenant not in group.documents.get("tenants", {}):
                if create_tenant:
                    self._tenants.ensure(tenant, draft.own)
                else:
                    self._tenants.require(tenant)
            unit = UnitOfWork(draft, tenant, client, self._clock())
            result = await Steps(work(unit), draft)
            unit.finish()
            group.take(draft.own)
            return result

        return self._writer.submit(job)

    @answered
    async def get(self, tenant: str, entity_id: str) -> Record | None:
        """Return the committed entity. Raises NonexistentTenant."""
        await self._enter(tenant)
        found = await self._database["entities"].find_one(
            {"_id": joined(tenant, entity_id)}, STORED
        )
        return None if found is None else to_record(found)

    @answered
    async def get_many(self, tenant: str, ids: Iterable[str]) -> list[Record]:
        """Return the committed entities among `ids`, each once, in the order asked."""
        await self._enter(tenant)
        keys = [joined(tenant, entity_id) for entity_id in dict.fromkeys(ids)]
        found = {
            document["_id"]: to_record(document)
            async for document in self._database["entities"].find({"_id": {"$in": keys}}, STORED)
        }
        return [found[key] for key in keys if key in found]

    @answered
    async def query(self, tenant: str, query: EntityQuery, kept: Kept | None = None) -> Page:
        """Return the committed entities that satisfy `query`, ordered by id."""
        asking = await self._asking(tenant)
        return await asking.page(query)

    @answered
    async def explain(self, tenant: str, query: EntityQuery) -> Explanation:
        """Answer `query`, and tell how."""
        asking = await self._asking(tenant)
        return await asking.explain(query)

    @answered
    async def census(self, tenant: str) -> Census:
        """Return types and attributes in figures."""
        await self._enter(tenant)
        census = Census()
        async for document in self._database["entities"].find({"tenant": tenant}, STORED):
            census.add(to_record(document).entity)
        return census

    @answered
    async def due(self, now: str, *, limit: int = 100, skip: int = 0) -> list[tuple[str, str]]:
        """Return (tenant, id) of entities of which a part expires by `now`, the earliest first."""
        self._check()
        asked: Document = {"due": {"$lte": now}}
        if self._tenants.leaving:
            asked["tenant"] = {"$nin": sorted(self._tenants.leaving)}
        cursor = self._database["entities"].find(asked, {"tenant": 1, "id": 1})
        cursor = cursor.sort([("due", 1), ("_id", 1)]).skip(skip).limit(limit)
        return [(document["tenant"], document["id"]) async for document in cursor]

    @answered
    async def changes(
        self,
        after: int,
        *,
        tenant: str | None = None,
        entity_id: str | None = None,
        until: int | None = None,
        kind: Kind | None = None,
        limit: int = 1000,
    ) -> list[Change]:
        """Return changes with `after < seq <= until`, oldest first."""
        self._check()
        seqs: Document = {"$gt": after}
        if until is not None:
            seqs["$lte"] = until
        asked: Document = {"_id": seqs}
        if tenant is not None:
            asked["tenant"] = tenant
        if entity_id is not None:
            asked["id"] = entity_id
        if kind is not None:
            asked["kind"] = kind.value
        cursor = self._database["changes"].find(asked, {"entity": 0}).sort("_id", 1).limit(limit)
        return [to_change(document) async for document in cursor]

    def span(self) -> tuple[int, int]:
        """Return (oldest seq still kept, newest committed seq)."""
        return self._span

    def foresee(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` before each commit; return the way to stop it."""
        return self._audience.foresee(listener)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each commit; return the way to stop it."""
        return self._audience.listen(listener)

    @answered
    async def prune(self, before: str) -> int:
        """Forget changes and remembered answers older than the time `before`."""
        self._check()
        return await self._forgetting.prune(before)

    @answered
    async def forget(self, tenant: str, entity_id: str) -> int:
        """Forget what was told of an entity up to its newest deletion; return how many changes."""
        await self._enter(tenant)
        return await self._forgetting.forget(tenant, entity_id)

    @answered
    async def tenants(self) -> list[str]:
        """Return the names of all tenants, the default tenant first."""
        self._check()
        await self._following.fresh()
        return sorted(self._tenants.names | {""})

    async def drop_tenant(self, tenant: str) -> None:
        """Delete a tenant whole; the default tenant is empty afterwards."""
        self._check()
        await self._dropping.drop(tenant)

    @answered
    async def rules(self, tenant: str) -> dict[str, TypeRules]:
        """Return the committed rules by type IRI."""
        await self._enter(tenant)
        return {
            document["type"]: to_rules(document)
            async for document in self._database["rules"].find({"tenant": tenant})
        }

    @answered
    async def resource(self, tenant: str, kind: str, resource_id: str) -> Resource | None:
        """Return a committed resource. Raises NonexistentTenant."""
        await self._enter(tenant)
        key = joined(tenant, kind, resource_id)
        found = await self._database["resources"].find_one({"_id": key})
        return None if found is None else to_resource(found)

    @answered
    async def resources(self, tenant: str, kind: str) -> list[Resource]:
        """Return all committed resources of a kind, the oldest first."""
        await self._enter(tenant)
        cursor = self._database["resources"].find({"tenant": tenant, "kind": kind})
        return sorted(
            [to_resource(each) async for each in cursor], key=lambda one: (one.at, one.id)
        )

    def count(self) -> dict[str, int]:
        """Return figures for /metrics."""
        oldest, newest = self._span
        return {
            "entities": self._entities,
            "changes": newest - oldest + 1,
            "tenants": len(self._tenants.names),
            "commits_total": self._writer.commits,
            "queue": len(self._writer),
        }

    def leads(self) -> bool:
        """Tell whether this broker does what is done once for all."""
        return self._sharing.leads()

    def hear(self, listener: ResourceListener) -> Callable[[], None]:
        """Call `listener` with resources that other brokers wrote; return the way to stop it."""
        self._resource_listeners.append(listener)
        return lambda: self._resource_listeners.remove(listener)

    def _announce(self, writes: Writes) -> None:
        self._tenants.take(writes.documents.get("tenants", {}))
        self._tell(writes.committed)

    def _take(self, others: Others) -> None:
        """Take over what other brokers have committed."""
        self._tenants.take(others.of("tenants"))
        self._queues.take_over(others)
        self.history.take(others.of("meta").get("history"))
        self._tell(others.committed)
        self._span = (others.pruned + 1, self._following.newest)
        for tenant, kind, resource_id in others.resources:
            for listener in list(self._resource_listeners):
                listener(tenant, kind, resource_id)

    def _tell(self, committed: list[Committed]) -> None:
        if not committed:
            return
        self._span = (self._span[0], committed[-1].change.seq)
        for each in committed:
            self._entities += (each.after is not None) - (each.before is not None)
        self._audience.tell(committed)

    def _forgotten(self, last: int) -> None:
        self._span = (last + 1, self._span[1])

    def _fewer(self, collection: str, number: int) -> None:
        """Count what is deleted with a tenant."""
        if collection == "entities":
            self._entities -= number
        elif collection == "moments":
            self.history.fewer(number)

    def _alone(self, task: Task) -> Awaitable[Any]:
        return self._writer.submit(task, alone=True)

    async def _queue(self, session: AsyncClientSession, writes: Writes) -> None:
        await self.outbox.queue(session, writes)

    async def _asking(self, tenant: str) -> Asking:
        await self._enter(tenant)
        return Asking(self._database["entities"], self._capable, tenant)

    async def _enter(self, tenant: str) -> None:
        self._check()
        await self._tenants.enter(tenant)

    def _check(self) -> None:
        if not self._open:
            raise closed()
