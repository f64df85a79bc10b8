"""The SQLite engine: the `Store` in one file, owned by one process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from broker.clock import Clock, now
from broker.errors import ServiceUnavailable
from broker.model.census import Census
from broker.query.ast import EntityQuery
from broker.store.audience import Audience
from broker.store.birth import Birth
from broker.store.contract import (
    Change,
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
from broker.store.refusals import closed
from broker.store.replacement import Replacement
from broker.store.sqlite import feed
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.census import count_slice, tally
from broker.store.sqlite.connection import DATA_FILE, connect, runner
from broker.store.sqlite.creating import Creating
from broker.store.sqlite.direct import direct
from broker.store.sqlite.documents import StoredRecord
from broker.store.sqlite.drop import drop_slice
from broker.store.sqlite.due import select_due
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.entering import ALL_TYPES, Entering
from broker.store.sqlite.errors import UnusableFolder
from broker.store.sqlite.explain import Observed
from broker.store.sqlite.forgetter import Forgetter
from broker.store.sqlite.history import SqliteHistory
from broker.store.sqlite.indexer import Indexer, reindex
from broker.store.sqlite.lock import FolderLock
from broker.store.sqlite.mover import Mover
from broker.store.sqlite.outbox import SqliteOutbox
from broker.store.sqlite.pairs import Indexed
from broker.store.sqlite.pending import Pending
from broker.store.sqlite.planner import plan
from broker.store.sqlite.reader import Reader
from broker.store.sqlite.recovery import recover
from broker.store.sqlite.replacing import Replacing
from broker.store.sqlite.resources import load_resource, load_resources
from broker.store.sqlite.rows import Rows
from broker.store.sqlite.schema import migrate
from broker.store.sqlite.session import Feed, Session
from broker.store.sqlite.swapping import Swapping
from broker.store.sqlite.town import Town, Towns, View, load_rules
from broker.store.sqlite.writer import Writer
from broker.store.swap import Swap
from broker.store.tx import UnitOfWork, run

T = TypeVar("T")

GET: Final = "SELECT version, doc FROM entity WHERE tid = ? AND id = ?"

log = logging.getLogger(__name__)


class SqliteStore:
    """A `Store` in the file `machi.sqlite` of a folder.

    `indexed` says which (type, attribute) are indexed, all by default. `names` is how many names
    of types and attributes a tenant may have. `inline_seconds` is how long a read may hold the
    event loop before it moves to a thread, `longest_seconds` how long it may take there. `vfs`
    names a registered SQLite VFS.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        clock: Clock = now,
        indexed: Indexed | None = None,
        names: int = 10_000,
        inline_seconds: float = 0.005,
        longest_seconds: float = 1.0,
        vfs: str | None = None,
    ) -> None:
        self._folder = data_dir
        self._clock = clock
        self._indexed = indexed
        self._most_names = names
        self._seconds = (inline_seconds, longest_seconds)
        self._vfs = vfs
        self._lock = FolderLock(data_dir)
        self._audience = Audience()
        self._span = (1, 0)
        self._census: dict[str, tuple[int, Census]] = {}
        self._entities = 0
        self._open = False
        self._dropping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Lock the folder, create or migrate the file, and go on with unfinished deletions.

        What is made is for its owner only. Raises DataFolderInUse, UnusableFolder,
        NewerDataFile, NotADataFile.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.acquire()
            try:
                self._connect()
            except BaseException:
                self._lock.release()
                raise
        except (OSError, apsw.CantOpenError, apsw.ReadOnlyError) as error:
            raise UnusableFolder(
                f"The data folder {self._folder} cannot be used ({error}): "
                "give a folder that this user may write."
            ) from error
        self._writer.start()
        self._open = True
        if unfinished := self._towns.detached():
            self._dropping = asyncio.create_task(self._finish_dropping(unfinished))

    async def close(self) -> None:
        """Commit what was accepted, refuse new work, and release the files."""
        if not self._open:
            return
        self._open = False
        await self.history.close()
        with suppress(ServiceUnavailable):
            while self._pending.indexed < self._span[1] or len(self._writer):
                await self._mover.move()
            await self.outbox.queuing.close()
            await self._submit(self.outbox.note_settled)
        await self._writer.close()
        if self._dropping is not None:
            await self._dropping
        self._reader.close()
        self._connection.close()
        self._lock.release()

    def write(
        self, tenant: str, work: Work[T], *, client: str = "", create_tenant: bool = False
    ) -> Awaitable[T]:
        """Run `work` and commit it; return its result when it is durable (see `Store`)."""
        if not self._open:
            raise closed()
        job = partial(self._do, tenant, work, client, create_tenant)
        return self._writer.submit(job, client=True)

    def _do(
        self, tenant: str, work: Work[T], client: str, create_tenant: bool, effects: Effects
    ) -> T:
        """Run a work in the open transaction."""
        town = self._towns.known.get(tenant)
        if town is None:
            town = self._towns.enter(tenant, create_tenant, effects.undo, effects.publish)
        now = self._clock()
        short = self._short.get(type(work))
        if short is not None:
            done = short(work, town, now, effects)
            if done is not None:
                return work.answer(done)  # type: ignore[attr-defined,no-any-return]
        return run(UnitOfWork(self._session(town, effects), tenant, client, now), work)

    async def get(self, tenant: str, entity_id: str) -> Record | None:
        """Return the committed entity. Raises NonexistentTenant."""
        view = self._view(tenant)
        row = self._reader.run(GET, (view.tid, entity_id)).get
        return None if row is None else StoredRecord(entity_id, row[0], row[1], view.names)

    async def get_many(self, tenant: str, ids: Iterable[str]) -> list[Record]:
        """Return the committed entities among `ids`, each once, in the order asked."""
        view = self._view(tenant)
        wanted = list(dict.fromkeys(ids))

        def read(budget: Budget) -> list[tuple[str, int, bytes]]:
            run = budget.connection.cursor().execute
            found = []
            for entity_id in wanted:
                budget.check()
                row = run(GET, (view.tid, entity_id)).get
                if row is not None:
                    found.append((entity_id, *row))
            return found

        rows = await self._reader.bounded(read)
        return [StoredRecord(*row, view.names) for row in rows]

    async def query(self, tenant: str, query: EntityQuery, kept: Kept | None = None) -> Page:
        """Return the committed entities that satisfy `query`, ordered by id.

        Raises TooComplexQuery where it takes longer than the store allows.
        """
        view = self._view(tenant)
        names, pending, pairs = view.names, self._pending, self._indexer.pairs
        committed = self._span[1]
        planned = partial(plan, view.tid, names, pending, pairs, query, kept, committed)
        short = direct(names, pending, pairs, query, kept, committed, planned)
        rows, total = await self._reader.bounded(planned() if short is None else short.run)
        return Page(
            [row if isinstance(row, Record) else StoredRecord(*row, names) for row in rows], total
        )

    async def explain(self, tenant: str, query: EntityQuery) -> Explanation:
        """Answer `query`, and tell how. Raises TooComplexQuery as `query` does."""
        view = self._view(tenant)
        made: list[Observed] = []

        def make(**parts: Any) -> Observed:
            made.append(Observed(**parts))
            return made[0]

        names, pending, pairs = view.names, self._pending, self._indexer.pairs
        read = plan(view.tid, names, pending, pairs, query, None, self._span[1], make=make)
        rows, total = await self._reader.bounded(read)
        if not made:
            return Explanation("nothing", 0, 0, 0, total)
        return made[0].told(len(rows), total)

    async def due(self, now: str, *, limit: int = 100, skip: int = 0) -> list[tuple[str, str]]:
        """Return (tenant, id) of entities of which a part expires by `now`, earliest first."""
        if not self._open:
            raise closed()
        return select_due(self._reader.run, now, limit, skip)

    async def census(self, tenant: str) -> Census:
        """Return types and attributes in figures; counted again once anything was committed."""
        view, newest = self._view(tenant), self._span[1]
        known = self._census.get(tenant)
        if known is not None and known[0] == newest:
            return known[1]
        census, last = Census(), ""
        while True:
            counted = await self._reader.bounded(partial(count_slice, tid=view.tid, after=last))
            if counted[0] is None:
                break
            tally(census, counted, view.names)
            last = counted[0]
        self._census = {tenant: (newest, census)}
        return census

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
        if not self._open:
            raise closed()
        tid = None if tenant is None else self._towns.view(tenant).tid
        newest = self._span[1]
        end = newest if until is None else min(until, newest)
        if entity_id is None:
            rows = await feed.read_changes(
                self._reader, after, end, self._span[0], tid, kind, limit
            )
        else:
            tids = [view.tid for view in self._towns.views.values()] if tid is None else [tid]
            rows = await self._reader.bounded(
                lambda budget: feed.select_entity(budget, after, end, tids, entity_id, kind, limit)
            )
        views = self._towns.views
        return [feed.to_change(row, views[row[1]].names) for row in rows if row[1] in views]

    def span(self) -> tuple[int, int]:
        """Return (oldest seq still kept, newest committed seq); (1, 0) for an empty feed."""
        return self._span

    def foresee(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` before each commit; return the way to stop it."""
        return self._audience.foresee(listener)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each commit; return the way to stop it."""
        return self._audience.listen(listener)

    def hear(self, listener: ResourceListener) -> Callable[[], None]:
        """Do nothing: no other broker writes here."""
        return lambda: None

    def leads(self) -> bool:
        """Tell that this broker does what is done once for all."""
        return True

    async def prune(self, before: str) -> int:
        """Forget changes and remembered answers older than the time `before`; return how many."""

        def pruned(newest: int) -> None:
            self._span = (newest + 1, self._span[1])

        return await self._forgetter.prune(before, self._span[1], pruned)

    async def forget(self, tenant: str, entity_id: str) -> int:
        """Forget what was told of an entity up to its newest deletion; return how many changes."""
        self._view(tenant)
        return await self._forgetter.forget(tenant, entity_id, self._span[1])

    async def tenants(self) -> list[str]:
        """Return the names of all tenants, the default tenant `""` first."""
        return sorted(self._towns.views)

    async def drop_tenant(self, tenant: str) -> None:
        """Delete a tenant whole; the default tenant is empty afterwards."""
        self._view(tenant)

        def job(effects: Effects) -> Town:
            self.outbox.drop_tenant(tenant, effects)
            return self._towns.detach(tenant, effects.undo, effects.publish)

        await self._drop(await self._submit(job))

    async def rules(self, tenant: str) -> dict[str, TypeRules]:
        """Return the committed rules by type IRI."""
        tid = self._view(tenant).tid
        rows = self._reader.run("SELECT type, rules FROM rule WHERE tid = ?", (tid,)).fetchall()
        return {type_iri: load_rules(document) for type_iri, document in rows}

    async def resource(self, tenant: str, kind: str, resource_id: str) -> Resource | None:
        """Return a committed resource."""
        return load_resource(self._reader.run, self._view(tenant).tid, kind, resource_id)

    async def resources(self, tenant: str, kind: str) -> list[Resource]:
        """Return all committed resources of a kind, the oldest first."""
        return load_resources(self._reader.run, self._view(tenant).tid, kind)

    def count(self) -> dict[str, int]:
        """Return figures for /metrics."""
        oldest, newest = self._span
        return {
            "entities": self._entities,
            "changes": newest - oldest + 1,
            "commits_total": self._writer.commits,
            "tenants": len(self._towns.views),
            "queue": len(self._writer),
            "index_rows_waiting": self._pending.rows,
            "reads_in_threads_total": self._reader.offloaded,
        }

    def _connect(self) -> None:
        path, (inline, longest) = self._folder / DATA_FILE, self._seconds
        self._connection = connect(path, write=True, cache_mib=24, vfs=self._vfs)
        migrate(self._connection)
        recover(self._connection, self._indexed)
        reindex(self._connection, self._indexed)
        self._reader = Reader(
            lambda **memory: connect(path, vfs=self._vfs, **memory),
            inline_seconds=inline,
            longest_seconds=longest,
        )
        self._towns = Towns(self._connection, self._reader.connection, self._most_names)
        self._indexer = Indexer(self._connection, self._indexed)
        self._writer = Writer(self._connection, self._begin, self._flush, self._announce)
        pruned, newest = feed.bounds(self._connection)
        self._feed = Feed(newest, feed.has_graves(self._connection), feed.has_due(self._connection))
        self._pending = Pending(newest)
        self._run = runner(self._connection)
        keep_pace = partial(self._writer.submit, first=True)
        self._mover = Mover(self._pending, self._indexer.bring, self._run, self.newest, keep_pace)
        self._entering = Entering(self._connection, self._run, self._indexer)
        creating = Creating(self._run, self._entering, self._feed)
        self._short: dict[type, Callable[..., Any]] = {
            Swap: Swapping(self._run, self._indexer, self._feed).attempt,
            Birth: creating.attempt,
            Replacement: Replacing(self._run, self._indexer, creating).attempt,
        }
        self._span = (pruned + 1, newest)
        self._entities = self._connection.execute(
            "SELECT coalesce(sum(n), 0) FROM counter WHERE type = ?", (ALL_TYPES,)
        ).get
        rows = Rows(self._reader.run, lambda tenant: self._view(tenant).names)
        self.outbox = SqliteOutbox(self._connection, self, rows, self._clock)
        self.history = SqliteHistory(self._connection, self, self._reader)
        self._forgetter = Forgetter(
            *(self._connection, self._pending, self._mover, self.outbox.queuing),
            *(self.enter, self._submit),
        )

    async def settle_down(self) -> None:
        """End what an interruption left to do, for whoever reads the file beside the store."""
        if self._dropping is not None:
            await self._dropping
        await self._submit(self.outbox.note_settled)

    def newest(self) -> int:
        """Return the newest committed change (for the outbox)."""
        return self._span[1]

    def number(self, tenant: str) -> int:
        """Return the number of a tenant (for history)."""
        return self._view(tenant).tid

    def check_tenant(self, tenant: str) -> None:
        """Raise NonexistentTenant, or ServiceUnavailable once closed (for the outbox)."""
        self._view(tenant)

    def enter(self, tenant: str, create: bool, effects: Effects) -> Town:
        """Return a tenant for writing, inside the transaction (for the outbox)."""
        return self._towns.enter(tenant, create, effects.undo, effects.publish)

    async def submit(self, job: Callable[[Effects], T]) -> T:
        """Run a job in the writing transaction (for the outbox)."""
        if not self._open:
            raise closed()
        return await self._submit(job)

    def _view(self, tenant: str) -> View:
        if not self._open:
            raise closed()
        return self._towns.view(tenant)

    def _submit(self, job: Callable[[Effects], T]) -> Awaitable[T]:
        """Run `job` in the writing transaction, perhaps more than once."""
        return self._writer.submit(job)

    async def _finish_dropping(self, towns: list[Town]) -> None:
        """Go on deleting tenants; what is left at the end is left to the next start."""
        with suppress(ServiceUnavailable):
            for town in towns:
                await self._drop(town)

    async def _drop(self, town: Town) -> None:
        await self._mover.until(self._span[1])
        while await self._submit(lambda effects: self.history.drop_slice(town.tid)):
            pass
        while await self._submit(
            lambda effects: drop_slice(self._connection, self._session(town, effects), town)
        ):
            pass

    def _session(self, town: Town, effects: Effects) -> Session:
        return Session(
            *(self._connection, self._run, self._indexer, self._entering, self._feed),
            *(town, effects, self.outbox.tell),
        )

    def _begin(self) -> Effects:
        return Effects(self._feed.seq, self._pending)

    def _flush(self, effects: Effects) -> None:
        """Write the counters of a group, and foretell its changes."""
        self._connection.executemany(
            "INSERT INTO counter VALUES (?1, ?2, ?3) "
            "ON CONFLICT (tid, type) DO UPDATE SET n = n + ?3",
            [(*key, difference) for key, difference in effects.totals().items() if difference],
        )
        self.outbox.queuing.flush(effects)
        self._audience.foretell(effects.committed)

    def _announce(self, effects: Effects) -> None:
        """Show a commit to readers and listeners."""
        self._feed.seq = effects.seq
        for (_, nid), difference in effects.counts:
            if nid == ALL_TYPES:
                self._entities += difference
        if not effects.committed:
            return
        self._mover.look()
        self._span = (self._span[0], effects.committed[-1].change.seq)
        self._audience.tell(effects.committed)
