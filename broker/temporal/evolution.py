"""What is shown of an entity's history: its instances by attribute, restricted and cut (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from broker.model.entity import DEFAULT
from broker.model.times import microseconds
from broker.store.history import SCOPE, Head, Moment, Series, TimeProperty, Window

Told: TypeAlias = tuple[str, Moment]
"""(datasetId, or DEFAULT; the instance)"""


@dataclass(slots=True)
class Evolution:
    """The history of one entity: of each attribute its instances, the earliest first.

    `scopes` is the history of the entity's scope. A `bare` one has instances that were not read.
    `edges` are, of each series that was not read to its end, its attribute, its dataset and the
    time of the last instance read: others of that time may be missing.
    """

    head: Head
    attributes: dict[str, list[Told]] = field(default_factory=dict)
    scopes: list[Moment] = field(default_factory=list)
    bare: bool = False
    edges: list[tuple[str, str, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Cut:
    """What part of time an answer holds, where it does not hold all that was asked for."""

    earliest: int
    latest: int


def time_of(moment: Moment, timeproperty: TimeProperty | None) -> int | None:
    """Return the time an instance counts with, None where it has no such time."""
    return moment.time if timeproperty is None else moment.at(timeproperty)


def evolution_of(head: Head, series: Iterable[Series], window: Window, now: int) -> Evolution:
    """Return series as an evolution, without what has expired (§4.22).

    `window.last` counts instances by attribute (§5.7.3.4).
    """
    shown = Evolution(head)
    for one in series:
        living = [(one.dataset, m) for m in one.moments if not expired(m, now)]
        if one.more:
            last = one.moments[-1 if window.last is None else 0]
            at = time_of(last, window.timeproperty) or 0
            shown.edges.append((one.attribute, one.dataset, at))
        if one.attribute == SCOPE:
            shown.scopes = one.moments
        elif living:
            shown.attributes.setdefault(one.attribute, []).extend(living)
    for told in shown.attributes.values():
        told.sort(key=lambda each: time_of(each[1], window.timeproperty) or 0)
    take_last(shown, window.last)
    return shown


def size(evolution: Evolution) -> int:
    """Return how many instances an evolution holds."""
    return sum(map(len, evolution.attributes.values()))


def by_dataset(told: Iterable[Told]) -> list[tuple[str, list[Moment]]]:
    """Return instances by dataset, those of the default one first."""
    groups: dict[str, list[Moment]] = {}
    for dataset, moment in told:
        groups.setdefault(dataset, []).append(moment)
    return sorted(groups.items(), key=lambda group: (group[0] != DEFAULT, group[0]))


def expired(moment: Moment, now: int) -> bool:
    """Tell whether an instance is shown no longer (§4.22)."""
    expiry: str | None = moment.instance.get("expiresAt")
    return expiry is not None and microseconds(expiry) <= now


def take_last(shown: Evolution, last: int | None) -> None:
    """Leave the newest `last` instances of each attribute, all where it is None."""
    if last is not None:
        for told in shown.attributes.values():
            del told[:-last]


def held(scopes: Iterable[Moment], timeproperty: TimeProperty | None) -> list[tuple[int, Moment]]:
    """Return since when each scope held, the earliest first.

    The first holds from the beginning where it was given without a time of its own.
    """
    timed = sorted(
        ((_since(moment, timeproperty), moment) for moment in scopes), key=lambda one: one[0]
    )
    if timed and timed[0][1].observed is None and timed[0][1].deleted is None:
        timed[0] = (_BEGINNING, timed[0][1])
    return timed


def valid_scopes(
    scopes: Sequence[Moment], timeproperty: TimeProperty | None, window: Window
) -> list[Moment]:
    """Return the scopes of a time range: those set within, and the one that held when it began."""
    if timeproperty is TimeProperty.DELETED:
        return [moment for moment in scopes if moment.deleted is not None]
    timed = held(scopes, timeproperty)
    start, end = window.start, window.end
    before = [moment for at, moment in timed if start is not None and at < start]
    within = [
        moment
        for at, moment in timed
        if (start is None or at >= start) and (end is None or at < end)
    ]
    return [moment for moment in before[-1:] if moment.deleted is None] + within


def _since(moment: Moment, timeproperty: TimeProperty | None) -> int:
    if timeproperty in (TimeProperty.CREATED, TimeProperty.MODIFIED):
        return moment.at(timeproperty) or 0
    return moment.time


def edge_of(shown: Iterable[Evolution], *, backwards: bool) -> int | None:
    """Return the time that all evolutions were read up to, None where they were read whole."""
    edges = [at for evolution in shown for _, _, at in evolution.edges]
    return (max if backwards else min)(edges, default=None)


def begins_at(
    shown: Iterable[Evolution], timeproperty: TimeProperty | None, *, backwards: bool
) -> int | None:
    """Return the earliest time of all evolutions together, or the latest; None without any."""
    ends = [
        time_of(told[-1 if backwards else 0][1], timeproperty) or 0
        for evolution in shown
        for told in evolution.attributes.values()
        if told
    ]
    return (max if backwards else min)(ends, default=None)


def cut(
    shown: Sequence[Evolution],
    timeproperty: TimeProperty | None,
    most: int,
    *,
    backwards: bool,
    reach: int | None = None,
) -> Cut | None:
    """Keep about the first `most` instances in time, or the last, of all evolutions together.

    All instances of one time stay together, so that no attribute lacks any within what is kept,
    and a reader who goes on from there misses none. An attribute left without any stays, empty.
    `reach` is how far the evolutions are known, None where they are known whole; nothing beyond
    it is kept. Returns None where nothing had to go.
    """
    sign = -1 if backwards else 1
    times = sorted(
        sign * (time_of(moment, timeproperty) or 0)
        for evolution in shown
        for told in evolution.attributes.values()
        for _, moment in told
    )
    ends = [] if reach is None else [sign * reach]
    if len(times) > most:
        limit = times[most]
        ends.append(next((at for at in reversed(times[:most]) if at < limit), limit))
    if not ends:
        return None
    end = min(ends)
    if reach is None and end == times[-1]:
        return None
    for evolution in shown:
        for told in evolution.attributes.values():
            told[:] = [each for each in told if sign * (time_of(each[1], timeproperty) or 0) <= end]
    return Cut(*sorted((sign * (times[0] if times else end), sign * end)))


_BEGINNING = -(2**62)
