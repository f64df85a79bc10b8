"""The history of one entity as every engine that keeps moments one by one changes it (pure)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import orjson

from broker.model.entity import DEFAULT, Instance
from broker.model.resampled import marked_by
from broker.model.times import microseconds, timestamp
from broker.store.buckets import in_window
from broker.store.history import (
    INSTANCE,
    SCOPE,
    SYSTEM_TIMES,
    Entry,
    Fact,
    Head,
    Moment,
    Resampled,
    Series,
    Which,
    Window,
    figure_of,
)
from broker.store.keeping import Decide, Span
from broker.store.thinning import thin


@dataclass(slots=True)
class Past:
    """The history of one entity: by attribute and dataset, the moments by their number."""

    head: Head
    series: dict[tuple[str, str], dict[int, Moment]] = field(default_factory=dict)

    def moments(self) -> dict[int, tuple[str, str, Moment]]:
        """Return all moments with their attribute and dataset, by number."""
        return {
            number: (*key, moment)
            for key, moments in self.series.items()
            for number, moment in moments.items()
        }


def keep(past: Past | None, entry: Entry, numbers: Iterator[int]) -> Past:
    """Keep what is told of an entity; `numbers` gives each fact the next one of the store.

    Of the moments known, only those a fact may take the place of have to be there.
    """
    if past is None:
        past = Past(Head(entry.entity_id, (), entry.at, entry.at))
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
        put(past, fact, entry.at, next(numbers), None)
    return past


def retain(past: Past, decide: Decide, now: int) -> int:
    """Resample and forget what is due of an entity; return how many moments are fewer."""
    fewer = 0
    for (attribute, _), moments in past.series.items():
        keeping = decide(past.head.types, attribute)
        start = None
        for span in () if keeping is None else keeping.spans(now):
            fewer += _retain(moments, attribute, start, span)
            start = span.end
    return fewer


def put(past: Past, fact: Fact, at: int, number: int, created: int | None) -> None:
    """Keep a fact, in the place of what it replaces."""
    moments = past.series.setdefault((fact.attribute, fact.dataset), {})
    instance = {
        member: value for member, value in fact.instance.items() if member not in SYSTEM_TIMES
    }
    text: str | None = instance.get("observedAt")
    observed = None if text is None else microseconds(text)
    instance_id = fact.instance_id
    same = None if observed is None else _at(moments, observed)
    named = None if instance_id is None else number_of(moments, instance_id)
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
        figure_of(instance),
        copy.deepcopy(instance),
    )


def _equal(moment: Moment, instance: Instance, fact: Fact) -> bool:
    sort = orjson.OPT_SORT_KEYS
    one, other = (orjson.dumps(each, option=sort) for each in (moment.instance, instance))
    return one == other and fact.deleted == (moment.deleted is not None)


def number_of(moments: dict[int, Moment], instance_id: str) -> int | None:
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
            figure_of(instance),
            marked_by(instance, figures),
            figures,
        )
        numbers[id(made)] = number
        return made

    return merge


def select(
    past: Past, which: Which, window: Window
) -> dict[tuple[str, str], list[tuple[int, Moment]]]:
    """Return what is meant of an entity, by series in order, with its times."""
    chosen = {}
    for key, moments in in_order(past):
        if which.has(*key):
            in_turn = (moment for _, moment in sorted(moments.items()))
            if timed := in_window(in_turn, window):
                chosen[key] = timed
    return chosen


def in_order(past: Past) -> list[tuple[tuple[str, str], dict[int, Moment]]]:
    return sorted(
        past.series.items(), key=lambda item: (item[0][0], item[0][1] != DEFAULT, item[0])
    )


def cut(series: Series, last: int | None, limit: int | None) -> Series:
    """Return a series cut to the newest `last`, and then to `limit` (see `History.read`)."""
    moments = series.moments
    if last is not None:
        moments = moments[-last:]
    if limit is None or len(moments) <= limit:
        return replace(series, moments=moments)
    return replace(series, moments=moments[-limit:] if last else moments[:limit], more=True)
