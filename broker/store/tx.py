"""The unit of work every engine shares: versions, change rows, rules.

An engine brings a `Backend` of a few primitives; what a put or a delete means is decided here,
once, so that engines cannot differ in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from broker.errors import AlreadyExists
from broker.model.change import diff
from broker.model.entity import Entity
from broker.model.expiry import first_expiry, without_expired
from broker.store.contract import (
    Answer,
    Change,
    Committed,
    Kind,
    Record,
    Resource,
    TypeRules,
    Work,
)
from broker.store.rules import Balance, check_change

T = TypeVar("T")


class Backend(Protocol):
    """The primitives of one engine, for one unit of work on one tenant.

    Each sees what the unit of work has written before; the engine undoes all of it where the
    unit of work fails.
    """

    async def load(self, entity_id: str) -> Record | None:
        """Return the entity as it is stored now."""
        ...

    async def buried(self, entity_id: str) -> int:
        """Return the version at which an entity of this id was deleted, 0 if none is known of."""
        ...

    async def next_seq(self) -> int:
        """Return the sequence number the next change gets; `write` takes it."""
        ...

    async def write(
        self, committed: Committed, held: Record | None
    ) -> tuple[Record | None, str | None]:
        """Store, replace or remove the entity with its indexes, and append the change row.

        `held` is what `load` or `write` returned of the entity before. Notes when the first part
        of the entity expires; returns the entity as it is now, and that time (`first_expiry`).
        """
        ...

    async def schedule(self, entity_id: str, due: str | None) -> None:
        """Note when the first part of an entity expires, in the place of what was noted."""
        ...

    async def load_answer(self, key: str) -> Answer | None:
        """Return the remembered answer of an idempotency key."""
        ...

    async def save_answer(self, key: str, answer: Answer, at: str) -> None:
        """Remember an answer."""
        ...

    async def load_rules(self) -> Mapping[str, TypeRules]:
        """Return the tenant's rules by type IRI."""
        ...

    async def save_rules(self, type_iri: str, rules: TypeRules | None) -> None:
        """Set or remove the rules of a type."""
        ...

    async def load_resource(self, kind: str, resource_id: str) -> Resource | None:
        """Return a resource of the tenant."""
        ...

    async def load_resources(self, kind: str) -> list[Resource]:
        """Return all resources of a kind, the oldest first."""
        ...

    async def save_resource(self, resource: Resource) -> None:
        """Store a resource, in the place of one of the same kind and id."""
        ...

    async def tell(self, sid: int, at: str, notice: dict[str, Any]) -> None:
        """Queue a notification that is about no entity."""
        ...

    async def drop_resource(self, kind: str, resource_id: str) -> bool:
        """Delete a resource; tell whether there was one."""
        ...


class UnitOfWork:
    """One unit of work on one tenant: the `Tx` that `work` functions see."""

    __slots__ = ("_backend", "_balance", "_client", "_held", "_rules", "at", "committed", "tenant")

    def __init__(self, backend: Backend, tenant: str, client: str, at: str) -> None:
        self.tenant = tenant
        self.at = at
        self.committed: list[Committed] = []
        self._backend = backend
        self._client = client
        self._held: dict[str, Record | None] = {}
        self._rules: Mapping[str, TypeRules] | None = None
        self._balance: Balance | None = None

    async def get(self, entity_id: str) -> Record | None:
        """Return the entity as this unit of work sees it."""
        if entity_id in self._held:
            return self._held[entity_id]
        record = self._held[entity_id] = await self._backend.load(entity_id)
        return record

    async def put(self, entity: Entity, before: Record | None) -> Record:
        """Store `entity` as a creation or as the successor of `before` (see `Tx.put`).

        An entity equal to its predecessor is no change: `before` is returned.
        """
        entity_id = entity["id"]
        held = self._held[entity_id] if entity_id in self._held else await self.get(entity_id)
        if before is None:
            if held is not None:
                raise _exists(entity_id)
            version = await self._backend.buried(entity_id) + 1
            record = await self._write(Kind.CREATE, version, None, entity, entity, None)
            assert record is not None
            return record
        held = _current(held, before)
        return await self._update(held, entity)

    async def delete(self, before: Record) -> int:
        """Delete the entity and return the version of the deletion."""
        held = _current(await self.get(before.id), before)
        await self._write(Kind.DELETE, held.version + 1, held, None, None, held.entity)
        return held.version + 1

    async def expire(self, entity_id: str) -> None:
        """Take away what has expired by the time of this unit of work (see `Tx.expire`)."""
        held = await self.get(entity_id)
        if held is None:
            await self._backend.schedule(entity_id, None)
            return
        left = without_expired(held.entity, self.at)
        if left is held.entity:
            await self._backend.schedule(entity_id, first_expiry(left))
        elif left is None:
            version, gone = held.version + 1, held.entity
            await self._write(Kind.DELETE, version, held, None, None, gone, by_client=False)
        else:
            await self._update(held, left, by_client=False)

    async def answer(self, key: str) -> Answer | None:
        """Return the remembered answer of an idempotency key."""
        return await self._backend.load_answer(key)

    async def remember(self, key: str, answer: Answer) -> None:
        """Remember an answer."""
        await self._backend.save_answer(key, answer, self.at)

    async def set_rules(self, type_iri: str, rules: TypeRules | None) -> None:
        """Set, or with None remove, the rules of a type."""
        known = dict(await self._known_rules())
        known.pop(type_iri, None)
        if rules is not None:
            known[type_iri] = rules
        await self._backend.save_rules(type_iri, rules)
        self._rules = known

    async def rules(self) -> dict[str, TypeRules]:
        """Return the rules of this tenant by type IRI."""
        return dict(await self._known_rules())

    async def resource(self, kind: str, resource_id: str) -> Resource | None:
        """Return a resource of this tenant."""
        return await self._backend.load_resource(kind, resource_id)

    async def resources(self, kind: str) -> list[Resource]:
        """Return all resources of a kind, the oldest first."""
        return await self._backend.load_resources(kind)

    async def put_resource(self, resource: Resource) -> None:
        """Store a resource, in the place of one of the same kind and id."""
        await self._backend.save_resource(resource)

    async def tell(self, sid: int, notice: dict[str, Any]) -> None:
        """Queue a notification that is about no entity."""
        await self._backend.tell(sid, self.at, notice)

    async def delete_resource(self, kind: str, resource_id: str) -> bool:
        """Delete a resource; tell whether there was one."""
        return await self._backend.drop_resource(kind, resource_id)

    def finish(self) -> None:
        """Check what can only be judged when all is written; raises Conflict."""
        if self._balance is not None:
            self._balance.check()

    async def _known_rules(self) -> Mapping[str, TypeRules]:
        if self._rules is None:
            self._rules = await self._backend.load_rules()
        return self._rules

    async def _update(self, held: Record, entity: Entity, *, by_client: bool = True) -> Record:
        delta, prior = diff(held.entity, entity)
        if not delta:
            return held
        version = held.version + 1
        record = await self._write(
            Kind.UPDATE, version, held, entity, delta, prior, by_client=by_client
        )
        assert record is not None
        return record

    async def _write(
        self,
        kind: Kind,
        version: int,
        held: Record | None,
        after: Entity | None,
        delta: Entity | None,
        prior: Entity | None,
        *,
        by_client: bool = True,
    ) -> Record | None:
        before = None if held is None else held.entity
        rules = await self._known_rules()
        if rules:
            check_change(rules, self._client if by_client else None, before, after)
        entity_id: str = (after or before or {})["id"]
        seq = await self._backend.next_seq()
        change = Change(seq, self.tenant, entity_id, version, kind, self.at, delta, prior)
        committed = Committed(change, before, after)
        record, due = await self._backend.write(committed, held)
        if rules:
            if self._balance is None:
                self._balance = Balance()
            self._balance.add(rules, before, after)
        self.committed.append(committed)
        self._held[entity_id] = record
        if due is not None and due <= self.at:
            await self.expire(entity_id)
        return record


def run(unit: UnitOfWork, work: Work[T]) -> T:
    """Run `work` to its end without the event loop; raises RuntimeError where it suspends."""
    steps = work(unit).__await__()
    try:
        next(steps)
    except StopIteration as end:
        unit.finish()
        return end.value  # type: ignore[no-any-return]
    steps.close()
    raise RuntimeError("a unit of work awaited something other than its Tx")


def _current(held: Record | None, before: Record) -> Record:
    if held is None or held.version != before.version:
        raise ValueError(f"{before.id} changed since it was read within this unit of work")
    return held


def _exists(entity_id: str) -> AlreadyExists:
    return AlreadyExists(
        f"The entity {entity_id} exists already.",
        place="body:/id",
        remedy="Choose another id, or update the existing entity.",
    )
