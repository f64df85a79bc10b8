"""Moves every grant towards what it shall be, step by step; safe to stop and start at any point.

A PIN is in the vault before a lock learns it, and a lock learns it before the grant says so. What
was begun and not noted is done once more: every request may be repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from apps.keys.contract import Status, Vault
from apps.keys.doors import AWAY, Doors
from apps.keys.grants import (
    OPEN,
    TYPE,
    code_kind,
    lock_of,
    moment,
    policy_of,
    read,
    status_of,
)
from apps.keys.pins import new_pin
from apps.keys.plan import Deed, Outcome, Rules, after, deed
from broker.client import (
    Client,
    ClientError,
    Entity,
    NotFound,
    PreconditionFailed,
    timestamp,
    value,
)

log = logging.getLogger("apps.keys")

PAUSE: Final = 15.0
"""Seconds between two looks at all grants, at most."""
SOONEST: Final = 0.2
OPEN_STATES: Final = "status==" + ",".join(f'"{status}"' for status in sorted(OPEN))


class Worker:
    """The worker of one tenant. `below(n)` gives a random number from 0 to n - 1."""

    def __init__(
        self,
        client: Client,
        vault: Vault,
        doors: Doors,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        below: Callable[[int], int] = secrets.randbelow,
    ) -> None:
        self._client = client
        self._vault = vault
        self._doors = doors
        self._clock = clock
        self._below = below
        self._kicked = asyncio.Event()

    def kick(self) -> None:
        """Look at the grants at once: something has changed."""
        self._kicked.set()

    async def run(self) -> None:
        """Look at the grants until cancelled: when something changes, and when something is due."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            while True:
                self._kicked.clear()
                wait = PAUSE
                try:
                    wait = await self.step()
                except ClientError as fault:
                    log.warning("cannot look at the grants: %s", type(fault).__name__)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._kicked.wait(), wait)

    async def step(self) -> float:
        """Do what is due about every grant; return the seconds until something is due again."""
        try:
            grants = await self._client.query(type=TYPE, q=OPEN_STATES)
        except NotFound:
            return PAUSE
        locks = await self._locks()
        seen = (self._see_to(grant, locks) for grant in grants)
        results = await asyncio.gather(*seen, return_exceptions=True)
        for grant, fault in zip(grants, results, strict=True):
            if isinstance(fault, ClientError):
                raise fault
            if isinstance(fault, BaseException):
                # One grant must not hold up the others; a person who was erased has no PIN.
                log.error("%s cannot be seen to: %s", grant["id"], type(fault).__name__)
        now = self._clock()
        due = [(at - now).total_seconds() for grant in grants for at in _times(grant) if at > now]
        return max(SOONEST, min([PAUSE, *due]))

    async def see_to(self, grant_id: str) -> None:
        """Do what is due about one grant."""
        with contextlib.suppress(NotFound):
            grant = await self._client.retrieve(grant_id)
            if status_of(grant) in OPEN:
                await self._see_to(grant, await self._locks())

    async def _listen(self) -> None:
        while True:
            try:
                async for event in self._client.stream(type=TYPE):
                    if event.kind in {"enter", "update", "reset"}:
                        self.kick()
            except ClientError as fault:
                log.warning("cannot follow the grants: %s", type(fault).__name__)
            await asyncio.sleep(PAUSE)

    async def _locks(self) -> dict[str, Entity]:
        try:
            return {lock["id"]: lock for lock in await self._client.query(type="SmartLock")}
        except NotFound:
            return {}

    async def _see_to(self, listed: Entity, locks: dict[str, Entity]) -> None:
        """Do what is due about a grant, and note it unless the grant has changed meanwhile."""
        lock = locks.get(lock_of(listed), {})
        adapter = str(value(lock, "adapter", ""))
        rules = await self._doors.rules(adapter) if adapter else None
        now = self._clock()
        if deed(listed, rules, policy_of(lock), now) is Deed.WAIT and not _unused(listed, now):
            return
        grant, version = await self._client.retrieve_with_version(listed["id"])
        if status_of(grant) not in OPEN:
            return
        what = deed(grant, rules, policy_of(lock), now)
        if what is Deed.WAIT:
            await self._note_use(grant, version)
            return
        if what is Deed.ISSUE and rules is not None:
            changes = await self._issue(grant, rules)
        else:
            outcome = await self._do(what, grant, adapter, rules)
            changes = after(grant, what, outcome, now)
            changes |= await self._told(grant, outcome, rules)
        await self._write(grant, version, changes)

    async def _do(self, what: Deed, grant: Entity, adapter: str, rules: Rules | None) -> Outcome:
        lock, grant_id = lock_of(grant), grant["id"]
        if what is Deed.CLOSE:
            return Outcome("gone")
        if not adapter:
            return Outcome(reason="unknownLock", passes=False)
        if rules is None:
            return AWAY
        if what is Deed.LOOK:
            return await self._doors.look(adapter, lock, grant_id)
        if what is Deed.REMOVE:
            return await self._doors.remove(adapter, lock, grant_id)
        body = _window(grant)
        if not rules.computes:
            body["pin"] = await self._pin(grant, rules)
        return await self._doors.put(adapter, lock, grant_id, body)

    async def _issue(self, grant: Entity, rules: Rules) -> dict[str, Any]:
        await self._pin(grant, rules)
        return {"codeRef": _property(code_kind(grant["id"]))}

    async def _told(self, grant: Entity, outcome: Outcome, rules: Rules | None) -> dict[str, Any]:
        """Keep what a lock's answer means for the PIN; return what it sets on the grant."""
        holder, kind = read(grant).holder, code_kind(grant["id"])
        if outcome.pin:
            await self._vault.put(holder, kind, outcome.pin)
        if outcome.reason == "pinTaken" and rules is not None and not value(grant, "codeRef"):
            await self._vault.put(holder, kind, new_pin(rules.digits, self._below))
            now = timestamp(self._clock())
            return {"status": _property(str(Status.REQUESTED)), "nextAttemptAt": _property(now)}
        if outcome.state in {"active", "sent"} and not value(grant, "codeRef"):
            return {"codeRef": _property(kind)}
        return {}

    async def _pin(self, grant: Entity, rules: Rules) -> str:
        """Return the grant's PIN, made up and kept where there is none."""
        holder, kind = read(grant).holder, code_kind(grant["id"])
        pin = await self._vault.get(holder, kind)
        if pin is None:
            pin = new_pin(rules.digits, self._below)
            await self._vault.put(holder, kind, pin)
        return pin

    async def _note_use(self, grant: Entity, version: str) -> None:
        """Note when a grant was first used, which the door log says."""
        used = f'refGrant=="{grant["id"]}";eventType=="unlocked","keyTaken"'
        try:
            events = await self._client.query(type="AccessEvent", q=used)
        except NotFound:
            return
        if events:
            first = min(str(value(event, "dateObserved")) for event in events)
            changes = {"firstUsedAt": _property(first), "useCount": _property(len(events))}
            await self._write(grant, version, changes)

    async def _write(self, grant: Entity, version: str, changes: dict[str, Any]) -> None:
        if all(value(grant, name) == part["value"] for name, part in changes.items()):
            return
        status = changes.get("status", {}).get("value")
        if status in (Status.EXPIRED, Status.REVOKED):
            # Before it is noted: what is over is not looked at again, and it stays over.
            await self._vault.forget(read(grant).holder, code_kind(grant["id"]))
        operation = {"op": "append", "id": grant["id"], "attrs": changes, "ifMatch": version}
        try:
            await self._client.transactions([operation])
        except (PreconditionFailed, NotFound):
            # Somebody wants something else of it meanwhile: the next step begins from there.
            self.kick()
            return
        if status in (Status.FAILED, Status.CANNOT_REVOKE):
            reason = changes.get("statusReason", {}).get("value")
            log.warning("%s is %s: %s", grant["id"], status, reason)


def _times(grant: Entity) -> Iterator[datetime]:
    """Yield when something of a grant is due; what is no time is due never."""
    for name in ("validFrom", "validTo", "nextAttemptAt"):
        with contextlib.suppress(OverflowError, ValueError):
            if value(grant, name):
                yield moment(value(grant, name))


def _unused(grant: Entity, now: datetime) -> bool:
    """Say whether a grant opens now and was not used yet, so that the door log may say more."""
    known = read(grant)
    return known.issued and not known.first_used and known.valid_from <= now < known.valid_to


def _window(grant: Entity) -> dict[str, str]:
    """Return the times a lock's adapter is told; none for the emergency class."""
    if not value(grant, "startAt"):
        return {}
    names = {"from": "validFrom", "to": "validTo", "start": "startAt", "end": "endAt"}
    return {name: str(value(grant, of)) for name, of in names.items()}


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}
