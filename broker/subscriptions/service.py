"""What can be done with subscriptions, with guard and egress rule asked each time (§5.8.1–5.8.5).

A guard that hides anything lets a caller see and change what is theirs. Others' subscriptions
are there for administrators only, who pause, end and delete them; for anybody else they do not
exist.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

from broker.clock import Clock
from broker.egress import REMEDY, Egress, EgressRefused
from broker.errors import BadRequestData, Forbidden
from broker.guard import Action, Caller, Guard, administers
from broker.jsonld.context import Context
from broker.jsonld.loader import ContextLoader
from broker.model.names import check_uri
from broker.safe import Safe, Sealed
from broker.store.books import no_subscription
from broker.store.contract import Store
from broker.store.outbox import Opening, StoredSubscription
from broker.subscriptions.endpoint import parse_endpoint
from broker.subscriptions.model import Status
from broker.subscriptions.parse import Members, parse_fragment, parse_subscription
from broker.subscriptions.safe import opened, refuse_masks, seal
from broker.subscriptions.show import status
from broker.subscriptions.stored import document, renewed

URN = "urn:ngsi-ld:Subscription:"
_URI = "body:/notification/endpoint/uri"
_ANYBODYS: Final = frozenset({"@context", "id", "type", "isActive", "expiresAt"})
"""What administrators change of others' subscriptions."""


class Subscriptions:
    """Subscriptions of one kind through guard, egress rule and store. `token` makes ids."""

    kind = ""
    """What the store calls subscriptions to entities."""

    def __init__(
        self,
        store: Store,
        guard: Guard,
        egress: Egress,
        contexts: ContextLoader,
        clock: Clock,
        token: Callable[[], str],
        safe: Safe,
    ) -> None:
        self._safe = safe
        self._outbox = store.outbox
        self._guard = guard
        self._egress = egress
        self._contexts = contexts
        self._clock = clock
        self._token = token
        self._updating: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        """Two updates of one at a time would each replace what the other changed."""

    async def create(
        self, caller: Caller, tenant: str, body: Any, context: Context
    ) -> StoredSubscription:
        """Create a subscription owned by the caller. Raises AlreadyExists."""
        self._guard.allow(caller, tenant, Action.SUBSCRIBE, None)
        members = parse_subscription(body, context, self._clock())
        members = {"id": members.get("id") or URN + self._token(), **members}
        self._check_endpoint(members)
        refuse_masks(members)
        told_with = await self._context(tenant, members, context.source)
        kept = seal(self._safe, tenant, document(members, context, told_with, caller))
        opening = self._opening(kept)
        return await self._outbox.create(
            tenant, members["id"], kept, kind=self.kind, opening=opening
        )

    async def retrieve(self, caller: Caller, tenant: str, id: str) -> StoredSubscription:
        """Return a subscription of this kind. Raises ResourceNotFound."""
        stored = await self.named(caller, tenant, id)
        if stored.kind != self.kind:
            raise no_subscription(id)
        return stored

    async def named(
        self, caller: Caller, tenant: str, id: str, place: str = "path:id"
    ) -> StoredSubscription:
        """Return a subscription of any kind. Raises ResourceNotFound."""
        self._guard.allow(caller, tenant, Action.SUBSCRIBE, None)
        check_uri(id, place, "A subscription id", "urn:ngsi-ld:Subscription:1")
        stored = await self._outbox.get(tenant, id)
        if stored is None or not self.may_see(caller, stored):
            raise no_subscription(id, place)
        return stored

    async def page(
        self, caller: Caller, tenant: str, offset: int, limit: int
    ) -> tuple[list[StoredSubscription], int]:
        """Return subscriptions in order of creation, and how many there are."""
        self._guard.allow(caller, tenant, Action.SUBSCRIBE, None)
        page = partial(self._outbox.page, tenant, kind=self.kind)
        if self._guard.transparent or administers(self._guard, caller, tenant):
            return await page(offset=offset, limit=limit)
        _, count = await page(offset=0, limit=0)
        found, _ = await page(offset=0, limit=count)
        own = [stored for stored in found if is_owner(caller, stored)]
        return own[offset : offset + limit], len(own)

    async def update(
        self, caller: Caller, tenant: str, id: str, body: Any, context: Context
    ) -> StoredSubscription:
        """Change members of a subscription; one that is paused loses what waits."""
        lock = self._updating.setdefault((tenant, id), asyncio.Lock())
        async with lock:
            return await self._update(caller, tenant, id, body, context)

    async def delete(self, caller: Caller, tenant: str, id: str) -> None:
        """Delete a subscription."""
        await self.retrieve(caller, tenant, id)
        await self._outbox.remove(tenant, id)

    def may_see(self, caller: Caller, stored: StoredSubscription) -> bool:
        """Tell whether a subscription exists for a caller."""
        if self._guard.transparent or is_owner(caller, stored):
            return True
        return administers(self._guard, caller, stored.tenant)

    def opened(self, stored: StoredSubscription) -> StoredSubscription:
        """Return a subscription with its secrets, for its owner; without where they are lost."""
        with suppress(Sealed):
            return stored.with_document(opened(self._safe, stored.tenant, stored.document))
        return stored

    def _opening(self, kept: dict[str, Any]) -> Opening | None:
        """Return what a subscription is told of at once: changes of entities are still to come."""
        return None

    async def _update(
        self, caller: Caller, tenant: str, id: str, body: Any, context: Context
    ) -> StoredSubscription:
        stored = await self.retrieve(caller, tenant, id)
        if not self._guard.transparent and not is_owner(caller, stored):
            _only_pauses(body)
        now = self._clock()
        old = stored.document
        members = parse_fragment(body, old["members"], context, now)
        self._check_endpoint(members)
        past = await self._names_before(tenant, old, body, context)
        kept = renewed(old, members, context, body.keys(), past)
        if "notification" in body:
            refuse_masks(members)
        if "notification" in body or "sealed" not in kept:
            kept = seal(self._safe, tenant, kept)
        if "jsonldContext" in body:
            kept["context"] = await self._context(tenant, members, context.source)
        cancel = status(members, now) is Status.PAUSED or (
            ("timeInterval" in members) != ("timeInterval" in old["members"])
        )
        opening = self._opening(kept)
        return await self._outbox.replace(tenant, id, kept, cancel=cancel, opening=opening)

    async def _names_before(
        self, tenant: str, old: dict[str, Any], body: Members, context: Context
    ) -> Context:
        """Return the @context of a `q` that stays and is to be read again, by other expandValues.

        One that was stored before its @context was kept is read with that of the change.
        """
        if "expandValues" not in body or "q" in body:
            return context
        return await self._contexts.resolve(old.get("names", context.source), tenant=tenant)

    async def _context(self, tenant: str, members: Members, source: Any) -> Any:
        """Return the @context of notifications, once it was seen to be usable (§5.8.1)."""
        given = members.get("jsonldContext")
        if given is None:
            return source
        await self._contexts.resolve(given, place="body:/jsonldContext", tenant=tenant)
        return given

    def _check_endpoint(self, members: Members) -> None:
        """Refuse a receiver at a numeric address that the egress rule forbids.

        Names are judged when they are resolved, each time something is sent.
        """
        uri = members["notification"]["endpoint"]["uri"]
        address = parse_endpoint(uri)
        try:
            if address.scheme.startswith("http"):
                self._egress.check_url(uri)
            elif _is_numeric(address.host) and not self._egress.permits(address.host):
                raise EgressRefused("The egress rule forbids its address.")
        except EgressRefused as refusal:
            raise BadRequestData(
                f"The receiver cannot be notified. {refusal}", place=_URI, remedy=REMEDY
            ) from None


def is_owner(caller: Caller, stored: StoredSubscription) -> bool:
    """Tell whether a subscription was created by a caller: same client, same person."""
    owner = stored.document["owner"]
    return bool((owner["client"], owner["user"]) == (caller.client, caller.user))


def _only_pauses(body: Any) -> None:
    """Refuse an administrator's change of what others are sent, or where. Raises Forbidden.

    What is sent is decided for the owner: elsewhere it would show what the owner alone may see.
    """
    if isinstance(body, dict) and (over := sorted(body.keys() - _ANYBODYS)):
        raise Forbidden(
            f"Only its owner changes `{over[0]}` of a subscription.",
            place=f"body:/{over[0]}",
            remedy="Pause it by isActive, give it an end by expiresAt, or delete it.",
        )


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
