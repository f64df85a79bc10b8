"""What can be done with history, with the guard asked each time.

Methods take the caller and the tenant, work on expanded names only, and raise the exceptions of
`broker.errors`. History is read once it has everything that was committed before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from broker.clock import Clock
from broker.entities.service import not_found
from broker.errors import TooComplexQuery
from broker.guard import Action, Caller, Guard
from broker.model.times import microseconds
from broker.query.ast import And, EntityQuery, HasType, Node
from broker.store.contract import Store
from broker.store.history import (
    ALL,
    EVERYTHING,
    SCOPE,
    Head,
    Moment,
    Search,
    Series,
    TimeProperty,
    Which,
    Window,
)
from broker.temporal.aggregation import from_store
from broker.temporal.conditions import Conditions, restricted, split
from broker.temporal.evolution import (
    Cut,
    Evolution,
    begins_at,
    cut,
    edge_of,
    evolution_of,
    size,
    take_last,
)
from broker.temporal.figures import Figures, of_instances
from broker.temporal.render import Look
from broker.temporal.state import entity_of, shown_of

SCAN = 50
"""Entities read at once where conditions have to be tested on their instances."""

MOST_TESTED = 500_000
"""Instances a query may have tested, beyond which it is refused."""

OF_ONE_TIME: Final = 10
"""How many times the instances that fit in an answer are in one where all have one time."""

FEW = 1_000
"""Instances that are tested at once; more are tested in a thread."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of history, beside how it is shown.

    `which` are the series that may be shown, `window` the time range; `most` bounds the instances
    of each series, where not all are needed. With `bare` none are needed where the store can
    put them in figures.
    """

    which: Which = ALL
    window: Window = EVERYTHING
    most: int | None = None
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """Which entities are asked for; ordered by id, the other way round with `descending`."""

    where: Node
    limit: int
    offset: int = 0
    count: bool = False
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query; `total` where it was asked to count."""

    evolutions: list[Evolution]
    total: int | None = None


class Past:
    """Reads and writes of history through guard and store. `catch_up` waits for the follower."""

    def __init__(
        self, store: Store, guard: Guard, clock: Clock, catch_up: Callable[[], Awaitable[None]]
    ) -> None:
        self.store = store
        self.guard = guard
        self.clock = clock
        self._catch_up = catch_up

    async def retrieve(
        self, caller: Caller, tenant: str, entity_id: str, asked: Asked
    ) -> Evolution:
        """Return the history of an entity as the caller may see it."""
        self.guard.allow(caller, tenant, Action.READ, entity_id)
        await self._catch_up()
        head = await self.store.history.head(tenant, entity_id)
        if head is None:
            raise not_found(entity_id)
        seen = await self._seen(caller, tenant, [head], asked)
        if not seen:
            raise not_found(entity_id)
        return seen[0]

    async def has(self, caller: Caller, tenant: str, entity_id: str, which: Which) -> bool:
        """Tell whether an entity that can be seen ever had any of some attributes."""
        whole = await self.retrieve(caller, tenant, entity_id, Asked(which, most=1))
        return bool(whole.edges) or any(whole.attributes.values())

    async def query(self, caller: Caller, tenant: str, query: Query, asked: Asked) -> Page:
        """Return a page of the entities whose history satisfies a query (§5.7.4.4)."""
        self.guard.allow(caller, tenant, Action.READ, None)
        given = EntityQuery(query.where)
        narrowed = self.guard.narrow(caller, tenant, given)
        conditions = split(narrowed.where)
        await self._catch_up()
        if not conditions.simple or not (self.guard.transparent or narrowed is given):
            return await self._scan(caller, tenant, query, conditions, asked)
        search = Search(
            conditions.head,
            asked.which,
            replace(asked.window, last=None),
            query.limit,
            query.offset,
            descending=query.descending,
            count=query.count,
        )
        found = await self.store.history.search(tenant, search)
        return Page(await self._seen(caller, tenant, found.heads, asked), found.total)

    async def _scan(
        self, caller: Caller, tenant: str, query: Query, conditions: Conditions, asked: Asked
    ) -> Page:
        """Return a page by testing entity after entity, as the caller sees it."""
        window = replace(asked.window, last=None)
        looked_at = _with(asked.which, conditions.attributes())
        search = Search(conditions.head, looked_at, window, limit=SCAN, descending=query.descending)
        passed = tested = 0
        page: list[Evolution] = []
        while True:
            found = await self.store.history.search(tenant, search)
            seen = await self._seen(caller, tenant, found.heads, Asked(looked_at, window))
            tested += sum(map(size, seen))
            if tested > MOST_TESTED:
                raise _too_much()
            for one in await _sifted(seen, conditions, window):
                _leave(one, asked.which)
                if not any(one.attributes.values()):
                    continue
                if query.offset <= passed < query.offset + query.limit:
                    take_last(one, asked.window.last)
                    page.append(one)
                passed += 1
            full = not query.count and passed >= query.offset + query.limit
            if full or len(found.heads) < SCAN:
                return Page(page, passed if query.count else None)
            search = replace(search, after=found.heads[-1].id)

    async def part(
        self, caller: Caller, tenant: str, shown: Sequence[Evolution], asked: Asked, most: int
    ) -> Cut | None:
        """Leave of histories that `retrieve` or `query` gave what fits in an answer (`cut`).

        Where not even the first time was read whole, that is read.
        Raises TooComplexQuery where that is too much for an answer.
        """
        timeproperty, backwards = asked.window.timeproperty, asked.window.last is not None
        reach = edge_of(shown, backwards=backwards)
        if reach is not None:
            begin = begins_at(shown, timeproperty, backwards=backwards)
            if begin is not None and (begin > reach if backwards else begin < reach):
                reach += 1 if backwards else -1
            else:
                await self._take_all_of(caller, tenant, shown, asked, reach, most * OF_ONE_TIME)
        part = cut(shown, timeproperty, most, backwards=backwards, reach=reach)
        if sum(map(size, shown)) > most * OF_ONE_TIME:
            raise _too_many(most * OF_ONE_TIME, timeproperty)
        return part

    async def _take_all_of(
        self,
        caller: Caller,
        tenant: str,
        shown: Sequence[Evolution],
        asked: Asked,
        at: int,
        most: int,
    ) -> None:
        """Put all instances of one time in the place of those that were read."""
        window = replace(asked.window, start=at, end=at + 1, last=None)
        heads = [one.head for one in shown]
        seen = await self._seen(caller, tenant, heads, Asked(asked.which, window, most))
        if any(one.edges for one in seen):
            raise _too_many(most, window.timeproperty)
        found = {one.head.id: one.attributes for one in seen}
        for one in shown:
            one.attributes = {iri: [] for iri in one.attributes} | found.get(one.head.id, {})
            take_last(one, asked.window.last)

    async def figures(
        self, tenant: str, evolutions: Sequence[Evolution], asked: Asked, look: Look
    ) -> list[Figures]:
        """Return the figures of histories that `retrieve` or `query` gave, as they were asked."""
        bare = [one for one in evolutions if one.bare]
        stored: dict[str, Figures] = {}
        if bare:
            ids = [one.head.id for one in bare]
            which = asked.which
            if which.attributes is None and any(one.scopes for one in bare):
                which = await self._without_scope(tenant, ids, which)
            stored = await from_store(
                self.store.history, tenant, ids, which, asked.window, look,
                microseconds(self.clock()),
            )  # fmt: skip
        return [
            stored.get(one.head.id, {}) if one.bare else of_instances(one, look, asked.window)
            for one in evolutions
        ]

    async def _seen(
        self, caller: Caller, tenant: str, heads: Sequence[Head], asked: Asked
    ) -> list[Evolution]:
        """Return the histories of entities as the caller may see them."""
        if not heads:
            return []
        history, ids = self.store.history, [head.id for head in heads]
        whole = all(self._whole(caller, tenant, types) for types in {one.types for one in heads})
        scopes = await history.read(tenant, ids, _SCOPES)
        if asked.bare and whole:
            return [Evolution(head, scopes=_scopes(scopes, head), bare=True) for head in heads]
        which = asked.which
        if which.attributes is not None:
            which = Which(tuple(a for a in which.attributes if a != SCOPE), which.datasets)
        found = await history.read(tenant, ids, which, asked.window, limit=asked.most)
        now = microseconds(self.clock())
        evolutions = []
        for head in heads:
            series = [one for one in found.get(head.id, ()) if one.attribute != SCOPE]
            evolution = evolution_of(head, series, asked.window, now)
            evolution.scopes = _scopes(scopes, head)
            evolutions.append(evolution)
        if whole:
            return evolutions
        latest = await history.read(tenant, ids, ALL, _LATEST)
        return [
            seen
            for evolution in evolutions
            if (seen := self._view(caller, tenant, evolution, latest.get(evolution.head.id, [])))
        ]

    def _whole(self, caller: Caller, tenant: str, types: Sequence[str]) -> bool:
        """Tell whether the guard shows entities of these types as they are, whatever they hold."""
        if self.guard.transparent:
            return True
        if self.guard.lens(caller, tenant) is None:
            return False
        every = EntityQuery(And(tuple(map(HasType, types))))
        return self.guard.narrow(caller, tenant, every) is every

    def _view(
        self, caller: Caller, tenant: str, evolution: Evolution, latest: Sequence[Series]
    ) -> Evolution | None:
        """Return what the guard shows of a history: each instance as in the entity of its time."""
        state = entity_of(evolution.head, latest)
        return shown_of(evolution, state, lambda entity: self.guard.view(caller, tenant, entity))

    async def _without_scope(self, tenant: str, ids: Sequence[str], which: Which) -> Which:
        """Return all series of entities but those of their scopes."""
        found = await self.store.history.read(tenant, ids, which, _LATEST)
        names = {one.attribute for series in found.values() for one in series}
        return Which(tuple(sorted(names - {SCOPE})), which.datasets)


async def _sifted(seen: list[Evolution], conditions: Conditions, window: Window) -> list[Evolution]:
    """Return the evolutions that satisfy the conditions, with what does of them."""

    def sift() -> list[Evolution]:
        return [one for one in seen if restricted(one, conditions, window.timeproperty)]

    if sum(map(size, seen)) <= FEW:
        return sift()
    return await asyncio.to_thread(sift)


def _too_much() -> TooComplexQuery:
    return TooComplexQuery(
        f"The conditions would have to be tested on more than {MOST_TESTED} instances.",
        place="query:",
        remedy="Ask for a shorter time range, fewer entities by id or type, or smaller pages.",
    )


def _too_many(most: int, timeproperty: TimeProperty | None) -> TooComplexQuery:
    remedy = "Ask for fewer attributes, or for smaller pages."
    if timeproperty not in {None, TimeProperty.OBSERVED}:
        remedy = f"Use timeproperty=observedAt where instances have one. {remedy}"
    return TooComplexQuery(
        f"More than {most} instances have the same {timeproperty or 'time'}.",
        place="query:",
        remedy=remedy,
    )


def _scopes(found: Mapping[str, Sequence[Series]], head: Head) -> list[Moment]:
    return [moment for series in found.get(head.id, ()) for moment in series.moments]


_SCOPES = Which((SCOPE,))
_LATEST = Window(last=1)


def _with(which: Which, attributes: frozenset[str]) -> Which:
    """Return series to be read so that conditions on some attributes can be tested."""
    if which.attributes is None:
        return ALL
    return Which(tuple({*which.attributes, *attributes}))


def _leave(evolution: Evolution, which: Which) -> None:
    """Leave only the series that may be shown."""
    evolution.attributes = {
        iri: [each for each in told if which.has(iri, each[0])]
        for iri, told in evolution.attributes.items()
        if which.attributes is None or iri in which.attributes
    }
