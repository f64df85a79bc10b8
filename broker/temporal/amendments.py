"""Writes of history beside those of the follower, with the guard and rules by type asked each time.

They change no entity: what is written is what was true at some time, as far as is known now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from broker.clock import Clock
from broker.entities.service import Target, not_found
from broker.errors import ResourceNotFound
from broker.guard import Action, Caller, Guard
from broker.model.entity import Entity
from broker.model.times import microseconds
from broker.store.contract import Store
from broker.store.history import ALL, SCOPE, Entry, Fact, Window
from broker.store.rules import check_change
from broker.temporal.body import Told
from broker.temporal.state import altered, endings, entity_of


class Amendments:
    """Adds to histories, corrects them and removes from them. `catch_up` waits for the follower."""

    def __init__(
        self, store: Store, guard: Guard, clock: Clock, catch_up: Callable[[], Awaitable[None]]
    ) -> None:
        self.store = store
        self.guard = guard
        self.clock = clock
        self._catch_up = catch_up

    async def upsert(self, caller: Caller, tenant: str, entity_id: str, told: Told) -> bool:
        """Add to the history of an entity, or begin it; tell whether it was begun (§5.6.11)."""
        await self._catch_up()
        before = await self._state(tenant, entity_id)
        seen = None if before is None else self.guard.view(caller, tenant, before)
        action = Action.CREATE if seen is None else Action.UPDATE
        self.guard.allow(caller, tenant, action, entity_id)
        await self._check(caller, tenant, before, altered(before, entity_id, told))
        entry = self._entry(entity_id, told)
        (new,) = await self.store.history.record(tenant, [entry], create_tenant=True)
        return new

    async def append(self, caller: Caller, tenant: str, entity_id: str, told: Told) -> None:
        """Add to the history of an entity that has one (§5.6.12)."""
        self.guard.allow(caller, tenant, Action.UPDATE, entity_id)
        before = await self._visible_state(caller, tenant, entity_id)
        await self._check(caller, tenant, before, altered(before, entity_id, told))
        if not await self.store.history.append(tenant, self._entry(entity_id, told)):
            raise not_found(entity_id)

    async def modify(
        self, caller: Caller, tenant: str, entity_id: str, instance_id: str, fact: Fact
    ) -> None:
        """Put an instance in the place of another of the same attribute (§5.6.14)."""
        self.guard.allow(caller, tenant, Action.UPDATE, entity_id)
        before = await self._visible_state(caller, tenant, entity_id, fact.attribute)
        await self._check(caller, tenant, before, altered(before, entity_id, Told((), (fact,))))
        at = microseconds(self.clock())
        history = self.store.history
        if not await history.modify(tenant, entity_id, instance_id, fact, at):
            raise _no_instance(instance_id)

    async def delete_instance(
        self, caller: Caller, tenant: str, entity_id: str, attribute: str, instance_id: str
    ) -> None:
        """Remove an instance (§5.6.15)."""
        self.guard.allow(caller, tenant, Action.UPDATE, entity_id)
        before = await self._visible_state(caller, tenant, entity_id, attribute)
        await self._check(caller, tenant, before, _without(before, attribute))
        history = self.store.history
        if not await history.delete_instance(tenant, entity_id, attribute, instance_id):
            raise _no_instance(instance_id)

    async def delete_attribute(
        self, caller: Caller, tenant: str, entity_id: str, attribute: str, dataset: str | None
    ) -> None:
        """Remove an attribute's instances of one dataset, or of all with None (§5.6.13)."""
        self.guard.allow(caller, tenant, Action.UPDATE, entity_id)
        before = await self._visible_state(caller, tenant, entity_id, attribute)
        await self._check(caller, tenant, before, _without(before, attribute))
        history = self.store.history
        if not await history.delete_attribute(tenant, entity_id, attribute, dataset):
            raise _no_attribute(entity_id)

    async def end_attribute(
        self, caller: Caller, tenant: str, target: Target, attribute: str, dataset: str | None
    ) -> bool:
        """Keep that an attribute was deleted of an entity that has nothing but history.

        Tells whether there was such an attribute (decision 0105). It comes after an update of the
        entity that found none, so the guard was asked already whether the caller may update it.
        """
        entity_id = target.entity_id
        try:
            before = await self._visible_state(caller, tenant, entity_id, attribute)
        except ResourceNotFound:
            return False
        unfit = target.matches is not None and not target.matches(before)
        if unfit or target.guarded or await self.store.get(tenant, entity_id) is not None:
            return False
        facts = endings(before, attribute, dataset)
        if facts:
            await self._check(caller, tenant, before, altered(before, entity_id, Told((), facts)))
            await self.store.history.append(tenant, self._entry(entity_id, Told((), facts)))
        return bool(facts)

    async def delete(self, caller: Caller, tenant: str, entity_id: str) -> None:
        """Remove the whole history of an entity (§5.6.16)."""
        self.guard.allow(caller, tenant, Action.DELETE, entity_id)
        before = await self._visible_state(caller, tenant, entity_id)
        await self._check(caller, tenant, before, None)
        if not await self.store.history.delete_entity(tenant, entity_id):
            raise not_found(entity_id)

    def _entry(self, entity_id: str, told: Told) -> Entry:
        return Entry(entity_id, told.types, microseconds(self.clock()), told.facts)

    async def _state(self, tenant: str, entity_id: str) -> Entity | None:
        """Return an entity as its history has it last."""
        if tenant not in await self.store.tenants():
            return None
        head = await self.store.history.head(tenant, entity_id)
        if head is None:
            return None
        latest = await self.store.history.read(tenant, [entity_id], ALL, _LATEST)
        return entity_of(head, latest.get(entity_id, []))

    async def _visible_state(
        self, caller: Caller, tenant: str, entity_id: str, attribute: str | None = None
    ) -> Entity:
        """Return the latest state of an entity that the caller may see, with an attribute."""
        await self._catch_up()
        head = await self.store.history.head(tenant, entity_id)
        state = None if head is None else await self._state(tenant, entity_id)
        seen = None if state is None else self.guard.view(caller, tenant, state)
        if state is None or seen is None:
            raise not_found(entity_id)
        there = "scope" in seen if attribute == SCOPE else attribute in seen["attrs"]
        if attribute is not None and not there:
            raise _no_attribute(entity_id)
        return state

    async def _check(
        self, caller: Caller, tenant: str, before: Entity | None, after: Entity | None
    ) -> None:
        """Refuse a write that the guard or a rule of the entity's type forbids."""
        self.guard.may_write(caller, tenant, before, after)
        if tenant in await self.store.tenants():
            check_change(await self.store.rules(tenant), caller.client, before, after)


_LATEST = Window(last=1)


def _without(entity: Entity, attribute: str) -> Entity:
    """Return an entity without an attribute, for who judges whether that may be removed."""
    kept = {iri: instances for iri, instances in entity["attrs"].items() if iri != attribute}
    return {**entity, "attrs": kept}


def _no_instance(instance_id: str) -> ResourceNotFound:
    return ResourceNotFound(
        f"The attribute has no instance {instance_id}.",
        place="path:instanceId",
        remedy="Retrieve the history: each instance has its instanceId.",
    )


def _no_attribute(entity_id: str) -> ResourceNotFound:
    return ResourceNotFound(
        f"The history of {entity_id} has no such attribute.",
        place="path:attrId",
        remedy="Check the name, the @context it is expanded with, and datasetId or deleteAll.",
    )
