"""The outbox of the MongoDB engine: subscriptions and what is due to them.

Everything that changes a queue runs in the writer, so that queues and feed have one order. What
changes subscriptions or settles rows has a transaction of its own; what is queued commits with the
changes it is about.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession

from broker.clock import Clock
from broker.model.entity import Entity
from broker.store.books import Posting, figures, no_subscription, subscription_exists, total
from broker.store.contract import Resource
from broker.store.mongodb.dead import settle, take_dead, wait_again
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.letters import Letters, periods_with, to_tries
from broker.store.mongodb.lines import (
    Line,
    Tries,
    row_key,
    to_subscription,
)
from broker.store.mongodb.listeners import Listeners
from broker.store.mongodb.matching import match, queue_changes
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
from broker.store.mongodb.writer import Writer
from broker.store.outbox import (
    IN_FLIGHT,
    PERIODIC,
    Books,
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

INTERRUPTED: Final = "The broker ended while the notification may have been under way."


class MongoOutbox:
    """An `Outbox` in MongoDB. `enter` raises NonexistentTenant."""

    def __init__(self, database: Database, clock: Clock, enter: Callable[[str], None]) -> None:
        self._database = database
        self._enter = enter
        self._clock = clock
        self._letters = Letters(database)
        self._lines: dict[int, Line] = {}
        self._ids: dict[tuple[str, str], int] = {}
        self._gone = Books()
        """The books of what was removed."""
        self._last = 0
        self._writer: Writer
        self._matcher: Matcher | None = None
        self._told = Listeners()

    async def load(self, writer: Writer) -> None:
        """Take in what the database holds.

        Rows that may have been under way when the broker ended count one try more, unless it
        ended with all of them settled.
        """
        self._writer = writer
        async for document in self._database["subscriptions"].find().sort("_id", 1):
            stored = to_subscription(document)
            self._lines[stored.sid] = Line(stored)
            self._ids[stored.tenant, stored.id] = stored.sid
        async for document in self._database["outbox"].find({}, {"entities": 0, "notice": 0}):
            if (line := self._lines.get(document["sid"])) is not None:
                line.add(document["seq"], to_tries(document))
        meta = await self._database["meta"].find_one({"_id": "outbox"}) or {}
        self._last = meta.get("last", 0)
        self._gone = Books(**meta.get("gone", {}))
        if not meta.get("settled", True):
            self._count_a_try()
        await self._note(settled=False)

    async def close(self) -> None:
        """Note that all that was under way is settled."""
        await self._note(settled=True)

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
            if (tenant, id) in self._ids:
                raise subscription_exists(id)
            now = self._clock()
            stored = StoredSubscription(
                self._last + 1, tenant, id, copy.deepcopy(document), newest, now, now, kind=kind
            )
            staged = StagedLine(Line(stored), stored)
            rows = await self._open(session, staged, opening)
            writes.put("tenants", {"_id": tenant})
            writes.put("meta", self._meta(last=stored.sid))
            staged.documents(writes)

            def durable() -> None:
                self._last = stored.sid
                staged.apply()
                self._lines[stored.sid] = staged.line
                self._ids[tenant, id] = stored.sid
                self._kept(staged.stored)
                self._told.rows(rows)

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
            writes.after.append(lambda: self._kept(staged.stored))
            writes.after.append(lambda: self._told.rows(rows))
            return staged.stored

        return await self._alone(work)

    async def remove(self, tenant: str, id: str) -> None:
        """Delete a subscription, its waiting rows (cancelled) and dead letters."""

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> None:
            staged = await self._known(session, Staging(self._lines), tenant, id)
            await self._drop(session, writes, [staged])

        await self._alone(work)

    async def get(self, tenant: str, id: str) -> StoredSubscription | None:
        """Return a subscription with its books and history."""
        self._enter(tenant)
        sid = self._ids.get((tenant, id))
        return None if sid is None else self._lines[sid].stored

    def find(self, sid: int) -> StoredSubscription | None:
        """Return a subscription by its number."""
        line = self._lines.get(sid)
        return None if line is None else line.stored

    async def page(
        self, tenant: str, *, offset: int, limit: int, kind: str = ""
    ) -> tuple[list[StoredSubscription], int]:
        """Return a tenant's subscriptions in order of creation, and how many there are."""
        self._enter(tenant)
        every = [line.stored for line in self._lines.values()]
        found = [one for one in every if (one.tenant, one.kind) == (tenant, kind)]
        return found[offset : offset + limit], len(found)

    async def all(self) -> list[StoredSubscription]:
        """Return every subscription of every tenant."""
        return [line.stored for line in self._lines.values()]

    def match_with(self, matcher: Matcher) -> None:
        """Give `matcher` all subscriptions, and ask it from now on."""
        self._matcher = matcher
        for line in self._lines.values():
            matcher.keep(line.stored)

    def listen(self, listener: RowListener) -> Callable[[], None]:
        """Call `listener` with the rows that begin to wait."""
        return self._told.listen(listener)

    def follow(self, listener: NewsListener) -> Callable[[], None]:
        """Call `listener` with the subscriptions that changed."""
        return self._told.follow(listener)

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
        """Return the subscriptions that have rows waiting."""
        return [sid for sid, line in self._lines.items() if line.rows]

    async def oldest(self) -> str | None:
        """Return since when the row waits that has waited longest."""
        rows = [tries.queued_at for line in self._lines.values() for tries in line.rows.values()]
        return min(rows, default=None)

    async def settle(
        self, settlements: Iterable[Settlement] = (), failures: Iterable[Failure] = ()
    ) -> None:
        """Take rows out of their queues and write the books, or note failed tries."""
        ended, failed = list(settlements), list(failures)

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> None:
            staging = Staging(self._lines)
            for failure in failed:
                fail(staging, failure)
            for settlement in ended:
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
            staged.stored = replace(staged.stored, last_due=at)
            if entities or notice is not None:
                supersede(staged)
                row = queue_period(staged, at, entities, notice, period=True)
                writes.after.append(lambda: self._told.rows([row]))
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
        documents, count = await self._letters.dead(tenant, sid, offset, limit)
        found = [await self._letter(document) for document in documents]
        return [letter for letter in found if letter is not None], count

    async def dead_letter(self, tenant: str, sid: int, seq: int) -> DeadLetter | None:
        """Return one dead letter."""
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
            self._told.rows(await self._letters.waiting(sid, rows))
        return len(replayed)

    async def discard(self, tenant: str, sid: int, seqs: Iterable[int] | None = None) -> int:
        """Forget dead letters; they stay counted as dead."""

        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> int:
            staging = Staging(self._lines)
            return len(await take_dead(self._database, session, staging, writes, tenant, sid, seqs))

        return await self._alone(work)

    async def books(self, sid: int | None = None) -> Books:
        """Return the balance of a subscription, or of the whole store."""
        if sid is not None:
            return self._lines[sid].stored.books if sid in self._lines else Books()
        return self._total()

    def figures(self) -> dict[str, int]:
        """Return figures for /metrics."""
        return figures(self._total(), len(self._lines))

    async def queue(self, session: AsyncClientSession, writes: Writes) -> None:
        """Queue what a group is due to: asked by the writer, within its transaction."""
        staging = Staging(self._lines)
        rows: list[Waiting] = []
        for sid, at, notice in writes.notices:
            if (staged := staging.find(sid)) is not None:
                staged.stored = replace(staged.stored, last_due=at)
                rows.append(queue_period(staged, at, (), notice))
        if self._matcher is not None and writes.committed:
            matched = await match(self._matcher, self._database, session, writes)
            rows += queue_changes(staging, writes.committed, matched)
            if matched.commit is not None:
                writes.after.append(matched.commit)
        staging.write(writes)
        writes.after.append(lambda: self._told.rows(rows))

    async def expire(
        self, session: AsyncClientSession, writes: Writes, newest: int, before: str
    ) -> None:
        """Let rows about changes up to `newest` expire, and periodic ones queued before a time."""
        staging = Staging(self._lines)
        touched = []
        for sid, line in self._lines.items():
            old = [seq for seq in line.order if _is_old(seq, line.rows[seq], newest, before)]
            if old and (staged := staging.find(sid)) is not None:
                for seq in old:
                    staged.take(seq)
                staged.post(Posting(expired=len(old)))
                touched.append(sid)
        staging.write(writes)
        old_periods = {"seq": {"$gte": PERIODIC}, "queued_at": {"$lt": before}}
        gone: Document = {"$or": [{"seq": {"$lte": newest}}, old_periods]}
        await self._database["dead"].delete_many(gone, session=session)
        writes.after.append(lambda: self._told.news(touched))

    async def forget(
        self,
        session: AsyncClientSession,
        writes: Writes,
        tenant: str,
        entity_id: str,
        seqs: Sequence[int],
    ) -> None:
        """Let go of rows about these changes, and about periods with an entity of the tenant."""
        staging, touched = Staging(self._lines), []
        waiting = await periods_with(self._database["outbox"], session, tenant, entity_id)
        dead = await periods_with(self._database["dead"], session, tenant, entity_id)
        for sid, line in self._lines.items():
            gone = set(seqs) if line.stored.tenant == tenant else set()
            gone = (gone | waiting.get(sid, set())) & line.rows.keys()
            if gone and (staged := staging.find(sid)) is not None:
                for seq in gone:
                    staged.take(seq)
                staged.post(Posting(expired=len(gone)))
                touched.append(sid)
        staging.write(writes)
        letters = [row_key(sid, seq) for sid, some in dead.items() for seq in some]
        either: Document = {"$or": [{"seq": {"$in": list(seqs)}}, {"_id": {"$in": letters}}]}
        await self._database["dead"].delete_many({"tenant": tenant, **either}, session=session)
        writes.after.append(lambda: self._told.news(touched))

    async def drop_tenant(self, session: AsyncClientSession, writes: Writes, tenant: str) -> None:
        """Remove all subscriptions of a tenant."""
        staging = Staging(self._lines)
        gone = [
            staged
            for sid, line in self._lines.items()
            if line.stored.tenant == tenant and (staged := staging.find(sid)) is not None
        ]
        await self._drop(session, writes, gone)

    async def _open(
        self, session: AsyncClientSession, staged: StagedLine, opening: Opening | None
    ) -> list[Waiting]:
        if opening is None:
            return []
        wanted = {"tenant": staged.stored.tenant, "kind": opening.kind}
        documents = await self._database["resources"].find(wanted, session=session).to_list()
        resources: list[Resource] = sorted(
            map(to_resource, documents), key=lambda one: (one.at, one.id)
        )
        notice = opening.tell(resources)
        if notice is None:
            return []
        at = self._clock()
        staged.stored = replace(staged.stored, last_due=at)
        return [queue_period(staged, at, (), notice)]

    async def _drop(
        self, session: AsyncClientSession, writes: Writes, gone: Sequence[StagedLine]
    ) -> None:
        for staged in gone:
            sid = staged.stored.sid
            cancel_rows(staged)
            writes.drop("subscriptions", sid)
            for seq in staged.taken:
                writes.drop("outbox", row_key(sid, seq))
            await self._database["dead"].delete_many({"sid": sid}, session=session)
        books = total([self._gone, *(staged.stored.books for staged in gone)])
        writes.put("meta", self._meta(gone=books))

        def durable() -> None:
            self._gone = books
            for staged in gone:
                stored = staged.stored
                del self._lines[stored.sid], self._ids[stored.tenant, stored.id]
                if self._matcher is not None:
                    self._matcher.drop(stored.sid)
            self._told.news([staged.stored.sid for staged in gone])

        writes.after.append(durable)

    async def _letter(self, document: Document) -> DeadLetter | None:
        line = self._lines.get(document["sid"])
        return None if line is None else await self._letters.letter(document, line.stored)

    async def _known(
        self, session: AsyncClientSession, staging: Staging, tenant: str, id: str
    ) -> StagedLine:
        self._enter(tenant)
        staged = staging.find(self._ids.get((tenant, id), 0))
        if staged is None:
            raise no_subscription(id)
        return staged

    def _alone(
        self, work: Callable[[AsyncClientSession, Writes, int], Awaitable[T]]
    ) -> Awaitable[T]:
        return self._writer.submit(work, alone=True)

    def _kept(self, stored: StoredSubscription) -> None:
        if self._matcher is not None:
            self._matcher.keep(stored)
        self._told.news([stored.sid])

    def _count_a_try(self) -> None:
        for line in self._lines.values():
            for seq in line.past(0, IN_FLIGHT):
                tries = line.rows[seq]
                line.rows[seq] = replace(
                    tries, attempts=tries.attempts + 1, error=tries.error or INTERRUPTED
                )

    async def _note(self, *, settled: bool) -> None:
        document = {**self._meta(), "settled": settled}
        await self._database["meta"].replace_one({"_id": "outbox"}, document, upsert=True)

    def _meta(self, *, last: int | None = None, gone: Books | None = None) -> Document:
        return {
            "_id": "outbox",
            "last": self._last if last is None else last,
            "gone": asdict(self._gone if gone is None else gone),
            "settled": False,
        }

    def _total(self) -> Books:
        return total([self._gone, *(line.stored.books for line in self._lines.values())])


def _is_old(seq: int, tries: Tries, newest: int, before: str) -> bool:
    return seq <= newest or (seq >= PERIODIC and tries.queued_at < before)
