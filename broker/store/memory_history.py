"""The history of the reference engine: everything in memory, nothing clever."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import orjson

from broker.errors import NonexistentTenant
from broker.model.entity import DEFAULT, Instance
from broker.model.resampled import marked_by
from broker.model.times import microseconds, timestamp
from broker.query.predicate import compile_predicate
from broker.store.buckets import fold, in_window
from broker.store.history import (
    ALL,
    EVERYTHING,
    INSTANCE,
    SCOPE,
    SYSTEM_TIMES,
    Aggregated,
    Entry,
    Fact,
    Found,
    Head,
    Ids,
    Moment,
    Place,
    Resampled,
    Search,
    Series,
    Which,
    Window,
    counts_as,
)
from broker.store.keeping import Decide, Span
from broker.store.thinning import thin


@dataclass(slots=True)
class _Past:
    """The history of one entity: by attribute and dataset, the moments by their number."""

    head: Head
    series: dict[tuple[str, str], dict[int, Moment]] = field(default_factory=dict)


class MemoryHistory:
    """A `History` in memory. `enter` finds a tenant, or makes it; it raises NonexistentTenant."""

    def __init__(self, enter: Callable[[str, bool], None]) -> None:
        self._enter = enter
        self._towns: dict[str, dict[str, _Past]] = {}
        self._followed = 0
        self._places: dict[str, int] = {}
        self._number = 0

    async def record(
        self,
        tenant: str,
        entries: Iterable[Entry],
        *,
        create_tenant: bool = False,
        place: Place | None = None,
    ) -> list[bool]:
        """Keep what is told of entities; tell of each entry whether it is new."""
        town = self._town(tenant, create=create_tenant)
        if place is not None:
            self._places[place[0]] = place[1]
        return [self._keep(town, entry) for entry in entries]

    async def place(self, source: str) -> int:
        """Return the place up to which a source was recorded."""
        return self._places.get(source, 0)

    async def append(self, tenant: str, entry: Entry) -> bool:
        """Keep what is told of an entity with history; False without."""
        town = self._town(tenant)
        if entry.entity_id not in town:
            return False
        self._keep(town, entry)
        return True

    async def modify(
        self, tenant: str, entity_id: str, instance_id: str, fact: Fact, at: int
    ) -> bool:
        """Put `fact` in the place of a moment of its attribute."""
        past = self._town(tenant).get(entity_id)
        for (attribute, _), moments in () if past is None else _in_order(past):
            number = _number(moments, instance_id)
            if attribute == fact.attribute and number is not None:
                assert past is not None
                old = moments.pop(number)
                named = replace(fact, instance_id=instance_id)
                _put(past, named, at, number, old.created)
                past.head = replace(past.head, modified=at)
                return True
        return False

    async def delete_instance(
        self, tenant: str, entity_id: str, attribute: str, instance_id: str
    ) -> bool:
        """Remove a moment."""
        past = self._town(tenant).get(entity_id)
        for (name, _), moments in () if past is None else _in_order(past):
            number = _number(moments, instance_id)
            if name == attribute and number is not None:
                del moments[number]
                return True
        return False

    async def delete_attribute(
        self, tenant: str, entity_id: str, attribute: str, dataset: str | None = DEFAULT
    ) -> bool:
        """Remove a series, or all of an attribute."""
        past = self._town(tenant).get(entity_id)
        if past is None:
            return False
        doomed = [key for key in past.series if key[0] == attribute and dataset in (None, key[1])]
        gone = [past.series.pop(key) for key in doomed]
        return any(gone)

    async def delete_entity(self, tenant: str, entity_id: str) -> bool:
        """Remove the whole history of an entity."""
        return self._town(tenant).pop(entity_id, None) is not None

    async def head(self, tenant: str, entity_id: str) -> Head | None:
        """Return what is known of an entity."""
        past = self._town(tenant).get(entity_id)
        return None if past is None else past.head

    async def search(self, tenant: str, search: Search) -> Found:
        """Return the entities that have history as asked."""
        matches = compile_predicate(search.where)
        demanding = search.which != ALL or replace(search.window, last=None) != EVERYTHING
        found = [
            past.head
            for past in self._town(tenant).values()
            if matches({"id": past.head.id, "type": list(past.head.types), "attrs": {}})
            and (not demanding or _select(past, search.which, search.window))
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
        """Return the series of entities that have moments in the window, by entity."""
        answer = {}
        for entity_id, chosen in self._chosen(tenant, ids, which, window):
            answer[entity_id] = [
                _cut(Series(*key, [moment for _, moment in timed]), window.last, limit)
                for key, timed in chosen.items()
            ]
        return copy.deepcopy(answer)

    async def extent(
        self, tenant: str, ids: Ids, which: Which = ALL, window: Window = EVERYTHING
    ) -> tuple[int, int] | None:
        """Return the earliest and the latest time of what is in the window."""
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
        """Return series in figures."""
        answer = {}
        for entity_id, chosen in self._chosen(tenant, ids, which, window):
            made = [Aggregated(*key, fold(timed, bounds)) for key, timed in chosen.items()]
            if filled := [one for one in made if one.buckets]:
                answer[entity_id] = filled
        return answer

    async def follow(self, upto: int, told: Mapping[str, Sequence[Entry]]) -> None:
        """Keep what changes up to `upto` told of entities, by tenant."""
        if upto <= self._followed:
            return
        self._followed = upto
        for tenant, entries in told.items():
            with suppress(NonexistentTenant):
                town = self._town(tenant)
                for entry in entries:
                    self._keep(town, entry)

    async def retain(self, tenant: str, decide: Decide, now: int) -> int:
        """Resample and forget what is due; return how many moments are fewer."""
        fewer = 0
        for past in self._town(tenant).values():
            for (attribute, _), moments in past.series.items():
                keeping = decide(past.head.types, attribute)
                start = None
                for span in () if keeping is None else keeping.spans(now):
                    fewer += _retain(moments, attribute, start, span)
                    start = span.end
        return fewer

    def followed(self) -> int:
        """Return the newest change that history has followed."""
        return self._followed

    def count(self) -> dict[str, int]:
        """Return figures for /metrics."""
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
            (entity_id, _select(town[entity_id], which, window))
            for entity_id in dict.fromkeys(ids)
            if entity_id in town
        ]
        return [(entity_id, selected) for entity_id, selected in chosen if selected]

    def _keep(self, town: dict[str, _Past], entry: Entry) -> bool:
        past = town.get(entry.entity_id)
        new = past is None
        if past is None:
            head = Head(entry.entity_id, (), entry.at, entry.at)
            past = town[entry.entity_id] = _Past(head)
        head = past.head
        kept = () if entry.born else head.types
        past.head = replace(
            head,
            types=tuple(dict.fromkeys((*kept, *entry.types))),
            created=entry.at if entry.born else head.created,
            modified=entry.at,
            deleted=entry.at if entry.gone else None if entry.born else head.deleted,
        )
        for fact in entry.facts:
            self._number += 1
            _put(past, fact, entry.at, self._number, None)
        return new

    def _town(self, tenant: str, *, create: bool = False) -> dict[str, _Past]:
        self._enter(tenant, create)
        return self._towns.setdefault(tenant, {})


def _put(past: _Past, fact: Fact, at: int, number: int, created: int | None) -> None:
    """Keep a fact, in the place of what it replaces."""
    moments = past.series.setdefault((fact.attribute, fact.dataset), {})
    instance = {
        member: value for member, value in fact.instance.items() if member not in SYSTEM_TIMES
    }
    text: str | None = instance.get("observedAt")
    observed = None if text is None else microseconds(text)
    instance_id = fact.instance_id
    same = None if observed is None else _at(moments, observed)
    named = None if instance_id is None else _number(moments, instance_id)
    if same is not None and named in (None, same) and created is None:
        old = moments[same]
        if _equal(old, instance, fact) and instance_id in (None, old.instance_id):
            return
    for place in (named, same):
        if place is not None and place in moments:
            old = moments.pop(place)
            number, created = (number, created) if created is not None else (place, old.created)
            instance_id = instance_id or old.instance_id
    moments[number] = Moment(
        instance_id or f"{INSTANCE}{number}",
        observed,
        at if created is None else created,
        at,
        at if fact.deleted else None,
        _counted(instance),
        copy.deepcopy(instance),
    )


def _equal(moment: Moment, instance: Instance, fact: Fact) -> bool:
    sort = orjson.OPT_SORT_KEYS
    one, other = (orjson.dumps(each, option=sort) for each in (moment.instance, instance))
    return one == other and fact.deleted == (moment.deleted is not None)


def _counted(instance: Instance) -> float | None:
    return counts_as(instance.get("value")) if instance["type"] == "Property" else None


def _number(moments: dict[int, Moment], instance_id: str) -> int | None:
    return next((n for n, m in moments.items() if m.instance_id == instance_id), None)


def _at(moments: dict[int, Moment], observed: int) -> int | None:
    same = (n for n, m in moments.items() if m.observed == observed and m.resampled is None)
    return next(same, None)


def _retain(moments: dict[int, Moment], attribute: str, start: int | None, span: Span) -> int:
    """Resample or forget the moments of a span; return how many are fewer."""
    numbers = {id(moment): number for number, moment in moments.items()}
    due = [m for m in moments.values() if m.time < span.end and (start is None or m.time >= start)]
    if span.period is None:
        kept: list[Moment] = []
    elif attribute == SCOPE:
        return 0
    else:
        due.sort(key=lambda moment: (moment.time, numbers[id(moment)]))
        kept = thin(due, span.period, _is_observed, _merged(numbers))
    for moment in due:
        del moments[numbers[id(moment)]]
    moments |= {numbers[id(moment)]: moment for moment in kept}
    return len(due) - len(kept)


def _is_observed(moment: Moment) -> bool | None:
    return None if moment.deleted is not None else moment.observed is not None


def _merged(numbers: dict[int, int]) -> Callable[[list[Moment], int, Resampled], Moment]:
    def merge(group: list[Moment], start: int, figures: Resampled) -> Moment:
        source = next((m for m in reversed(group) if m.number is not None), group[-1])
        number, observed = numbers[id(group[-1])], group[-1].observed is not None
        instance = {m: value for m, value in source.instance.items() if m != "observedAt"}
        if figures.mean is not None:
            instance["value"] = figures.mean
        if observed:
            instance["observedAt"] = timestamp(start)
        made = Moment(
            f"{INSTANCE}{number}",
            start if observed else None,
            min(m.created for m in group) if observed else start,
            max(m.modified for m in group) if observed else start,
            None,
            _counted(instance),
            marked_by(instance, figures),
            figures,
        )
        numbers[id(made)] = number
        return made

    return merge


def _select(
    past: _Past, which: Which, window: Window
) -> dict[tuple[str, str], list[tuple[int, Moment]]]:
    """Return what is meant of an entity, by series in order, with its times."""
    chosen = {}
    for key, moments in _in_order(past):
        if which.has(*key):
            in_order = (moment for _, moment in sorted(moments.items()))
            if timed := in_window(in_order, window):
                chosen[key] = timed
    return chosen


def _in_order(past: _Past) -> list[tuple[tuple[str, str], dict[int, Moment]]]:
    return sorted(
        past.series.items(), key=lambda item: (item[0][0], item[0][1] != DEFAULT, item[0])
    )


def _cut(series: Series, last: int | None, limit: int | None) -> Series:
    """Return a series cut to the newest `last`, and then to `limit` (see `History.read`)."""
    moments = series.moments
    if last is not None:
        moments = moments[-last:]
    if limit is None or len(moments) <= limit:
        return replace(series, moments=moments)
    return replace(series, moments=moments[-limit:] if last else moments[:limit], more=True)
