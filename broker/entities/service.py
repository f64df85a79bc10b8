"""What can be done with entities, with the guard asked each time.

Methods take the caller and the tenant, work on expanded entities only, and raise the
exceptions of `broker.errors`. Semantics are the pure functions of `broker.entities.semantics`;
here they meet the store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeVar

from broker.clock import Clock
from broker.entities.hidden import restored
from broker.entities.precondition import check_version
from broker.entities.semantics import UpdateResult, created, replace
from broker.errors import ResourceNotFound
from broker.guard import Action, Caller, Guard, refuses_nothing
from broker.model.entity import Entity
from broker.query.ast import EntityQuery
from broker.store.birth import Birth
from broker.store.contract import Page, Record, Store, Tx, Work
from broker.store.replacement import Replacement
from broker.store.swap import Swap, swapped
from broker.validation import Fit

R = TypeVar("R")
Edit = Callable[[Entity, str], tuple[Entity, R]]
Matches = Callable[[Entity], bool]

_CREATE: Final = Action.CREATE
_UPDATE: Final = Action.UPDATE
"""As they are: to look for a member of an enumeration takes its time."""


@dataclass(slots=True)
class Target:
    """The entity an operation is about, and what must be true of it.

    `versions` is a parsed If-Match (see `precondition`), in force where `guarded` is set;
    `matches` a type selection that must hold, or the entity counts as not found.
    """

    entity_id: str
    guarded: bool = False
    versions: frozenset[int] | None = None
    matches: Matches | None = None


def not_found(entity_id: str) -> ResourceNotFound:
    """Return the error for an entity that does not exist or is hidden from the caller."""
    return ResourceNotFound(
        f"There is no entity {entity_id}.",
        place="path:id",
        remedy="Check the id and the tenant (header NGSILD-Tenant), or create the entity first.",
    )


class Picks(Protocol):
    """What a caller of a query has already, as entities look to it (`broker.store.Kept`)."""

    def __call__(self, found: Sequence[tuple[str, int, int]], /) -> Mapping[str, Record]:
        """Return the records to be had already of what was found."""
        ...

    def has(self, record: Record) -> bool:
        """Tell whether a record of the page was picked."""
        ...

    def has_all(self, records: Sequence[Record]) -> bool:
        """Tell whether all records of the page were picked."""
        ...


class Entities:
    """Reads and writes of entities through guard and store.

    `quiet` decides as `guard` does and notes nothing: what a writer changes is shown to nobody.
    """

    def __init__(
        self,
        store: Store,
        guard: Guard,
        clock: Clock,
        fit: Fit | None = None,
        quiet: Guard | None = None,
    ) -> None:
        self.store = store
        self.guard = guard
        self._quiet = quiet or guard
        self.clock = clock
        self._fit = fit

    async def retrieve(self, caller: Caller, tenant: str, target: Target) -> Record:
        """Return the entity as the caller may see it."""
        self.guard.allow(caller, tenant, Action.READ, target.entity_id)
        record = await self.store.get(tenant, target.entity_id)
        return self._seen(self.guard, caller, tenant, target, record)

    async def query(
        self,
        caller: Caller,
        tenant: str,
        query: EntityQuery,
        picks: Picks | None = None,
        shown: int | None = None,
    ) -> Page:
        """Return a page of entities as the caller may see them; of picks without the entity.

        Of so many the caller is `shown` something, of all where it is None.
        """
        self.guard.allow(caller, tenant, Action.READ, None)
        query = self.guard.narrow(caller, tenant, query)
        page = await self.store.query(tenant, query, picks)
        if self.guard.transparent or (picks is not None and picks.has_all(page.records)):
            return page
        records = []
        for place, record in enumerate(page.records):
            if picks is not None and picks.has(record):
                records.append(record)
                continue
            guard = self.guard if shown is None or place < shown else self._quiet
            seen = guard.view(caller, tenant, record.entity)
            if seen is not None:
                records.append(record if seen is record.entity else Record(seen, record.version))
        return Page(records, page.total)

    def create(self, caller: Caller, tenant: str, fragment: Entity) -> Awaitable[Record]:
        """Create an entity; raises AlreadyExists."""
        self.guard.allow(caller, tenant, _CREATE, fragment["id"])
        work: Work[Record] = partial(self._create_in, caller, fragment)
        may = partial(self.guard.may_write, caller, tenant, None)
        doing = work if self._fit is not None else Birth(work, fragment, may)
        return self.store.write(tenant, doing, client=caller.client, create_tenant=True)

    def _create_in(self, caller: Caller, fragment: Entity, tx: Tx) -> Awaitable[Record]:
        return self.create_in(tx, caller, fragment)

    async def create_in(self, tx: Tx, caller: Caller, fragment: Entity) -> Record:
        """Create an entity within a unit of work."""
        entity = created(fragment, tx.at)
        self.guard.may_write(caller, tx.tenant, None, entity)
        if self._fit is not None:
            self._fit.check(entity)
        return await tx.put(entity, None)

    def write(
        self,
        caller: Caller,
        tenant: str,
        target: Target,
        fragment: Entity,
        edit: Edit[UpdateResult],
    ) -> Awaitable[tuple[Record, UpdateResult]]:
        """Apply `edit`, which writes a fragment's attributes into the entity, as `change` does.

        Where that is one attribute in the place of another the store may take the short way.
        """
        one, guard = swapped(fragment), self.guard
        plain = guard.transparent and self._fit is None
        if one is None or not plain or target.guarded or target.matches is not None:
            return self.change(caller, tenant, target, edit)
        guard.allow(caller, tenant, _UPDATE, target.entity_id)
        iri, instance = one
        work = partial(self._change_in, caller, target, edit)
        may = None if refuses_nothing(guard) else partial(guard.may_write, caller, tenant)
        swap = Swap(work, target.entity_id, iri, instance, may, UpdateResult([iri]))
        return self.store.write(tenant, swap, client=caller.client)

    def upsert(self, caller: Caller, tenant: str, new: Entity) -> Awaitable[bool]:
        """Replace an entity or create it; tell whether it was created.

        Where one of the same shape is there the store may take the short way.
        """
        entity_id = new["id"]
        self.guard.allow(caller, tenant, _CREATE, entity_id)
        self.guard.allow(caller, tenant, _UPDATE, entity_id)

        async def work(tx: Tx) -> bool:
            if await tx.get(entity_id) is None:
                await self.create_in(tx, caller, new)
                return True

            def edit(current: Entity, now: str) -> tuple[Entity, None]:
                return replace(current, new, now), None

            await self.change_in(tx, caller, Target(entity_id), edit)
            return False

        def may(before: Entity | None, after: Entity) -> None:
            self.guard.may_write(caller, tenant, before, after)

        plain = self.guard.transparent and self._fit is None
        asked = None if refuses_nothing(self.guard) else may
        doing: Work[bool] = Replacement(work, new, asked) if plain else work
        return self.store.write(tenant, doing, client=caller.client, create_tenant=True)

    def change(
        self, caller: Caller, tenant: str, target: Target, edit: Edit[R]
    ) -> Awaitable[tuple[Record, R]]:
        """Apply `edit` to the entity; return its new record and what `edit` tells."""
        self.guard.allow(caller, tenant, _UPDATE, target.entity_id)
        work = partial(self._change_in, caller, target, edit)
        return self.store.write(tenant, work, client=caller.client)

    def _change_in(
        self, caller: Caller, target: Target, edit: Edit[R], tx: Tx
    ) -> Awaitable[tuple[Record, R]]:
        return self.change_in(tx, caller, target, edit)

    async def change_in(
        self, tx: Tx, caller: Caller, target: Target, edit: Edit[R]
    ) -> tuple[Record, R]:
        """Apply `edit` within a unit of work. An edit that returns its input writes nothing.

        It is applied to what the caller sees; what the guard hides stays as it is.
        """
        record = await tx.get(target.entity_id)
        seen = self._visible(tx, caller, target, record)
        assert record is not None
        entity, told = edit(seen, tx.at)
        if entity is seen:
            return record, told
        if seen is not record.entity:
            entity = restored(record.entity, seen, entity)
        self.guard.may_write(caller, tx.tenant, record.entity, entity)
        if self._fit is not None:
            self._fit.check(entity)
        return await tx.put(entity, record), told

    def delete(self, caller: Caller, tenant: str, target: Target) -> Awaitable[int]:
        """Delete the entity; return the version of the deletion."""
        self.guard.allow(caller, tenant, Action.DELETE, target.entity_id)

        def work(tx: Tx) -> Awaitable[int]:
            return self.delete_in(tx, caller, target)

        return self.store.write(tenant, work, client=caller.client)

    async def delete_in(self, tx: Tx, caller: Caller, target: Target) -> int:
        """Delete the entity within a unit of work."""
        record = await tx.get(target.entity_id)
        self._visible(tx, caller, target, record)
        assert record is not None
        self.guard.may_write(caller, tx.tenant, record.entity, None)
        return await tx.delete(record)

    async def visible_many(self, caller: Caller, tenant: str, ids: Iterable[str]) -> list[Entity]:
        """Return the entities among `ids` that exist, as the caller may see them."""
        entities = [record.entity for record in await self.store.get_many(tenant, ids)]
        if self.guard.transparent:
            return entities
        seen = (self.guard.view(caller, tenant, entity) for entity in entities)
        return [entity for entity in seen if entity is not None]

    async def visible(
        self, tx: Tx, caller: Caller, entity_id: str, *, told: bool = False
    ) -> Record | None:
        """Return the entity as the caller sees it within a unit of work, None where hidden.

        `told` says that the answer tells something of it, so that it counts as shown.
        """
        record = await tx.get(entity_id)
        if record is None or self.guard.transparent:
            return record
        guard = self.guard if told else self._quiet
        seen = guard.view(caller, tx.tenant, record.entity)
        return None if seen is None else Record(seen, record.version)

    def _visible(self, tx: Tx, caller: Caller, target: Target, record: Record | None) -> Entity:
        """Return what is to be seen of a target that is there and whose version matches."""
        if record is None or target.matches is not None or not self.guard.transparent:
            record = self._seen(self._quiet, caller, tx.tenant, target, record)
        if target.guarded:
            check_version(target.versions, record.version, target.entity_id, "header:If-Match")
        return record.entity

    def _seen(
        self, guard: Guard, caller: Caller, tenant: str, target: Target, record: Record | None
    ) -> Record:
        if record is None:
            raise not_found(target.entity_id)
        if not guard.transparent:
            entity = guard.view(caller, tenant, record.entity)
            if entity is None:
                raise not_found(target.entity_id)
            if entity is not record.entity:
                record = Record(entity, record.version)
        if target.matches is not None and not target.matches(record.entity):
            raise not_found(target.entity_id)
        return record
