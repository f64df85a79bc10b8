"""Grants as the vendor knows them: a guest with a PIN and a time, and their access to a lock.

A request whose answer was lost may have had its effect. So a person carries the end of the grant's
id as their name, and is looked for before another one is made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from zoneinfo import ZoneInfo

from adapters.common.access import (
    GrantAnswer,
    GrantOrder,
    GrantRefused,
    GrantState,
    LockRules,
)
from adapters.remotelock.api import Cloud
from adapters.remotelock.guests import Guests
from adapters.remotelock.wire import access, guest, standing, user

DIGITS: Final = 7
"""Digits of a PIN: the vendor takes 4 to 10."""

LockOf = Callable[[str, str], Awaitable[str]]
"""Returns the vendor's id of a lock by tenant and Device id. Raises UnknownDevice."""


class Persons:
    """Makes, looks at and deactivates persons (`adapters.common.access.LockAdapter`)."""

    rules = LockRules(timed=True, computes=False, revocable=True, digits=DIGITS)

    def __init__(
        self, cloud: Callable[[], Cloud], guests: Guests, lock_of: LockOf, zone: ZoneInfo
    ) -> None:
        self._cloud = cloud
        self._guests = guests
        self._lock_of = lock_of
        self._zone = zone

    async def put(self, order: GrantOrder) -> GrantAnswer:
        """Make the grant's person where there is none, and give them access to the lock."""
        lock = await self._lock_of(order.tenant, order.device)
        known = await self._guests.person(order.tenant, order.grant)
        person = known[0] if known and await self._is_there(known[0]) else ""
        if not person:
            person = await self._make(order)
            await self._guests.keep(order.tenant, order.grant, person)
        found = await self._access(person, lock)
        if found is None:
            path = f"/access_persons/{person}/accesses"
            found = (await self._cloud().call("POST", path, access(lock)))["data"]["attributes"]
        return standing(found, person)

    async def look(self, order: GrantOrder) -> GrantAnswer:
        """Return whether the lock is in step with the cloud about the grant's person."""
        lock = await self._lock_of(order.tenant, order.device)
        known = await self._guests.person(order.tenant, order.grant)
        if known is None:
            return GrantAnswer(GrantState.GONE)
        person, going = known
        try:
            found = await self._access(person, lock)
        except GrantRefused as refusal:
            if refusal.reason != "unknownAtVendor":
                raise
            found = None
        if found is None:
            # Somebody has removed the person or the access at the vendor's own page.
            return GrantAnswer(GrantState.GONE, person)
        return standing(found, person, going=going)

    async def remove(self, order: GrantOrder) -> GrantAnswer:
        """Deactivate the grant's person."""
        known = await self._guests.person(order.tenant, order.grant)
        if known is None:
            return GrantAnswer(GrantState.GONE)
        person, going = known
        if not going:
            try:
                await self._cloud().call("PUT", f"/access_persons/{person}/deactivate")
            except GrantRefused as refusal:
                if refusal.reason != "unknownAtVendor":
                    raise
                return GrantAnswer(GrantState.GONE, person)
            await self._guests.going(order.tenant, order.grant)
        return await self.look(order)

    async def _is_there(self, person: str) -> bool:
        """Say whether the vendor still has a person, whom somebody may have removed there."""
        try:
            await self._cloud().call("GET", f"/access_persons/{person}")
        except GrantRefused as refusal:
            if refusal.reason == "unknownAtVendor":
                return False
            raise
        return True

    async def _make(self, order: GrantOrder) -> str:
        name = order.grant.rpartition(":")[2]
        if order.begins is None or order.ends is None:
            body = user(name, order.pin)
        else:
            body = guest(name, order.pin, order.begins, order.ends, self._zone)
        try:
            made = await self._cloud().call("POST", "/access_persons", body)
        except GrantRefused as refusal:
            if refusal.reason != "pinTaken":
                raise
            earlier = await self._named(name, body["type"])
            if not earlier:
                raise
            return earlier
        return str(made["data"]["id"])

    async def _named(self, name: str, kind: str) -> str:
        """Return the person an earlier request of ours has made; empty where it did not."""
        for person in await self._cloud().all("/access_persons", {"type": kind}):
            if person["attributes"].get("name") == name:
                return str(person["id"])
        return ""

    async def _access(self, person: str, lock: str) -> dict[str, Any] | None:
        for found in await self._cloud().all(f"/access_persons/{person}/accesses"):
            if found["attributes"].get("accessible_id") == lock:
                attributes: dict[str, Any] = found["attributes"]
                return attributes
        return None
