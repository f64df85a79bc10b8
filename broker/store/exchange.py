"""What a store holds, item by item: the form in which one engine hands it to another.

Items are read in slices and written in slices. Writing one again changes nothing, so that a copy
that was interrupted goes on with the slice that was under way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol, TypeAlias

import orjson

from broker.model.entity import Entity
from broker.store.contract import Answer, Change, Resource, TypeRules
from broker.store.history import Head, Moment
from broker.store.outbox import Books, Notice, StoredSubscription


class Sort(StrEnum):
    """Sorts of items, in the order in which they are copied."""

    TENANTS = "tenants"
    RULES = "rules"
    RESOURCES = "resources"
    ANSWERS = "answers"
    ENTITIES = "entities"
    CHANGES = "changes"
    SUBSCRIPTIONS = "subscriptions"
    OUTBOX = "outbox"
    DEAD = "dead"
    HEADS = "heads"
    MOMENTS = "moments"
    PLACES = "places"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant; `tenant` is its name."""

    tenant: str


@dataclass(frozen=True, slots=True)
class TypeRule:
    """The rules of a type."""

    tenant: str
    type_iri: str
    rules: TypeRules


@dataclass(frozen=True, slots=True)
class TenantResource:
    """A resource of a tenant."""

    tenant: str
    resource: Resource


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer to an idempotent request, and since when it is remembered."""

    tenant: str
    key: str
    at: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class CurrentEntity:
    """A current entity with its version."""

    tenant: str
    entity: Entity
    version: int


@dataclass(frozen=True, slots=True)
class QueuedRow:
    """A row that waits, or with `died_at` a dead letter.

    `after` is the entity after an update that it is about; `entities` and `notice` are of a row
    that is about no change, and `period` says that it was due at an interval.
    """

    tenant: str
    sid: int
    seq: int
    queued_at: str
    attempts: int = 0
    not_before: str | None = None
    error: str | None = None
    period: bool = False
    entities: tuple[Entity, ...] = ()
    notice: Notice | None = None
    after: Entity | None = None
    died_at: str | None = None


@dataclass(frozen=True, slots=True)
class TenantHead:
    """The head of an entity with history."""

    tenant: str
    head: Head


@dataclass(frozen=True, slots=True)
class NumberedMoment:
    """A moment of history with its number, which tells in what order moments were kept."""

    tenant: str
    entity_id: str
    attribute: str
    dataset: str
    number: int
    moment: Moment


@dataclass(frozen=True, slots=True)
class SourcePlace:
    """Up to where a file was read into history."""

    source: str
    place: int
    tenant: str = ""


Item: TypeAlias = (
    Tenant
    | TypeRule
    | TenantResource
    | KeptAnswer
    | CurrentEntity
    | Change
    | StoredSubscription
    | QueuedRow
    | TenantHead
    | NumberedMoment
    | SourcePlace
)

Place: TypeAlias = Any
"""Where a slice ends, as JSON; only the engine that gave it understands it. None is the start."""


@dataclass(frozen=True, slots=True)
class Ends:
    """How far a store is: its numbers, which are never given again.

    `newest` and `pruned` are of the feed, `followed` is how far history has come in it, `moment`
    the newest number of a moment, `subscription` that of a subscription, and `gone` are the books
    of removed subscriptions.
    """

    newest: int = 0
    pruned: int = 0
    followed: int = 0
    moment: int = 0
    subscription: int = 0
    gone: Books = field(default_factory=Books)


@dataclass(frozen=True, slots=True)
class Slice:
    """Some items of a sort, and the place behind them; `items` is empty at the end."""

    items: Sequence[Item]
    place: Place


class Source(Protocol):
    """A store that is read whole. Nobody writes to it meanwhile."""

    async def ends(self) -> Ends:
        """Return how far the store is."""
        ...

    async def count(self, sort: Sort) -> int:
        """Return how many items of a sort there are."""
        ...

    async def slice(self, sort: Sort, place: Place, size: int) -> Slice:
        """Return the items of a sort behind a place, about `size` of them."""
        ...

    async def close(self) -> None:
        """Let the store go."""
        ...


class Target(Protocol):
    """A store that is filled. Nobody else opens it before it is finished."""

    async def progress(self) -> Mapping[str, Any]:
        """Return what was noted with the newest slice; empty for a target that is new."""
        ...

    async def write(self, sort: Sort, items: Sequence[Item], progress: Mapping[str, Any]) -> None:
        """Write items and note the progress; after a power cut both are there, or are redone."""
        ...

    async def finish(self, ends: Ends) -> None:
        """Make it an ordinary store."""
        ...

    async def close(self) -> None:
        """Let the store go, finished or not."""
        ...


class ExchangeError(Exception):
    """A store cannot be copied from, or to; the text says what to do."""


ALL: Final = 1 << 256


@dataclass(slots=True)
class Sum:
    """A digest of items whatever their order, and how many they are."""

    count: int = 0
    total: int = 0

    def add(self, item: Item) -> None:
        """Take an item in."""
        self.count += 1
        self.total = (self.total + int.from_bytes(hashlib.sha256(canonical(item)).digest())) % ALL

    @property
    def digest(self) -> str:
        """The digest, short enough to be read out."""
        return f"{self.total:064x}"[:16]


def canonical(item: Item | Ends) -> bytes:
    """Return an item as the same bytes wherever it is kept."""
    return orjson.dumps(item, default=_plain, option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{type(value)} is in no item")
