"""The history of the reference engine: everything in memory, nothing clever."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count

from broker.errors import NonexistentTenant
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
from broker.store.past import Past, cut, in_order, keep, number_of, put, retain, select


class MemoryHistory:
    """A `History` in memory. `enter` finds a tenant, or makes it; it raises NonexistentTenant."""

    def __init__(self, enter: Callable[[str, bool], None]) -> None:
        self._enter = enter
        self._towns: dict[str, dict[str, Past]] = {}
        self._followed = 0
        self._places: dict[str, int] = {}
        self._numbers = count(1)

    async def record(
        self,
        tenant: str,
        entries: Iterable[Entry],
        *,
        create_tenant: bool = False,
        place: Place | None = None,
    ) -> list[bool]:
        town = self._town(tenant, create=create_tenant)
        if place is not None:
            self._places[place[0]] = place[1]
        return [self._keep(town, entry) for entry in entries]

    async def place(self, source: str) -> int:
        return self._places.get(source, 0)

    async def append(self, tenant: str, entry: Entry) -> bool:
        town = self._town(tenant)
        if entry.entity_id not in town:
            return False
        self._keep(town, entry)
        return True

    async def modify(
        self, tenant: str, entity_id: str, instance_id: str, fact: Fact, at: int
    ) -> bool:
        past = self._town(tenant).get(entity_id)
        for (attribute, _), moments in () if past is None else in_order(past):
            number = number_of(moments, instance_id)
            if attribute == fact.attribute and number is not None:
                assert past is not None
                old = moments.pop(number)
                named = replace(fact, instance_id=instance_id)
                put(past, named, at, number, old.created)
                past.head = replace(past.head, modified=at)
                return True
        return False

    async def delete_instance(
        self, tenant: str, entity_id: str, attribute: str, instance_id: str
    ) -> bool:
        past = self._town(tenant).get(entity_id)
        for (name, _), moments in () if past is None else in_order(past):
            number = number_of(moments, instance_id)
            if name == attribute and number is not None:
                del moments[number]
                return True
        return False

    async def delete_attribute(
        self, tenant: str, entity_id: str, attribute: str, dataset: str | None = DEFAULT
    ) -> bool:
        past = self._town(tenant).get(entity_id)
        if past is None:
            return False
        doomed = [key for key in past.series if key[0] == attribute and dataset in (None, key[1])]
        gone = [past.series.pop(key) for key in doomed]
        return any(gone)

    async def delete_entity(self, tenant: str, entity_id: str) -> bool:
        return self._town(tenant).pop(entity_id, None) is not None

    async def head(self, tenant: str, entity_id: str) -> Head | None:
        past = self._town(tenant).get(entity_id)
        return None if past is None else past.head

    async def search(self, tenant: str, search: Search) -> Found:
        matches = compile_predicate(search.where)
        demanding = search.which != ALL or replace(search.window, last=None) != EVERYTHING
        found = [
            past.head
            for past in self._town(tenant).values()
            if matches({"id": past.head.id, "type": list(past.head.types), "attrs": {}})
            and (not demanding or select(past, search.which, search.window))
        ]
        found.sort(key=lambda head: head.id, reverse=search.descending)
        after = search.after
        if after is not None:
            found = [h for h in found if (h.id < after if search.descending else h.id > after)]
        page = found[search.offset : search.offset + search.limit]
        return Found(page, len(found) if search.count else None)

    async def read(
        self,
        tenant: str,
        ids: Ids,
        which: Which = ALL,
        window: Window = EVERYTHING,
        *,
        limit: int | None = None,
    ) -> dict[str, list[Series]]:
        answer = {}
        for entity_id, chosen in self._chosen(tenant, ids, which, window):
            answer[entity_id] = [
                cut(Series(*key, [moment for _, moment in timed]), window.last, limit)
                for key, timed in chosen.items()
            ]
        return copy.deepcopy(answer)

    async def extent(
        self, tenant: str, ids: Ids, which: Which = ALL, window: Window = EVERYTHING
    ) -> tuple[int, int] | None:
        times = [
            at
            for _, chosen in self._chosen(tenant, ids, which, window)
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
        answer = {}
        for entity_id, chosen in self._chosen(tenant, ids, which, window):
            made = [Aggregated(*key, fold(timed, bounds)) for key, timed in chosen.items()]
            if filled := [one for one in made if one.buckets]:
                answer[entity_id] = filled
        return answer

    async def follow(
        self, upto: int, told: Mapping[str, Sequence[Entry]], *, after: int | None = None
    ) -> None:
        if upto <= self._followed or after not in (None, self._followed):
            return
        self._followed = upto
        for tenant, entries in told.items():
            with suppress(NonexistentTenant):
                town = self._town(tenant)
                for entry in entries:
                    self._keep(town, entry)

    async def retain(self, tenant: str, decide: Decide, now: int) -> int:
        return sum(retain(past, decide, now) for past in self._town(tenant).values())

    def followed(self) -> int:
        return self._followed

    def count(self) -> dict[str, int]:
        kept = [
            len(moments)
            for town in self._towns.values()
            for past in town.values()
            for moments in past.series.values()
        ]
        return {"history_instances": sum(kept)}

    def drop_tenant(self, tenant: str) -> None:
        """Forget a tenant whole (for the store)."""
        self._towns.pop(tenant, None)

    def _chosen(
        self, tenant: str, ids: Ids, which: Which, window: Window
    ) -> list[tuple[str, dict[tuple[str, str], list[tuple[int, Moment]]]]]:
        town = self._town(tenant)
        chosen = [
            (entity_id, select(town[entity_id], which, window))
            for entity_id in dict.fromkeys(ids)
            if entity_id in town
        ]
        return [(entity_id, selected) for entity_id, selected in chosen if selected]

    def _keep(self, town: dict[str, Past], entry: Entry) -> bool:
        known = town.get(entry.entity_id)
        town[entry.entity_id] = keep(known, entry, self._numbers)
        return known is None

    def _town(self, tenant: str, *, create: bool = False) -> dict[str, Past]:
        self._enter(tenant, create)
        return self._towns.setdefault(tenant, {})
