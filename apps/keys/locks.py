"""The contract kept: grants written to the broker, PINs in the vault, locks opened at once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from apps.keys.contract import (
    CannotGrant,
    Grant,
    Opened,
    Operations,
    RevokeReason,
    Vault,
    Wanted,
    grant_id,
)
from apps.keys.grants import (
    checked_key,
    city_of,
    code_kind,
    leader_grant,
    new_grant,
    offline,
    read,
    revocation,
)
from broker.client import (
    AlreadyExists,
    Client,
    Entity,
    NotFound,
    PreconditionFailed,
    observed_at,
    timestamp,
    value,
)

PATIENCE: Final = 10.0
"""Seconds to wait for a lock to say that it is open."""
TRIES: Final = 8
GLANCE: Final = 0.1


class TownLocks:
    """The locks of one tenant (`apps.keys.contract.Locks`). `kick` wakes the worker."""

    def __init__(
        self,
        client: Client,
        vault: Vault,
        *,
        kick: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        patience: float | None = None,
    ) -> None:
        self._client = client
        self._vault = vault
        self._kick = kick
        self._clock = clock
        self._patience = PATIENCE if patience is None else patience

    async def operations(self, wanted: Wanted) -> Operations:
        """Return what creates the grant. Raises CannotGrant."""
        entity = new_grant(wanted, await self._lock(wanted.lock), self._clock())
        return [{"op": "create", "entity": entity, "ifNoneMatch": "*"}]

    async def provision(self, wanted: Wanted) -> Grant:
        """Create the grant where it is missing; return it as it stands. Raises CannotGrant."""
        checked_key(wanted.key)
        known = await self.grant(grant_id(wanted.key, city_of(wanted.lock)))
        if known is not None:
            return known
        return await self._create(new_grant(wanted, await self._lock(wanted.lock), self._clock()))

    async def provision_leader(self, key: str, lock: str, holder: str) -> Grant:
        """Let an area leader open a lock at any time. Raises CannotGrant."""
        checked_key(key)
        await self._lock(lock)
        return await self._create(leader_grant(key, lock, holder, self._clock()))

    async def revoke_operations(self, grant_id: str, reason: RevokeReason) -> Operations:
        """Return what takes a grant back; nothing where there is nothing to take back."""
        try:
            entity, version = await self._client.retrieve_with_version(grant_id)
        except NotFound:
            return []
        return revocation(entity, version, reason, self._clock())

    async def revoke(self, grant_id: str, reason: RevokeReason) -> Grant | None:
        """Take a grant back; return it as it stands then, None where there is none."""
        for _ in range(TRIES):
            operations = await self.revoke_operations(grant_id, reason)
            if not operations:
                break
            try:
                await self._client.transactions(operations)
            except PreconditionFailed:
                continue
            break
        self._kick()
        return await self.grant(grant_id)

    async def grant(self, grant_id: str) -> Grant | None:
        """Return a grant as it stands, None where there is none."""
        try:
            return read(await self._client.retrieve(grant_id))
        except NotFound:
            return None

    async def code(self, grant_id: str) -> str | None:
        """Return the PIN to tell the holder; None while there is none, and after the end."""
        known = await self.grant(grant_id)
        if known is None or not known.issued or self._clock() >= known.valid_to:
            return None
        return await self._vault.get(known.holder, code_kind(grant_id))

    async def open_now(self, lock: str, reason: str, by: str) -> Opened:
        """Open a lock at once, and log it. `by` is the number of a staff member."""
        try:
            entity = await self._client.retrieve(lock)
        except NotFound:
            return Opened(lock, False, "unknownLock")
        if offline(entity):
            return Opened(lock, False, "offlineBox")
        if not value(entity, "adapter"):
            return Opened(lock, False, "unknownLock")
        earlier = observed_at(entity, "unlock_status")
        number = secrets.token_hex(8)
        line = opening_line(lock, reason, by, number, self._clock())
        order = {"op": "append", "id": lock, "attrs": {"unlock": _property(number)}}
        await self._client.transactions([{"op": "create", "entity": line}, order])
        return await self._answered(lock, earlier)

    async def _answered(self, lock: str, earlier: str | None) -> Opened:
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    entity = await self._client.retrieve(lock)
                    status = value(entity, "unlock_status")
                    if observed_at(entity, "unlock_status") != earlier:
                        if status == "OK":
                            return Opened(lock, True)
                        if status in {"ERROR", "EXPIRED"}:
                            return Opened(lock, False, str(value(entity, "unlock_info", "")))
                    await asyncio.sleep(GLANCE)
        except TimeoutError:
            return Opened(lock, False, "notConfirmed")

    async def _create(self, entity: Entity) -> Grant:
        try:
            await self._client.transactions(
                [{"op": "create", "entity": entity, "ifNoneMatch": "*"}]
            )
        except (AlreadyExists, PreconditionFailed):
            entity = await self._client.retrieve(entity["id"])
        self._kick()
        return read(entity)

    async def _lock(self, lock: str) -> Entity:
        try:
            return await self._client.retrieve(lock)
        except NotFound as fault:
            raise CannotGrant("unknownLock") from fault


def opening_line(lock: str, reason: str, by: str, number: str, now: datetime) -> Entity:
    """Return the line of the door log that says who opened a lock from afar, and why."""
    at = timestamp(now)
    return {
        "id": f"urn:ngsi-ld:AccessEvent:{city_of(lock)}:{number}",
        "type": "AccessEvent",
        "eventType": _property("remoteUnlock"),
        "method": _property("remote"),
        "dateObserved": _property(at),
        "receivedAt": _property(at),
        "source": _property("staff"),
        "note": _property(reason[:200]),
        "refLock": {"type": "Relationship", "object": lock},
        "refOperator": {"type": "Relationship", "object": f"urn:ngsi-ld:Staff:{by}"},
    }


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}
