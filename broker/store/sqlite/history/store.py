"""The history of the SQLite engine: what the contract asks, over the parts of this package."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, Protocol, TypeVar

import apsw

from broker.errors import MachiError, NonexistentTenant, ServiceUnavailable
from broker.model.entity import DEFAULT
from broker.store.history import (
    ALL,
    EVERYTHING,
    Aggregated,
    Entry,
    Fact,
    Found,
    Head,
    Ids,
    Place,
    Search,
    Series,
    Which,
    Window,
)
from broker.store.keeping import Decide
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.connection import runner
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.history import merging, removing
from broker.store.sqlite.history.reading import Reading, lines_of
from broker.store.sqlite.history.retaining import Retaining
from broker.store.sqlite.history.rows import to_moment
from broker.store.sqlite.history.searching import HEAD, search_heads, to_head
from broker.store.sqlite.history.writing import Writing
from broker.store.sqlite.names import Names
from broker.store.sqlite.reader import Reader
from broker.store.sqlite.town import Town

T = TypeVar("T")

GROWTH: Final = 20_000
"""New hot rows, if a quarter of all, after which series that have enough of them are merged."""

log = logging.getLogger(__name__)


class Engine(Protocol):
    """What history needs of its store."""

    def number(self, tenant: str) -> int:
        """Return the number of a tenant; raises NonexistentTenant, ServiceUnavailable."""
        ...

    def enter(self, tenant: str, create: bool, effects: Effects) -> Town:
        """Return a tenant for writing, inside the transaction."""
        ...

    async def submit(self, job: Callable[[Effects], T]) -> T:
        """Run a job in the writing transaction; return its result once it is durable."""
        ...


class SqliteHistory:
    """A `History` in the file of the store."""

    def __init__(self, connection: apsw.Connection, engine: Engine, reader: Reader) -> None:
        self._run = runner(connection)
        self._engine = engine
        self._reader = reader
        self._writing = Writing(connection)
        self._followed: int = self._run("SELECT value FROM meta WHERE key = 'followed'").get
        self._hot: int = self._run(
            "SELECT count(*) FROM (SELECT 1 FROM moment LIMIT ?)", (GROWTH,)
        ).get
        self._new = self._hot
        self._merger: asyncio.Task[None] | None = None
        self._retaining = Retaining(self._run, engine, self._writing.numbers, self._bounded)

    async def close(self) -> None:
        """Let merging that is under way end after its slice."""
        if self._merger is not None:
            self._merger.cancel()
            with suppress(asyncio.CancelledError):
                await self._merger

    async def record(
        self,
        tenant: str,
        entries: Iterable[Entry],
        *,
        create_tenant: bool = False,
        place: Place | None = None,
    ) -> list[bool]:
        told = list(entries)

        def job(effects: Effects) -> list[bool]:
            town = self._engine.enter(tenant, create_tenant, effects)
            if place is not None:
                self._note(*place)
            return self._keep(town, told, effects)

        return await self._engine.submit(job)

    async def place(self, source: str) -> int:
        place: int | None = self._reader.run(
            "SELECT value FROM meta WHERE key = ?", (f"source {source}",)
        ).get
        return place or 0

    async def append(self, tenant: str, entry: Entry) -> bool:

        def job(effects: Effects) -> bool:
            town = self._engine.enter(tenant, False, effects)
            self._writing.numbers.begin(effects.undo)
            if self._writing.numbers.head(town.tid, entry.entity_id) is None:
                return False
            self._keep(town, [entry], effects)
            return True

        return await self._engine.submit(job)

    async def modify(
        self, tenant: str, entity_id: str, instance_id: str, fact: Fact, at: int
    ) -> bool:

        def job(effects: Effects) -> bool:
            town = self._engine.enter(tenant, False, effects)
            return self._writing.modify(town, entity_id, instance_id, fact, at, effects)

        return await self._engine.submit(job)

    async def delete_instance(
        self, tenant: str, entity_id: str, attribute: str, instance_id: str
    ) -> bool:

        def job(effects: Effects) -> bool:
            town = self._engine.enter(tenant, False, effects)
            found = self._writing.find(town, entity_id, attribute, instance_id, effects)
            if found is not None:
                removing.remove_row(self._run, *found)
            return found is not None

        return await self._engine.submit(job)

    async def delete_attribute(
        self, tenant: str, entity_id: str, attribute: str, dataset: str | None = DEFAULT
    ) -> bool:

        def job(effects: Effects) -> bool:
            town = self._engine.enter(tenant, False, effects)
            self._writing.settle(town, entity_id, attribute, effects)
            which = Which((attribute,), None if dataset is None else (dataset,))
            lines = lines_of(self._run, town.tid, entity_id, which, town.names)
            gone = [removing.remove_series(self._run, line.sid) for line in lines]
            self._writing.numbers.forget()
            return any(gone)

        return await self._engine.submit(job)

    async def delete_entity(self, tenant: str, entity_id: str) -> bool:

        def job(effects: Effects) -> bool:
            town = self._engine.enter(tenant, False, effects)
            self._writing.numbers.begin(effects.undo)
            pid = self._writing.numbers.head(town.tid, entity_id)
            if pid is not None:
                removing.remove_head(self._run, pid)
                self._writing.numbers.forget()
            return pid is not None

        return await self._engine.submit(job)

    async def head(self, tenant: str, entity_id: str) -> Head | None:

        def read(budget: Budget, tid: int, names: Names) -> Head | None:
            statement = f"SELECT {HEAD} FROM past p WHERE p.tid = ? AND p.id = ?"
            row = budget.connection.execute(statement, (tid, entity_id)).get
            return None if row is None else to_head(row, names)

        return await self._bounded(tenant, read)

    async def search(self, tenant: str, search: Search) -> Found:

        def read(budget: Budget, tid: int, names: Names) -> Found:
            return search_heads(budget, tid, names, search)

        return await self._bounded(tenant, read)

    async def read(
        self,
        tenant: str,
        ids: Ids,
        which: Which = ALL,
        window: Window = EVERYTHING,
        *,
        limit: int | None = None,
    ) -> dict[str, list[Series]]:

        def read(budget: Budget, tid: int, names: Names) -> dict[str, list[Series]]:
            run, reading = runner(budget.connection), Reading(budget, window)
            answer: dict[str, list[Series]] = {}
            for entity_id in dict.fromkeys(ids):
                for line in lines_of(run, tid, entity_id, which, names):
                    rows, more = reading.rows(line, limit)
                    if rows:
                        moments = [to_moment(row, names) for row in rows]
                        series = Series(line.attribute, line.dataset, moments, more)
                        answer.setdefault(entity_id, []).append(series)
            return answer

        return await self._bounded(tenant, read)

    async def extent(
        self, tenant: str, ids: Ids, which: Which = ALL, window: Window = EVERYTHING
    ) -> tuple[int, int] | None:

        def read(budget: Budget, tid: int, names: Names) -> tuple[int, int] | None:
            run, reading = runner(budget.connection), Reading(budget, window)
            extents = [
                reading.extent(line)
                for entity_id in dict.fromkeys(ids)
                for line in lines_of(run, tid, entity_id, which, names)
            ]
            some = [each for each in extents if each is not None]
            return (min(a for a, _ in some), max(b for _, b in some)) if some else None

        return await self._bounded(tenant, read)

    async def aggregate(
        self,
        tenant: str,
        ids: Ids,
        bounds: Sequence[int],
        which: Which = ALL,
        window: Window = EVERYTHING,
    ) -> dict[str, list[Aggregated]]:
        within = _within(window, bounds)

        def read(budget: Budget, tid: int, names: Names) -> dict[str, list[Aggregated]]:
            run, reading = runner(budget.connection), Reading(budget, within)
            answer: dict[str, list[Aggregated]] = {}
            for entity_id in dict.fromkeys(ids):
                for line in lines_of(run, tid, entity_id, which, names):
                    buckets = reading.fold(line, bounds)
                    if buckets:
                        one = Aggregated(line.attribute, line.dataset, buckets)
                        answer.setdefault(entity_id, []).append(one)
            return answer

        return await self._bounded(tenant, read)

    async def follow(
        self, upto: int, told: Mapping[str, Sequence[Entry]], *, after: int | None = None
    ) -> None:

        def job(effects: Effects) -> None:
            followed = self._run("SELECT value FROM meta WHERE key = 'followed'").get
            if upto <= followed or after not in (None, followed):
                return
            for tenant, entries in told.items():
                with suppress(NonexistentTenant):
                    self._keep(self._engine.enter(tenant, False, effects), entries, effects)
            self._run("UPDATE meta SET value = ? WHERE key = 'followed'", (upto,))
            effects.publish.append(partial(self._has_followed, upto))

        await self._engine.submit(job)

    async def retain(self, tenant: str, decide: Decide, now: int) -> int:
        return await self._retaining.retain(tenant, decide, now)

    def followed(self) -> int:
        return self._followed

    def count(self) -> dict[str, int]:
        return {"history_hot_rows": self._hot}

    async def compact(self) -> None:
        """Merge all hot rows and fill up every chunk, in slices."""
        rows = await self._engine.submit(lambda _: self._run("SELECT sid FROM series").fetchall())
        sids = [sid for (sid,) in rows]
        while sids:
            await self.merge(sids, whole=True)

    def drop_slice(self, tid: int) -> bool:
        """Remove a slice of a tenant's history inside the transaction; tell if there was any."""
        self._writing.numbers.forget()
        return removing.drop_slice(self._run, tid)

    def _keep(self, town: Town, entries: Sequence[Entry], effects: Effects) -> list[bool]:
        news = self._writing.keep(town, entries, effects)
        count = sum(len(entry.facts) for entry in entries if not entry.born)
        effects.publish.append(partial(self._grown, count))
        return news

    def _note(self, source: str, place: int) -> None:
        """Write down how far a source was read."""
        key = f"source {source}"
        if place:
            self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, place))
        else:
            self._run("DELETE FROM meta WHERE key = ?", (key,))

    def _has_followed(self, upto: int) -> None:
        self._followed = upto

    def _grown(self, count: int) -> None:
        """Note more hot rows, and begin to merge where there are many that are new."""
        self._hot += count
        self._new += count
        idle = self._merger is None or self._merger.done()
        if self._new >= max(GROWTH, self._hot // 4) and idle:
            self._merger = asyncio.get_running_loop().create_task(self._merge_some())

    async def _merge_some(self) -> None:
        """Merge the series that have enough hot rows; the others wait until they have."""
        self._new = hot = after = 0
        try:
            while look := await self._reader.bounded(partial(merging.look, after=after)):
                after, hot = look.last, hot + look.hot
                while look.sids:
                    hot -= await self.merge(look.sids, whole=False)
            self._hot = hot
        except ServiceUnavailable:
            pass
        except MachiError as error:
            log.warning("history was not merged: %s", error)

    async def merge(self, sids: list[int], *, whole: bool) -> int:
        """Merge a slice of the last of `sids`, and take what is done from the list.

        Returns how many rows were merged.
        """
        left = list(sids)

        def job(effects: Effects) -> int:
            left[:] = sids
            return merging.merge_slice(self._run, left, whole=whole)

        moved = await self._engine.submit(job)
        self._hot -= moved
        sids[:] = left
        return moved

    async def _bounded(self, tenant: str, read: Callable[[Budget, int, Names], T]) -> T:
        """Run a read of a tenant in one read transaction, with names of its own."""
        tid = self._engine.number(tenant)

        def within(budget: Budget) -> T:
            return read(budget, tid, Names(budget.connection, tid, tenant))

        return await self._reader.bounded(within)


def _within(window: Window, bounds: Sequence[int]) -> Window:
    """Return the part of a window that is within bounds."""
    start = bounds[0] if window.start is None else max(window.start, bounds[0])
    end = bounds[-1] if window.end is None else min(window.end, bounds[-1])
    return Window(window.timeproperty, start, end)
