"""The history contract: what was true, and when (GS CIM 009 §4.5.6 to §4.5.8, §5.6.11 to §5.6.16).

History is kept apart from the current entities: an entity has history while at least its head is
kept, whether or not it exists now. A series is the history of one attribute with one datasetId;
`SCOPE` names the series of the entity's scope, whose values are lists of scopes. All times are
microseconds since 1970 in UTC (`broker.model.times`).

Where a moment stands in its series is its `observed`, or `modified` where it has none. These
rules follow the specification and its tests:

- a fact of the same series and the same `observed` as a kept moment that was not resampled takes
  its place: the moment keeps its `created` and, unless the fact has one, its instanceId; everything
  else is new. A fact that has the instanceId of a kept moment of its series takes the place of that
  one;
- a fact equal to the moment it would take the place of changes nothing, so that what is told twice
  is kept once;
- a fact that comes late is put where its time belongs.

What is written by `follow` comes from the change feed. Everything else is a write of the temporal
API, durable when the call returns, and no part of the feed. Whoever reads, or writes what depends
on what is there, first lets the follower catch up (`broker.temporal`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias

from broker.model.entity import DEFAULT, Instance
from broker.query.ast import And, Node
from broker.store.keeping import Decide

SCOPE: Final = "https://uri.etsi.org/ngsi-ld/scope"
"""The attribute under which the history of an entity's scope is kept: Property instances."""

INSTANCE: Final = "urn:ngsi-ld:instance:"
"""What the instanceIds the store gives begin with."""

SYSTEM_TIMES: Final = ("createdAt", "modifiedAt", "deletedAt")
"""Members of an instance that history keeps apart from it."""

Ids: TypeAlias = Sequence[str]


Place: TypeAlias = tuple[str, int]
"""A source that history is read from, by a name that nothing else has, and how far it was read."""


class TimeProperty(StrEnum):
    """The time of a moment that a temporal query looks at (§4.11)."""

    OBSERVED = "observedAt"
    CREATED = "createdAt"
    MODIFIED = "modifiedAt"
    DELETED = "deletedAt"


@dataclass(slots=True)
class Fact:
    """One attribute instance to be kept. Treat it as read-only.

    `instance` is expanded, as in an entity (`broker.model.entity`); its `observedAt` says when it
    was true. `createdAt`, `modifiedAt` and `deletedAt` in it are left out: the entry's `at` is
    the system's time. `deleted` says that the attribute was deleted: `instance` then has the null
    of its kind. `instance_id` is a name the client gave; without, the store gives one.
    """

    attribute: str
    instance: Instance
    dataset: str = DEFAULT
    instance_id: str | None = None
    deleted: bool = False


@dataclass(slots=True)
class Entry:
    """What is told of one entity at the system's time `at`. Treat it as read-only.

    `types` are united with those the head has; where the entity is `born` (again) they take
    their place. `gone` says that the entity was deleted at `at`.
    """

    entity_id: str
    types: tuple[str, ...]
    at: int
    facts: tuple[Fact, ...] = ()
    born: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of an entity with history: its types, and when it was created and so on.

    `deleted` is None while the entity was not deleted, and again once it was created anew.
    """

    id: str
    types: tuple[str, ...]
    created: int
    modified: int
    deleted: int | None = None


@dataclass(frozen=True, slots=True)
class Resampled:
    """What a moment stands for that was made of `count` moments by retention.

    `numbers` of them were numbers, and the figures are of those, None where there were none.
    `period` is in microseconds; the moment's `observed` is where its period begins.
    """

    period: int
    count: int
    numbers: int
    minimum: float | None
    mean: float | None
    maximum: float | None


@dataclass(slots=True)
class Moment:
    """One kept attribute instance.

    `instance` is expanded and has its `observedAt` in the form it came in, but none of the
    system's times. `number` is the number it counts as (`figure_of`).
    A `resampled` moment has the mean as its value, or the newest value of the period where there
    were no numbers; `instance` says so in a sub-attribute (`broker.model.resampled`).
    Treat `instance` as read-only.
    """

    instance_id: str
    observed: int | None
    created: int
    modified: int
    deleted: int | None
    number: float | None
    instance: Instance
    resampled: Resampled | None = None

    @property
    def time(self) -> int:
        """Where the moment stands in its series."""
        return self.modified if self.observed is None else self.observed

    def at(self, timeproperty: TimeProperty) -> int | None:
        """Return one of its times; a deletion creates and modifies nothing."""
        match timeproperty:
            case TimeProperty.OBSERVED:
                return self.observed
            case TimeProperty.CREATED:
                return self.created if self.deleted is None else None
            case TimeProperty.MODIFIED:
                return self.modified if self.deleted is None else None
            case TimeProperty.DELETED:
                return self.deleted


@dataclass(frozen=True, slots=True)
class Window:
    """Which moments of a series are meant: those with `start <= time < end`.

    The time is `timeproperty`; a moment that lacks it is never meant. With None every moment is
    meant, and the time is its place in the series (`Moment.time`).
    `last` keeps the newest so many of each series.
    """

    timeproperty: TimeProperty | None = None
    start: int | None = None
    end: int | None = None
    last: int | None = None


EVERYTHING: Final = Window()

ANY: Final = And(())
"""Holds for every entity."""


@dataclass(frozen=True, slots=True)
class Which:
    """Which series of an entity are meant; None for all."""

    attributes: tuple[str, ...] | None = None
    datasets: tuple[str, ...] | None = None

    def has(self, attribute: str, dataset: str) -> bool:
        """Tell whether a series is meant."""
        return (self.attributes is None or attribute in self.attributes) and (
            self.datasets is None or dataset in self.datasets
        )


ALL: Final = Which()


@dataclass(slots=True)
class Series:
    """Moments of one attribute with one datasetId, the earliest first.

    They are ordered by the window's time property, those of one time by when they were kept.
    `more` says that `limit` left moments out: of a window with `last` the earlier, else the
    later.
    """

    attribute: str
    dataset: str
    moments: list[Moment] = field(default_factory=list)
    more: bool = False


@dataclass(slots=True)
class Bucket:
    """The moments of one period, `start <= time < end`, in figures.

    `count` are all moments but those of deletions, `numbers` those that are numbers; the rest is
    of the numbers, None where there are none. A resampled moment counts as all it stands for;
    its `squares` are those of the mean. Sums beyond a float are not finite. Where `count` and
    `numbers` differ, other methods than these have to read the moments.
    """

    start: int
    end: int
    count: int
    numbers: int
    minimum: float | None
    maximum: float | None
    total: float | None
    squares: float | None


@dataclass(slots=True)
class Aggregated:
    """A series in figures: its buckets in order, empty ones left out."""

    attribute: str
    dataset: str
    buckets: list[Bucket] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Search:
    """Which entities have history.

    `where` is on the head: types (`HasType`), ids (`IdIn`, `IdMatches`), and these joined. With
    `which` or a `window` that leaves something out, the entity needs a moment they mean.
    Ordered by id (code points), the other way round with `descending`; `after` is an id, for keyset
    pages.
    """

    where: Node = ANY
    which: Which = ALL
    window: Window = EVERYTHING
    limit: int = 20
    offset: int = 0
    after: str | None = None
    descending: bool = False
    count: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search; `total` where it was asked to count."""

    heads: list[Head]
    total: int | None = None


class History(Protocol):
    """The history of all tenants, kept by the store beside the entities.

    Every method that takes a tenant raises NonexistentTenant. Reads that take too long raise
    TooComplexQuery.
    """

    async def record(
        self,
        tenant: str,
        entries: Iterable[Entry],
        *,
        create_tenant: bool = False,
        place: Place | None = None,
    ) -> list[bool]:
        """Keep what is told of entities, all in one commit; tell of each entry whether it is new.

        New is an entity that had no head. With `create_tenant` the tenant is made where needed.
        `place` is kept in the same commit: whoever reads a source, and is interrupted, goes on
        from there. Place 0 is forgotten.
        """
        ...

    async def place(self, source: str) -> int:
        """Return the place up to which a source was recorded, 0 where there is none."""
        ...

    async def append(self, tenant: str, entry: Entry) -> bool:
        """Keep what is told of an entity with history; False, and nothing is kept, without."""
        ...

    async def modify(
        self, tenant: str, entity_id: str, instance_id: str, fact: Fact, at: int
    ) -> bool:
        """Put `fact` in the place of a moment of `fact.attribute`, whatever its dataset was.

        The moment keeps its instanceId and `created` (§5.6.14). False where there is none.
        """
        ...

    async def delete_instance(
        self, tenant: str, entity_id: str, attribute: str, instance_id: str
    ) -> bool:
        """Remove a moment, as if it had never been; False where there is none (§5.6.15)."""
        ...

    async def delete_attribute(
        self, tenant: str, entity_id: str, attribute: str, dataset: str | None = DEFAULT
    ) -> bool:
        """Remove a series, or with None all of the attribute; False where there is none."""
        ...

    async def delete_entity(self, tenant: str, entity_id: str) -> bool:
        """Remove the whole history of an entity; False where there is none (§5.6.16)."""
        ...

    async def head(self, tenant: str, entity_id: str) -> Head | None:
        """Return what is known of an entity, None where it has no history."""
        ...

    async def search(self, tenant: str, search: Search) -> Found:
        """Return the entities that have history as asked."""
        ...

    async def read(
        self,
        tenant: str,
        ids: Ids,
        which: Which = ALL,
        window: Window = EVERYTHING,
        *,
        limit: int | None = None,
    ) -> dict[str, list[Series]]:
        """Return the series of entities that have moments in the window, by entity.

        Series are ordered by attribute and dataset, the default one first; an entity without any
        is not in the answer. `limit` bounds the moments of each series. `last` counts by series:
        where it is meant by attribute, the caller takes the newest of its series together.
        """
        ...

    async def extent(
        self, tenant: str, ids: Ids, which: Which = ALL, window: Window = EVERYTHING
    ) -> tuple[int, int] | None:
        """Return the earliest and the latest time of what is in the window, None for nothing.

        `last` has no effect.
        """
        ...

    async def aggregate(
        self,
        tenant: str,
        ids: Ids,
        bounds: Sequence[int],
        which: Which = ALL,
        window: Window = EVERYTHING,
    ) -> dict[str, list[Aggregated]]:
        """Return series in figures: bucket i has the times `bounds[i] <= t < bounds[i + 1]`.

        `bounds` rise, and are at least two. What is outside of them or of the window is left
        out, and so is a series or an entity without buckets. `last` has no effect.
        """
        ...

    async def follow(
        self, upto: int, told: Mapping[str, Sequence[Entry]], *, after: int | None = None
    ) -> None:
        """Keep what changes up to `upto` told of entities, by tenant, in one commit with `upto`.

        Entries of tenants that are gone are left out. Nothing is kept where `upto` is not beyond
        `followed`, or where that is not `after`: what was followed once is never followed again,
        by whatever broker.
        """
        ...

    def followed(self) -> int:
        """Return the newest change that history has followed, 0 before any."""
        ...

    async def retain(self, tenant: str, decide: Decide, now: int) -> int:
        """Resample and forget what is due; return how many moments are fewer.

        Of the moments of a period, one is kept for those that were observed, and one for the
        others; it has the value and the form of the newest, and the mean as its value where there
        were numbers (`Resampled`). Deletions and the history of scopes are never resampled, only
        forgotten. Works in short slices that never hold writers up; what was done stays done.
        """
        ...

    def count(self) -> dict[str, int]:
        """Return cheap figures for /metrics."""
        ...


def figure_of(instance: Instance) -> float | None:
    """Return the number an instance counts as, None where it is none; booleans are none.

    One that expires is none either: figures of numbers know nothing of the time they are made at.
    """
    value: Any = instance.get("value") if instance["type"] == "Property" else None
    return float(value) if type(value) in (int, float) and "expiresAt" not in instance else None
