"""Retention in slices: which series have something due, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from broker.store.history import SCOPE
from broker.store.keeping import Decide, Keeping, Span
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.connection import Run
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.history import merging, thinning
from broker.store.sqlite.history.births import Born, born
from broker.store.sqlite.history.searching import iris_of
from broker.store.sqlite.history.series import Numbers
from broker.store.sqlite.names import Names

T = TypeVar("T")

AT_ONCE: Final = 500
"""Series, or births, looked up at a time."""


class Submits(Protocol):
    """What retention needs of the store."""

    async def submit(self, job: Callable[[Effects], T]) -> T:
        """Run a job in the writing transaction; return its result once it is durable."""
        ...


class Bounded(Protocol):
    """Runs a read of a tenant in one read transaction."""

    async def __call__(self, tenant: str, read: Callable[[Budget, int, Names], T]) -> T: ...


class Retaining:
    """Resamples and forgets. `run` is of the writing connection."""

    def __init__(self, run: Run, engine: Submits, numbers: Numbers, bounded: Bounded) -> None:
        self._run = run
        self._engine = engine
        self._numbers = numbers
        self._bounded = bounded

    async def retain(self, tenant: str, decide: Decide, now: int) -> int:
        """Resample and forget what is due; return how many moments are fewer."""
        fewer = last = 0
        await self._settle_due(tenant, decide, now)
        while lines := await self._bounded(tenant, partial(_lines_after, sid=last)):
            for sid, types, attribute in lines:
                keeping = decide(types, attribute)
                spans = [] if keeping is None else keeping.spans(now)
                if spans:
                    fewer += await self._retain(sid, spans, attribute == SCOPE)
            last = lines[-1][0]
        return fewer

    async def _settle_due(self, tenant: str, decide: Decide, now: int) -> None:
        """Make series of what is due in births."""
        last = 0
        while births := await self._bounded(tenant, partial(_births_after, pid=last)):
            for pid, types, every, names in births:
                due = {
                    one.attribute
                    for one in every
                    if _is_due(decide(types, names[one.attribute]), one.row.time, now)
                }
                if due:
                    await self._engine.submit(partial(self._settle, pid, due))
            last = births[-1][0]

    def _settle(self, pid: int, attributes: Collection[int], effects: Effects) -> None:
        self._numbers.begin(effects.undo)
        self._numbers.settle(pid, attributes)

    async def _retain(self, sid: int, spans: Sequence[Span], scope: bool) -> int:
        """Resample and forget what is due of one series, slice by slice."""
        fewer, after, end = 0, thinning.LOWEST, spans[-1].end
        while await self._engine.submit(partial(self._merge_due, sid, end)):
            pass
        while after < end:
            done = await self._engine.submit(partial(self._thin, sid, spans, after, scope))
            after, fewer = done.upto, fewer + done.fewer
        return fewer

    def _thin(
        self, sid: int, spans: Sequence[Span], after: int, scope: bool, effects: Effects
    ) -> thinning.Done:
        return thinning.thin_slice(self._run, sid, spans, after, scope)

    def _merge_due(self, sid: int, end: int, effects: Effects) -> bool:
        """Merge a slice of the hot rows of a series; tell whether more are before `end`."""
        due = "SELECT EXISTS (SELECT 1 FROM moment WHERE sid = ? AND time < ?)"
        if self._run(due, (sid, end)).get:
            merging.merge_series(self._run, sid, whole=False)
        return bool(self._run(due, (sid, end)).get)


def _lines_after(
    budget: Budget, tid: int, names: Names, sid: int
) -> list[tuple[int, tuple[str, ...], str]]:
    """Return the next series of a tenant: their number, the types of the entity, the attribute."""
    rows: list[tuple[Any, ...]] = budget.connection.execute(
        "SELECT s.sid, p.types, s.attribute FROM series s CROSS JOIN past p ON p.pid = s.pid "
        "WHERE s.sid > ? AND p.tid = ? ORDER BY s.sid LIMIT ?",
        (sid, tid, AT_ONCE),
    ).fetchall()
    return [(n, iris_of(types, names), names.iris[str(nid)]) for n, types, nid in rows]


def _births_after(
    budget: Budget, tid: int, names: Names, pid: int
) -> list[tuple[int, tuple[str, ...], list[Born], dict[int, str]]]:
    """Return the next births of a tenant: of which head, its types, what was born, its names."""
    rows: list[tuple[Any, ...]] = budget.connection.execute(
        "SELECT p.pid, p.types, b.at, b.iid, b.body FROM birth b CROSS JOIN past p "
        "ON p.pid = b.pid WHERE b.pid > ? AND p.tid = ? ORDER BY b.pid LIMIT ?",
        (pid, tid, AT_ONCE),
    ).fetchall()
    found = []
    for number, types, *birth in rows:
        every = list(born(*birth))
        iris = {one.attribute: names.iris[str(one.attribute)] for one in every}
        found.append((number, iris_of(types, names), every, iris))
    return found


def _is_due(keeping: Keeping | None, time: int, now: int) -> bool:
    spans = [] if keeping is None else keeping.spans(now)
    return bool(spans) and time < spans[-1].end
