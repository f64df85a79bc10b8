"""The outbox of the MongoDB engine: subscriptions and what is due to them.

Everything that changes a queue runs in the writer, so that queues and feed have one order. What
changes subscriptions or settles rows has a transaction of its own; what is queued commits with the
changes it is about.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession

from broker.clock import Clock
from broker.model.entity import Entity
from broker.store.books import figures, no_subscription, subscription_exists
from broker.store.mongodb.dead import settle, take_dead, wait_again
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.leaving import drop
from broker.store.mongodb.letters import Letters
from broker.store.mongodb.lines import Line
from broker.store.mongodb.matching import match, queue_changes
from broker.store.mongodb.queues import Queues
from broker.store.mongodb.rows import Document, to_resource
from broker.store.mongodb.server import Database
from broker.store.mongodb.staging import (
    StagedLine,
    Staging,
    fail,
    queue_period,
    supersede,
)
from broker.store.mongodb.staging import (
    cancel as cancel_rows,
)
from broker.store.mongodb.tenants import Tenants
from broker.store.mongodb.writer import Writer
from broker.store.outbox import (
    IN_FLIGHT,
    Books,
    Courier,
    DeadLetter,
    Failure,
    Matcher,
    NewsListener,
    Notice,
    Opening,
    RowListener,
    Settlement,
    StoredSubscription,
    Waiting,
)

T = TypeVar("T")


class MongoOutbox:
    """An `Outbox` in MongoDB, on the queues that memory holds."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        queues: Queues,
        tenants: Tenants,
        fresh: Callable[[], Awaitable[None]],
        writer: Writer,
    ) -> None:
        self._database = database
        self._clock = clock
        self._queues = queues
        self._lines = queues.lines
        self._tenants = tenants
        self._fresh = fresh
        self._writer = writer
        self._letters = Letters(database)

    async def create(
        self,
        tenant: str,
        id: str,
        document: dict[str, Any],
        *,
        kind: str = "",
        opening: Opening | None = None,
    ) -> StoredSubscription:
        """Keep a new subscription; the tenant comes into being."""

        async def work(
            session: AsyncClientSession, writes: Writes, newest: int
        ) -> StoredSubscription:
            if (tenant, id) in self._queues.ids:
                raise subscription_exists(id)
            now = self._clock()
            stored = StoredSubscription(
                self._queues.last + 1,
                tenant,
                id,
                copy.deepcopy(document),
                newest,
                now,
                now,
                kind=kind,
            )
            staged = StagedLine(Line(stored), stored)
            rows = await self._open(session, staged, opening)
            self._tenants.ensure(tenant, writes)
            writes.put("meta", self._queues.meta(last=stored.sid))
            staged.documents(writes)

            def durable() -> None:
                staged.apply()
                self._queues.add(staged.line)
                self._queues.begin(rows)

            writes.after.append(durable)
            return staged.stored

        return await self._alone(work)

    async def replace(
        self,
        tenant: str,
        id: str,
        document: dict[str, Any],
        *,
        cancel: bool = False,
        opening: Opening | None = None,
    ) -> StoredSubscription:
        """Replace the document; with `cancel` its waiting rows are cancelled."""

        async def work(
            session: AsyncClientSession, writes: Writes, newest: int
        ) -> StoredSubscription:
            staging = Staging(self._lines)
            staged = await self._known(session, staging, tenant, id)
            staged.stored = replace(
                staged.stored, document=copy.deepcopy(document), modified_at=self._clock()
            )
            if cancel:
                cancel_rows(staged)
            rows = await self._open(session, staged, opening)
            staging.write(writes)
            writes.after.append(lambda: self._queues.kept(staged.stored))
            writes.after.append(lambda: self._queues.begin(rows))
            return staged.stored

        return await self._alone(work)

    async def remove(self, tenant: str, id: str) -> None:
        """Delete a subscription, its waiting rows (cancelled) and dead letters."""

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> None:
            staged = await self._known(session, Staging(self._lines), tenant, id)
            await drop(self._database, self._queues, session, writes, [staged])

        await self._alone(work)

    async def get(self, tenant: str, id: str) -> StoredSubscription | None:
        """Return a subscription with its books and history."""
        await self._entered(tenant)
        sid = self._queues.ids.get((tenant, id))
        return None if sid is None else self._lines[sid].stored

    def find(self, sid: int) -> StoredSubscription | None:
        """Return a subscription by its number."""
        line = self._lines.get(sid)
        return None if line is None else line.stored

    async def page(
        self, tenant: str, *, offset: int, limit: int, kind: str = ""
    ) -> tuple[list[StoredSubscription], int]:
        """Return a tenant's subscriptions in order of creation, and how many there are."""
        await self._entered(tenant)
        every = [line.stored for line in self._lines.values()]
        found = [one for one in every if (one.tenant, one.kind) == (tenant, kind)]
        return found[offset : offset + limit], len(found)

    async def all(self) -> list[StoredSubscription]:
        """Return every subscription of every tenant."""
        await self._fresh()
        return [line.stored for line in self._lines.values()]

    def match_with(self, matcher: Matcher) -> None:
        """Give `matcher` all subscriptions, and ask it from now on."""
        self._queues.matcher = matcher
        for line in self._lines.values():
            matcher.keep(line.stored)

    def listen(self, listener: RowListener) -> Callable[[], None]:
        """Call `listener` with the rows that begin to wait."""
        return self._queues.told.listen(listener)

    def follow(self, listener: NewsListener) -> Callable[[], None]:
        """Call `listener` with the subscriptions that changed."""
        return self._queues.told.follow(listener)

    def deliver_with(self, courier: Courier) -> None:
        """Tell `courier` of queues that change hands between brokers."""
        self._queues.courier = courier

    def mine(self, sid: int) -> bool:
        """Tell whether this broker delivers a queue."""
        return self._queues.sharing.mine(sid)

    async def waiting(self, sid: int, *, after: int = 0, limit: int = IN_FLIGHT) -> list[Waiting]:
        """Return the oldest rows of a queue past row `after`, in order."""
        line = self._lines.get(sid)
        if line is None:
            return []
        rows = [(seq, line.rows[seq]) for seq in line.past(after, limit)]
        return await self._letters.waiting(sid, rows)

    def ahead(self, sid: int, seq: int) -> int:
        """Return how many rows of a queue come before row `seq`."""
        line = self._lines.get(sid)
        return 0 if line is None else sum(each < seq for each in line.order)

    async def queues(self) -> list[int]:
        """Return the subscriptions of this broker that have rows waiting."""
        return self._queues.waiting()

    async def oldest(self) -> str | None:
        """Return since when the row waits that has waited longest."""
        await self._fresh()
        rows = [tries.queued_at for line in self._lines.values() for tries in line.rows.values()]
        return min(rows, default=None)

    async def settle(
        self, settlements: Iterable[Settlement] = (), failures: Iterable[Failure] = ()
    ) -> None:
        """Take rows out of their queues and write the books, or note failed tries."""
        ended, failed = list(settlements), list(failures)

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> None:
            staging = Staging(self._lines)
            owns = self._queues.sharing.owns
            for failure in filter(lambda one: owns(one.sid), failed):
                fail(staging, failure)
            for settlement in filter(lambda one: owns(one.sid), ended):
                await settle(self._database, session, staging, writes, settlement)
            staging.write(writes)

        await self._alone(work)

    async def queue_period(
        self,
        subscription: StoredSubscription,
        at: str,
        entities: Sequence[Entity],
        notice: Notice | None = None,
    ) -> bool:
        """Queue a periodic notification."""

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> bool:
            staging = Staging(self._lines)
            staged = staging.find(subscription.sid)
            if staged is None or staged.stored.modified_at != subscription.modified_at:
                return False
            if not self._queues.sharing.owns(subscription.sid):
                return False
            staged.stored = replace(staged.stored, last_due=at)
            if entities or notice is not None:
                supersede(staged)
                row = queue_period(staged, at, entities, notice, period=True)
                writes.after.append(lambda: self._queues.begin([row]))
            staging.write(writes)
            return True

        return await self._alone(work)

    async def dead_letters(
        self,
        tenant: str | None = None,
        *,
        sid: int | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> tuple[list[DeadLetter], int]:
        """Return dead letters, the newest death first, and how many there are."""
        await self._fresh()
        documents, count = await self._letters.dead(tenant, sid, offset, limit)
        found = [await self._letter(document) for document in documents]
        return [letter for letter in found if letter is not None], count

    async def dead_letter(self, tenant: str, sid: int, seq: int) -> DeadLetter | None:
        """Return one dead letter."""
        await self._fresh()
        document = await self._letters.dead_one(sid, seq)
        if document is None or document["tenant"] != tenant:
            return None
        return await self._letter(document)

    async def replay(self, tenant: str, sid: int, seqs: Iterable[int] | None = None) -> int:
        """Let dead letters wait again."""

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> list[int]:
            staging = Staging(self._lines)
            dead = await take_dead(self._database, session, staging, writes, tenant, sid, seqs)
            staged = staging.find(sid)
            if not dead or staged is None:
                return []
            wait_again(staged, dead)
            staging.write(writes)
            return [document["seq"] for document in dead]

        replayed = sorted(await self._alone(work))
        line = self._lines.get(sid)
        if replayed and line is not None:
            rows = [(seq, line.rows[seq]) for seq in replayed if seq in line.rows]
            self._queues.begin(await self._letters.waiting(sid, rows))
        return len(replayed)

    async def discard(self, tenant: str, sid: int, seqs: Iterable[int] | None = None) -> int:
        """Forget dead letters; they stay counted as dead."""

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> int:
            staging = Staging(self._lines)
            return len(await take_dead(self._database, session, staging, writes, tenant, sid, seqs))

        return await self._alone(work)

    async def books(self, sid: int | None = None) -> Books:
        """Return the balance of a subscription, or of the whole store."""
        await self._fresh()
        if sid is not None:
            return self._lines[sid].stored.books if sid in self._lines else Books()
        return self._queues.total()

    def figures(self) -> dict[str, int]:
        """Return figures for /metrics."""
        return figures(self._queues.total(), len(self._lines))

    async def queue(self, session: AsyncClientSession, writes: Writes) -> None:
        """Queue what a group is due to: asked by the writer, within its transaction."""
        staging = Staging(self._lines)
        rows: list[Waiting] = []
        for sid, at, notice in writes.notices:
            if (staged := staging.find(sid)) is not None:
                staged.stored = replace(staged.stored, last_due=at)
                rows.append(queue_period(staged, at, (), notice))
        matcher = self._queues.matcher
        if matcher is not None and writes.committed:
            matched = await match(matcher, self._database, session, writes)
            rows += queue_changes(staging, writes.committed, matched)
            if matched.commit is not None:
                writes.after.append(matched.commit)
        staging.write(writes)
        writes.after.append(lambda: self._queues.begin(rows))

    async def _open(
        self, session: AsyncClientSession, staged: StagedLine, opening: Opening | None
    ) -> list[Waiting]:
        if opening is None:
            return []
        wanted = {"tenant": staged.stored.tenant, "kind": opening.kind}
        documents = await self._database["resources"].find(wanted, session=session).to_list()
        found = sorted(map(to_resource, documents), key=lambda one: (one.at, one.id))
        notice = opening.tell(found)
        if notice is None:
            return []
        at = self._clock()
        staged.stored = replace(staged.stored, last_due=at)
        return [queue_period(staged, at, (), notice)]

    async def _letter(self, document: Document) -> DeadLetter | None:
        line = self._lines.get(document["sid"])
        return None if line is None else await self._letters.letter(document, line.stored)

    async def _known(
        self, session: AsyncClientSession, staging: Staging, tenant: str, id: str
    ) -> StagedLine:
        self._tenants.require(tenant)
        staged = staging.find(self._queues.ids.get((tenant, id), 0))
        if staged is None:
            raise no_subscription(id)
        return staged

    def _alone(
        self, work: Callable[[AsyncClientSession, Writes, int], Awaitable[T]]
    ) -> Awaitable[T]:
        return self._writer.submit(work, alone=True)

    async def _entered(self, tenant: str) -> None:
        await self._fresh()
        self._tenants.require(tenant)
