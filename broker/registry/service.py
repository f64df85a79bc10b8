"""What can be done with registrations, with guard and egress rule asked each time (§5.9, §5.10).

A registration says where the requests of all callers of a tenant may be sent: only who
administers the tenant can make, change or delete one. What it says, all who may read can see,
but for the headers in contextSourceInfo.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from broker.clock import Clock
from broker.egress import REMEDY, Egress, EgressRefused
from broker.errors import AlreadyExists, BadRequestData, NonexistentTenant, ResourceNotFound
from broker.guard import Action, Caller, Guard, administers
from broker.jsonld.context import Context
from broker.model.entity import Entity
from broker.model.names import check_uri
from broker.query.ast import EntityQuery
from broker.registry.conflicts import check_others, check_own, named, own_data, own_entities
from broker.registry.match import Wanted, matches
from broker.registry.model import Mode, Registration
from broker.registry.parse import TYPE, parse_fragment, parse_registration
from broker.registry.safe import INFO, opened, refuse_masks, seal
from broker.registry.stored import KIND, load, resource
from broker.registry.subscriptions import Audience, matching, wanted_of
from broker.safe import Safe
from broker.store.contract import Resource, Store, Tx
from broker.store.outbox import Notice, StoredSubscription
from broker.subscriptions.parse import Members

MOST: Final = 1_000
"""Registrations a tenant may have."""

_URN = f"urn:ngsi-ld:{TYPE}:"


class Registrations:
    """Registrations through guard, egress rule and store. `token` makes ids."""

    def __init__(
        self,
        store: Store,
        guard: Guard,
        egress: Egress,
        clock: Clock,
        token: Callable[[], str],
        safe: Safe,
    ) -> None:
        self.audience = Audience()
        self._store = store
        self._guard = guard
        self._egress = egress
        self._clock = clock
        self._token = token
        self._safe = safe
        self._due: dict[tuple[str, str], str] = {}
        """When registrations expire, by tenant and id; one that changed may be here in vain."""
        self._stale = True
        """Whether others may have written registrations that are not known here."""

    async def start(self) -> None:
        """Take up what expires."""
        self._store.hear(self._heard)
        await self._take_up()

    async def _take_up(self) -> None:
        self._stale = False
        for tenant in await self._store.tenants():
            for kept in await self._store.resources(tenant, KIND):
                self._note(tenant, load(kept))

    async def create(self, caller: Caller, tenant: str, body: Any, context: Context) -> str:
        """Create a registration and return its id. Raises AlreadyExists, Conflict."""
        self._guard.allow(caller, tenant, Action.ADMINISTER, None)
        now = self._clock()
        members = parse_registration(body, context, now)
        members = {"id": members.get("id") or _URN + self._token(), **members}
        refuse_masks(members)
        members, sealed = seal(self._safe, tenant, members)
        kept = resource(members, now, now, sealed)

        async def work(tx: Tx) -> None:
            before = await tx.resource(KIND, kept.id)
            if _known(before, now) is not None:
                raise AlreadyExists(
                    f"The registration {kept.id} exists already.",
                    place="body:/id",
                    remedy="Choose another id, or update the existing registration.",
                )
            await self._put(tx, caller, kept, now)
            await self._tell(tx, before, kept, now)

        await self._check(caller, tenant, load(kept))
        await self._store.write(tenant, work, client=caller.client, create_tenant=True)
        self._note(tenant, load(kept))
        return kept.id

    async def retrieve(self, caller: Caller, tenant: str, id: str) -> Registration:
        """Return a registration. Raises ResourceNotFound."""
        self._guard.allow(caller, tenant, Action.READ, None)
        _check_id(id)
        kept = _known(await self._store.resource(tenant, KIND, id), self._clock())
        if kept is None:
            raise _none(id)
        return kept

    async def discover(self, caller: Caller, tenant: str, wanted: Wanted) -> list[Registration]:
        """Return the registrations that match, the oldest first."""
        self._guard.allow(caller, tenant, Action.READ, None)
        now = self._clock()
        kept = map(load, await self._store.resources(tenant, KIND))
        return [one for one in kept if matches(one, wanted, now)]

    async def update(
        self, caller: Caller, tenant: str, id: str, body: Any, context: Context
    ) -> None:
        """Change members of a registration. Raises ResourceNotFound, Conflict."""
        self._guard.allow(caller, tenant, Action.ADMINISTER, None)
        _check_id(id)
        while True:
            now = self._clock()
            before = await self._store.resource(tenant, KIND, id)
            known = _known(before, now)
            if before is None or known is None:
                raise _none(id)
            members, sealed = self._changed(tenant, known, body, context, now)
            kept = resource(members, known.created_at, now, sealed)
            await self._check(caller, tenant, load(kept))
            if await self._replace(caller, tenant, before, kept):
                self._note(tenant, load(kept))
                return

    async def delete(self, caller: Caller, tenant: str, id: str) -> None:
        """Delete a registration. Raises ResourceNotFound."""
        self._guard.allow(caller, tenant, Action.ADMINISTER, None)
        _check_id(id)
        now = self._clock()

        async def work(tx: Tx) -> None:
            kept = await tx.resource(KIND, id)
            if _known(kept, now) is None:
                raise _none(id)
            await tx.delete_resource(KIND, id)
            await self._tell(tx, kept, None, now)

        await self._store.write(tenant, work, client=caller.client)

    def shows_secrets(self, caller: Caller, tenant: str) -> bool:
        """Tell whether a caller may see the headers that go to a source."""
        return administers(self._guard, caller, tenant)

    def opened(self, tenant: str, registration: Registration) -> Registration:
        """Return a registration with the headers that go to its source."""
        return opened(self._safe, tenant, registration)

    async def notice(self, stored: StoredSubscription) -> Notice | None:
        """Return what a subscription to registrations is told of at an interval."""
        found = await self._store.resources(stored.tenant, KIND)
        return matching(found, wanted_of(stored.document), self._clock())

    async def sweep(self) -> None:
        """Delete the registrations that have expired (§5.9.2.4), where this broker leads."""
        if not self._store.leads():
            return
        if self._stale:
            await self._take_up()
        now = self._clock()
        for key in [key for key, at in self._due.items() if at <= now]:
            tenant, id = key

            async def work(tx: Tx, id: str = id) -> str | None:
                kept = await tx.resource(KIND, id)
                left = None if kept is None else load(kept).expires_at
                if left is None or left > now:
                    return left
                await tx.delete_resource(KIND, id)
                await self._tell(tx, kept, None, now)
                return None

            try:
                left = await self._store.write(tenant, work)
            except NonexistentTenant:
                left = None
            if left is None:
                self._due.pop(key, None)
            else:
                self._due[key] = left

    def _changed(
        self, tenant: str, known: Registration, body: Any, context: Context, now: str
    ) -> tuple[Members, str | None]:
        """Return the members after a change, and the sealed secrets: as they were, or new."""
        members = parse_fragment(body, _members(known), context, now)
        if INFO not in body and known.sealed is not None:
            return members, known.sealed
        if INFO in body:
            refuse_masks(members)
        return seal(self._safe, tenant, members)

    async def _put(self, tx: Tx, caller: Caller, kept: Resource, now: str) -> None:
        """Store a registration beside those that are there. Raises Conflict, BadRequestData."""
        registration = load(kept)
        others = await tx.resources(KIND)
        if len(others) >= MOST and all(each.id != kept.id for each in others):
            raise BadRequestData(
                f"The tenant has {len(others)} registrations, and may have no more.",
                place="body:",
                remedy="Delete registrations that are not used any more.",
            )
        check_others(registration, map(load, others), now)
        if registration.mode is Mode.EXCLUSIVE and not registration.temporal:
            for entity_id, _, _ in named(registration):
                record = await tx.get(entity_id)
                seen = None if record is None else self._view(caller, tx.tenant, record.entity)
                check_own(registration, [] if seen is None else [seen])
        await tx.put_resource(kept)

    async def _replace(self, caller: Caller, tenant: str, before: Resource, kept: Resource) -> bool:
        """Store a registration in the place of `before`; False where another was quicker."""
        now = load(kept).modified_at

        async def work(tx: Tx) -> bool:
            if await tx.resource(KIND, kept.id) != before:
                return False
            await self._put(tx, caller, kept, now)
            await self._tell(tx, before, kept, now)
            return True

        return await self._store.write(tenant, work, client=caller.client)

    async def _tell(
        self, tx: Tx, before: Resource | None, after: Resource | None, now: str
    ) -> None:
        """Queue what subscribers are told of a change, in the transaction that makes it."""
        was = None if before is None else load(before)
        becomes = None if after is None else load(after)
        for sid, notice in self.audience.of(tx.tenant, was, becomes, now):
            await tx.tell(sid, notice)

    async def _check(self, caller: Caller, tenant: str, registration: Registration) -> None:
        """Refuse a source that must not be asked, and a redirect of entities that are ours."""
        try:
            self._egress.check_url(registration.members["endpoint"])
        except EgressRefused as refusal:
            raise BadRequestData(
                f"The source cannot be asked. {refusal}", place="body:/endpoint", remedy=REMEDY
            ) from None
        if registration.mode is not Mode.REDIRECT or registration.temporal:
            return
        query = EntityQuery(own_entities(registration), 1)
        try:
            page = await self._store.query(tenant, self._guard.narrow(caller, tenant, query))
        except NonexistentTenant:
            return
        for record in page.records:
            raise own_data(record.id)

    def _view(self, caller: Caller, tenant: str, entity: Entity) -> Entity | None:
        return entity if self._guard.transparent else self._guard.view(caller, tenant, entity)

    def _heard(self, tenant: str, kind: str, id: str) -> None:
        if kind == KIND:
            self._stale = True

    def _note(self, tenant: str, registration: Registration) -> None:
        if registration.expires_at is not None:
            self._due[tenant, registration.id] = registration.expires_at


def _members(registration: Registration) -> Members:
    own = {"properties": registration.properties} if registration.properties else {}
    return {**registration.members, **own}


def _known(kept: Resource | None, now: str) -> Registration | None:
    """Return the registration, unless there is none or it has expired."""
    if kept is None or load(kept).expired(now):
        return None
    return load(kept)


def _check_id(id: str) -> None:
    check_uri(id, "path:id", "A registration id", _URN + "1")


def _none(id: str) -> ResourceNotFound:
    return ResourceNotFound(
        f"There is no registration {id}.",
        place="path:id",
        remedy="Check the id, or list them with GET /ngsi-ld/v1/csourceRegistrations?type=*.",
    )
