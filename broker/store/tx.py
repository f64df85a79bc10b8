"""The unit of work every engine shares: versions, change rows, rules.

An engine brings a `Backend` of a few primitives; what a put or a delete means is decided here,
once, so that engines cannot differ in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

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

    async def write(self, committed: Committed) -> str | None:
        """Store, replace or remove the entity with its indexes, and append the change row.

        Notes when the first part of the entity expires, and returns it (`first_expiry`).
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

    async def save_resource(self, resource: Resource) -> None:
        """Store a resource, in the place of one of the same kind and id."""
        ...

    async def drop_resource(self, kind: str, resource_id: str) -> bool:
        """Delete a resource; tell whether there was one."""
        ...


class UnitOfWork:
    """One unit of work on one tenant: the `Tx` that `work` functions see."""

    def __init__(self, backend: Backend, tenant: str, client: str, at: str) -> None:
        self.tenant = tenant
        self.committed: list[Committed] = []
        self._backend = backend
        self._client = client
        self._at = at
        self._held: dict[str, Record | None] = {}
        self._rules: Mapping[str, TypeRules] | None = None
        self._balance = Balance()

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
        held = await self.get(entity["id"])
        if before is None:
            if held is not None:
                raise _exists(entity["id"])
            record = Record(entity, await self._backend.buried(entity["id"]) + 1)
            await self._write(Kind.CREATE, None, record)
            return record
        held = _current(held, before)
        delta, prior = diff(held.entity, entity)
        if not delta:
            return held
        record = Record(entity, held.version + 1)
        await self._write(Kind.UPDATE, held, record, delta, prior)
        return record

    async def delete(self, before: Record) -> int:
        """Delete the entity and return the version of the deletion."""
        held = _current(await self.get(before.id), before)
        await self._write(Kind.DELETE, held, None)
        return held.version + 1

    async def expire(self, entity_id: str) -> None:
        """Take away what has expired by the time of this unit of work (see `Tx.expire`)."""
        held = await self.get(entity_id)
        if held is None:
            await self._backend.schedule(entity_id, None)
            return
        left = without_expired(held.entity, self._at)
        if left is held.entity:
            await self._backend.schedule(entity_id, first_expiry(left))
        elif left is None:
            await self._write(Kind.DELETE, held, None, by_client=False)
        else:
            record = Record(left, held.version + 1)
            delta, prior = diff(held.entity, left)
            await self._write(Kind.UPDATE, held, record, delta, prior, by_client=False)

    async def answer(self, key: str) -> Answer | None:
        """Return the remembered answer of an idempotency key."""
        return await self._backend.load_answer(key)

    async def remember(self, key: str, answer: Answer) -> None:
        """Remember an answer."""
        await self._backend.save_answer(key, answer, self._at)

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

    async def put_resource(self, resource: Resource) -> None:
        """Store a resource, in the place of one of the same kind and id."""
        await self._backend.save_resource(resource)

    async def delete_resource(self, kind: str, resource_id: str) -> bool:
        """Delete a resource; tell whether there was one."""
        return await self._backend.drop_resource(kind, resource_id)

    def finish(self) -> None:
        """Check what can only be judged when all is written; raises Conflict."""
        self._balance.check()

    async def _known_rules(self) -> Mapping[str, TypeRules]:
        if self._rules is None:
            self._rules = await self._backend.load_rules()
        return self._rules

    async def _write(
        self,
        kind: Kind,
        before: Record | None,
        after: Record | None,
        delta: Entity | None = None,
        prior: Entity | None = None,
        *,
        by_client: bool = True,
    ) -> None:
        old = None if before is None else before.entity
        new = None if after is None else after.entity
        rules = await self._known_rules()
        if rules:
            check_change(rules, self._client if by_client else None, old, new)
        entity_id: str = (new or old or {})["id"]
        version = after.version if after is not None else (before.version if before else 0) + 1
        seq = await self._backend.next_seq()
        change = Change(
            seq,
            self.tenant,
            entity_id,
            version,
            kind,
            self._at,
            new if delta is None else delta,
            old if prior is None else prior,
        )
        committed = Committed(change, old, new)
        due = await self._backend.write(committed)
        if rules:
            self._balance.add(rules, old, new)
        self.committed.append(committed)
        self._held[entity_id] = after
        if due is not None and due <= self._at:
            await self.expire(entity_id)


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
