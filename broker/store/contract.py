"""The Store contract: what the broker needs of an engine, and nothing more.

An engine keeps entities by tenant, one append-only change feed, the answers to idempotent
requests and the rules by type. Everything an engine is asked to write in one `work` is
committed together with its change rows, or not at all.

`work` functions are coroutines over a `Tx`. They await nothing but the Tx: an engine may run
many of them in one commit, and may run one again if the commit conflicts, so they have no
effect outside the Tx. An exception undoes what this `work` wrote and is raised to the caller;
its neighbours in the same commit are untouched.

Records and changes are made for every write, so they are not frozen (that would cost four times
as much); nobody changes one all the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from broker.model.census import Census
from broker.model.entity import Entity
from broker.query.ast import EntityQuery
from broker.store.explanation import Explanation

if TYPE_CHECKING:
    from broker.store.history import History
    from broker.store.outbox import Outbox

T = TypeVar("T")


@dataclass(slots=True)
class Record:
    """A stored entity. `version` starts at 1 and rises by 1 at each change of the entity.

    An entity created again after a deletion goes on counting while the feed still knows of the
    deletion, so that an old entity tag never fits a new entity.
    Treat `entity` as read-only: engines may hand out the same object again.
    """

    entity: Entity
    version: int

    @property
    def id(self) -> str:
        """The entity's id; engines that parse documents late answer it without parsing."""
        return self.entity["id"]  # type: ignore[no-any-return]


class Kind(StrEnum):
    """What happened to the entity."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(slots=True)
class Change:
    """One row of the change feed.

    `seq` is gapless over the whole store and in commit order. `delta` holds the parts of the
    entity that changed, as they are now, and `before` the same parts as they were
    (`broker.model.change` makes and applies them); for CREATE `before` is None and `delta`
    the whole entity, for DELETE the other way round.
    """

    seq: int
    tenant: str
    entity_id: str
    version: int
    kind: Kind
    at: str
    delta: dict[str, Any] | None
    before: dict[str, Any] | None


@dataclass(slots=True)
class Committed:
    """A change as listeners see it right after its commit: with the entity before and after."""

    change: Change
    before: Entity | None
    after: Entity | None

    @property
    def types(self) -> Sequence[str]:
        """The entity's types after the change; those it had, where it was deleted."""
        entity = self.after or self.before
        assert entity is not None
        return entity["type"]  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Answer:
    """A remembered answer to an idempotent request: `digest` is of the request's body."""

    digest: bytes
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Resource:
    """Something a tenant has beside its entities, a hosted @context for instance.

    `kind` and `id` name it within the tenant; `at` is when it was created. The store does not
    look into `body`. It is no part of the feed.
    """

    kind: str
    id: str
    at: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query. `total` is given when the query asked to count."""

    records: list[Record]
    total: int | None = None


Kept: TypeAlias = Callable[[Sequence[tuple[str, int, int]]], Mapping[str, Record]]
"""The records the caller has already, by id, of found entities (id, version, number). They are on
the page in place of the engine's own, and need not have the entity."""


@dataclass(frozen=True, slots=True)
class TypeRules:
    """Rules the store enforces on entities of a type, whatever the caller may.

    `append_only`: entities are created, never changed or deleted.
    `writers`: only these clients may write.
    `balanced`: attribute IRI whose numbers, summed over everything one `work` changes, add up
    to zero; apart for each value of the attribute `balanced_by` where that is given.
    `bounded`: attribute IRI → (minimum, maximum), either may be None.
    `unlisted`: the type is a program's own and is in no list of types; it can still be queried.
    """

    append_only: bool = False
    writers: frozenset[str] | None = None
    balanced: str | None = None
    balanced_by: str | None = None
    bounded: tuple[tuple[str, float | None, float | None], ...] = ()
    unlisted: bool = False


class Tx(Protocol):
    """One unit of work on one tenant. All methods see what this `work` has written so far.

    `at` is its time: of its changes, and of what it writes.
    """

    tenant: str
    at: str

    async def get(self, entity_id: str) -> Record | None:
        """Return the entity as this unit of work sees it."""
        ...

    async def put(self, entity: Entity, before: Record | None) -> Record:
        """Store `entity`: a creation where `before` is None, else the successor of `before`.

        Appends the change row, updates the indexes, checks the rules by type, and returns the
        new record. `before` must be what `get` returned. What of it has expired already is
        taken away in the same unit of work. Raises AlreadyExists for a creation on an existing
        id, Conflict where a rule refuses.
        """
        ...

    async def delete(self, before: Record) -> int:
        """Delete the entity, append the change row, and return the version of the deletion."""
        ...

    async def expire(self, entity_id: str) -> None:
        """Take away what has expired of an entity, or the entity (§4.22): an ordinary change.

        It is nobody's write: of the rules by type, `writers` does not apply. Nothing happens
        where nothing has expired.
        """
        ...

    async def answer(self, key: str) -> Answer | None:
        """Return the remembered answer of an idempotency key."""
        ...

    async def remember(self, key: str, answer: Answer) -> None:
        """Remember an answer; it is forgotten with the changes of its time (see `Store.prune`)."""
        ...

    async def set_rules(self, type_iri: str, rules: TypeRules | None) -> None:
        """Set, or with None remove, the rules of a type."""
        ...

    async def rules(self) -> dict[str, TypeRules]:
        """Return the rules of this tenant by type IRI."""
        ...

    async def resource(self, kind: str, resource_id: str) -> Resource | None:
        """Return a resource of this tenant."""
        ...

    async def resources(self, kind: str) -> list[Resource]:
        """Return all resources of a kind, the oldest first."""
        ...

    async def put_resource(self, resource: Resource) -> None:
        """Store a resource, in the place of one of the same kind and id."""
        ...

    async def tell(self, sid: int, notice: dict[str, Any]) -> None:
        """Queue a notification that is about no entity (`broker.store.outbox.Notice`)."""
        ...

    async def delete_resource(self, kind: str, resource_id: str) -> bool:
        """Delete a resource; tell whether there was one."""
        ...


Find: TypeAlias = Callable[[str, str], Entity | None]
"""From a tenant and an id to the entity as the open transaction has it, None for no such."""

Work = Callable[[Tx], Awaitable[T]]
Listener = Callable[[list[Committed]], None]
ResourceListener = Callable[[str, str, str], None]
"""Told of tenant, kind and id of a resource that another broker wrote or deleted."""


class Store(Protocol):
    """An engine. Opened once, used from one event loop, closed once."""

    @property
    def outbox(self) -> Outbox:
        """Subscriptions and what is due to them; there once the store is open."""
        ...

    @property
    def history(self) -> History:
        """What was true, and when; there once the store is open."""
        ...

    async def open(self) -> None:
        """Make the store ready: create or migrate its files, recover after a crash."""
        ...

    async def close(self) -> None:
        """Commit what was accepted, refuse new work, and release the files."""
        ...

    def write(
        self, tenant: str, work: Work[T], *, client: str = "", create_tenant: bool = False
    ) -> Awaitable[T]:
        """Run `work` and commit it; return its result when it is durable.

        `client` is who writes, for the rules by type. Raises NonexistentTenant where the
        tenant is unknown and `create_tenant` is false; with `create_tenant` the tenant is
        created in the same commit, only if `work` succeeds.
        """
        ...

    async def get(self, tenant: str, entity_id: str) -> Record | None:
        """Return the committed entity. Raises NonexistentTenant."""
        ...

    async def get_many(self, tenant: str, ids: Iterable[str]) -> list[Record]:
        """Return the committed entities among `ids`, in the order asked."""
        ...

    async def query(self, tenant: str, query: EntityQuery, kept: Kept | None = None) -> Page:
        """Return the committed entities that satisfy `query`, ordered by id (code points)."""
        ...

    async def explain(self, tenant: str, query: EntityQuery) -> Explanation:
        """Answer `query`, and tell how instead of what. Raises what `query` raises."""
        ...

    async def census(self, tenant: str) -> Census:
        """Return types and attributes in figures. What is written meanwhile may count or not."""
        ...

    async def due(self, now: str, *, limit: int = 100, skip: int = 0) -> list[tuple[str, str]]:
        """Return (tenant, id) of entities of which a part expires by `now`, the earliest first.

        Leaves out the first `skip`. `now` has the form of a `Clock`.
        """
        ...

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
        ...

    def span(self) -> tuple[int, int]:
        """Return (oldest seq still kept, newest committed seq); (1, 0) for an empty feed."""
        ...

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each commit with its changes in order; return the way to stop it.

        Called on the event loop; must not block or raise. What other brokers commit on the same
        database comes as well.
        """
        ...

    def hear(self, listener: ResourceListener) -> Callable[[], None]:
        """Call `listener` with resources that other brokers wrote; return the way to stop it.

        Called on the event loop; must not block or raise.
        """
        ...

    def foresee(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` before each commit with the changes that readers may see from then on.

        What is foretold may not come about; then the next call takes its place. Otherwise as
        `listen`, which is called for the same changes once they are durable. What other brokers
        are about to commit is not foretold.
        """
        ...

    def leads(self) -> bool:
        """Tell whether this broker does what is done once for all: what expires, what is pruned.

        One at most of the brokers on a database does, at a time.
        """
        ...

    async def prune(self, before: str) -> int:
        """Forget changes and remembered answers older than the time `before`; return how many.

        Works in short slices that never hold writers up. Sequence numbers are never reused.
        """
        ...

    async def forget(self, tenant: str, entity_id: str) -> int:
        """Forget what was told of an entity up to its newest deletion; return how many changes.

        They are left out of the feed from now on. The deletion stays, with nothing of the entity
        in `before` but id and types. Outbox rows about what is forgotten, and about periods in
        which the entity was, have expired; dead letters about it are gone. Nothing happens to what
        was never deleted, nor to what came after the deletion. History is apart
        (`History.delete_entity`). Raises NonexistentTenant.

        Works in short slices that never hold writers up, and may be repeated.
        """
        ...

    async def tenants(self) -> list[str]:
        """Return the names of all tenants, the default tenant `""` first."""
        ...

    async def drop_tenant(self, tenant: str) -> None:
        """Delete a tenant whole: entities, changes, answers, rules, names.

        Listeners are not told: whoever keeps copies of a tenant's entities drops them first.
        """
        ...

    async def rules(self, tenant: str) -> dict[str, TypeRules]:
        """Return the committed rules by type IRI."""
        ...

    async def resource(self, tenant: str, kind: str, resource_id: str) -> Resource | None:
        """Return a committed resource. Raises NonexistentTenant."""
        ...

    async def resources(self, tenant: str, kind: str) -> list[Resource]:
        """Return all committed resources of a kind, the oldest first."""
        ...

    def count(self) -> dict[str, int]:
        """Return cheap figures for /metrics: entities, changes, commits, queue length, …"""
        ...
