"""What a withdrawal does beyond stopping: the person's entities go, and what was told of them.

History, feed, kept documents, outbox and dead letters forget them, whoever deleted them; adapters
forget what they hold of their devices' messages. What the vault keeps of the consent is unreadable
afterwards, and once nothing is agreed to any more, what it keeps of the person too.

What is to be done is in the record itself (`withdrawn`, and no `effectDoneAt` yet), so that a
broker that was stopped meanwhile goes on with it at its next start. Each step may be repeated: what
is still to be forgotten is found by the deletions in the feed, which name the person until then.
Entities that the person still lets be used for another purpose stay.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final, TypeAlias

from broker.clock import Clock
from broker.errors import MachiError
from broker.model.entity import DEFAULT, Entity
from broker.query.ast import And, Compare, EntityQuery, HasType, Node, Op, Or, Path
from broker.store.contract import Committed, Kind, Record, Store, Tx
from consent.identity.keys import Token
from consent.records.model import CONSENT, HOLDER, Consent, value
from consent.records.raw import RawMessages, ends
from consent.records.register import Register
from consent.vault.errors import VaultError
from smart_data_models.own import iri

DONE: Final = iri("effectDoneAt")
_PAGE: Final = 100
_REMOVES: Final = ("stopAndErase", "stopAndAnonymise")

Shred: TypeAlias = Callable[[str], Awaitable[None]]
"""Makes what the vault keeps under a holder id unreadable (`consent.vault.Vault.shred`)."""


async def keep_nothing(subject: str) -> None:
    """Do nothing: there is no vault."""


log = logging.getLogger("machi.consent")


class Effects:
    """Carries out what withdrawals of one store ask for, one after another.

    `catch_up` lets history have what was committed, so that nothing is added to it after it went.
    `shred` is the vault's.
    """

    def __init__(
        self,
        store: Store,
        register: Register,
        catch_up: Callable[[], Awaitable[None]],
        clock: Clock,
        shred: Shred = keep_nothing,
        token: Token = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._register = register
        self._catch_up = catch_up
        self._clock = clock
        self._shred = shred
        self._token = token
        self._raw = RawMessages(store)
        self._waiting: dict[str, tuple[str, Consent]] = {}
        """What is done but for the answer of an adapter, by consent."""
        self._due: asyncio.Queue[tuple[str, Consent]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self, left: Iterable[tuple[str, Consent]]) -> None:
        """Begin with what was left over, and follow the store from now on."""
        for tenant, consent in left:
            self._due.put_nowait((tenant, consent))
        self._stop = self._store.listen(self._committed)
        self._task = asyncio.create_task(self._serve(), name="machi-withdrawals")

    async def close(self) -> None:
        """Stop; what is not done is done after the next start."""
        if self._task is not None:
            self._stop()
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _committed(self, changes: list[Committed]) -> None:
        for one in changes:
            if one.after is not None and CONSENT in one.after["type"]:
                consent = Consent.of(one.after)
                if consent.withdrawn and not consent.done:
                    self._due.put_nowait((one.change.tenant, consent))
            elif self._waiting and ends(one):
                for due in self._waiting.values():
                    self._due.put_nowait(due)
                self._waiting.clear()

    async def _serve(self) -> None:
        while True:
            tenant, consent = await self._due.get()
            try:
                await self.carry_out(tenant, consent)
            except (MachiError, VaultError) as error:
                log.error("a withdrawal is not carried out until the next start: %s", error)

    async def carry_out(self, tenant: str, consent: Consent) -> None:
        """Do what a withdrawn consent asks for, and note in it that it is done."""
        if consent.effect in _REMOVES:
            person = consent.principal
            still = self._register.of(tenant).agreed(person, self._clock())
            await self._shred(consent.id)
            if not still:
                await self._shred(person)
                await self._raw.ask_of_person(tenant, consent.id, person)
            types = consent.types - still
            if types:
                await self._remove(tenant, consent, types)
                await self._catch_up()
                await self._forget(tenant, consent, types)
            self._waiting[consent.id] = (tenant, consent)
            if await self._raw.left(tenant, consent.id):
                return
            self._waiting.pop(consent.id, None)
        await self._store.write(tenant, lambda tx: _note(tx, consent.id, self._clock()))

    async def _remove(self, tenant: str, consent: Consent, types: frozenset[str]) -> None:
        """Take away the entities that are there."""
        where = _of(consent.principal, types)
        while True:
            page = await self._store.query(tenant, EntityQuery(where, limit=_PAGE))
            if not page.records:
                return
            ids = [record.id for record in page.records]
            await self._raw.ask_about(tenant, consent.id, ids)
            for record in page.records:
                await self._store.write(tenant, partial(self._go, record, consent.effect))

    async def _forget(self, tenant: str, consent: Consent, types: frozenset[str]) -> None:
        """Forget what was told of entities that are gone, these and earlier ones."""
        person = consent.principal
        after = 0
        while True:
            page = await self._store.changes(after, tenant=tenant, kind=Kind.DELETE, limit=_PAGE)
            for change in page:
                if change.before is not None and _is_of(change.before, person, types):
                    await self._raw.ask_about(tenant, consent.id, [change.entity_id])
                    await self._store.history.delete_entity(tenant, change.entity_id)
                    await self._store.forget(tenant, change.entity_id)
            if len(page) < _PAGE:
                return
            after = page[-1].seq

    async def _go(self, record: Record, effect: str, tx: Tx) -> None:
        """Take one entity away; where the record says so, keep what it measured, of nobody."""
        found = await tx.get(record.id)
        if found is None:
            return
        await tx.delete(found)
        if effect == "stopAndAnonymise":
            kept = anonymous(found.entity, self._token(12).hex(), tx.at)
            if kept is not None:
                await tx.put(kept, None)


def _of(person: str, types: frozenset[str]) -> Node:
    either = Or(tuple(HasType(one) for one in sorted(types)))
    return And((either, Compare(Path((HOLDER,)), Op.EQ, (person,))))


def _is_of(entity: Entity, person: str, types: frozenset[str]) -> bool:
    return not types.isdisjoint(entity["type"]) and value(entity, HOLDER) == person


def anonymous(entity: Entity, local: str, now: str) -> Entity | None:
    """Return the numbers of an entity, of nobody, at no place and no time; None without any."""
    kept: dict[str, Any] = {}
    for name, instances in entity["attrs"].items():
        instance = instances.get(DEFAULT, {})
        told = instance.get("value")
        if isinstance(told, int | float) and not isinstance(told, bool):
            unit = {"unitCode": instance["unitCode"]} if "unitCode" in instance else {}
            kept[name] = {DEFAULT: {"type": "Property", "value": told, **unit}}
    if not kept:
        return None
    return {
        "id": f"urn:ngsi-ld:anonymous:{local}",
        "type": list(entity["type"]),
        "createdAt": now,
        "modifiedAt": now,
        "attrs": kept,
    }


async def _note(tx: Tx, consent_id: str, now: str) -> None:
    record = await tx.get(consent_id)
    if record is None or DONE in record.entity["attrs"]:
        return
    told = {DEFAULT: {"type": "Property", "value": now, "createdAt": tx.at}}
    attrs = {**record.entity["attrs"], DONE: told}
    await tx.put({**record.entity, "modifiedAt": tx.at, "attrs": attrs}, record)
