"""Raw messages about a person are with adapters, which are asked to forget them (decision 0202).

A device tells of a person where its values belong to an entity of theirs (`controlledAsset`), or
where it is theirs (`refHolder`). What is asked for stands at the Device until its adapter has
answered, so it outlives a restart of either.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from broker.model.entity import DEFAULT, Entity
from broker.query.ast import And, Compare, EntityQuery, Exists, HasType, Node, Op, Or, Path
from broker.store.contract import Committed, Store, Tx
from consent.records.model import HOLDER, texts, value
from smart_data_models.own import iri

DEVICE: Final = "https://smartdatamodels.org/dataModel.Device/Device"
ADAPTER: Final = iri("adapter")
ASSET: Final = iri("controlledAsset")
ASKED: Final = iri("rawErasureAskedAt")
ASKED_FOR: Final = iri("rawErasureFor")
ANSWERED: Final = iri("rawErasedUpTo")
_PAGE: Final = 100


class RawMessages:
    """What adapters of one store are asked to forget."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def ask_of_person(self, tenant: str, consent: str, person: str) -> None:
        """Ask for what devices of a person have sent."""
        await self._ask(tenant, consent, _is(HOLDER, person))

    async def ask_about(self, tenant: str, consent: str, entities: Iterable[str]) -> None:
        """Ask for what came from devices whose values belong to these entities."""
        either = tuple(_is(ASSET, one) for one in entities)
        if either:
            await self._ask(tenant, consent, Or(either))

    async def left(self, tenant: str, consent: str) -> bool:
        """Tell whether an adapter has not answered yet what it was asked because of a consent."""
        return any(_open(one) for one in await self._devices(tenant, _is(ASKED_FOR, consent)))

    async def _ask(self, tenant: str, consent: str, which: Node) -> None:
        for device in await self._devices(tenant, which):
            if not _asked_for(device, consent):
                await self._store.write(tenant, partial(_mark, device["id"], consent))

    async def _devices(self, tenant: str, which: Node) -> list[Entity]:
        found: list[Entity] = []
        served = And((HasType(DEVICE), Exists(Path((ADAPTER,))), which))
        while True:
            after = found[-1]["id"] if found else None
            page = await self._store.query(tenant, EntityQuery(served, limit=_PAGE, after=after))
            found += [record.entity for record in page.records]
            if len(page.records) < _PAGE:
                return found


def ends(one: Committed) -> bool:
    """Tell whether an adapter is asked no more: it answered, or there is no such Device now."""
    before, after = one.before, one.after
    return before is not None and _open(before) and (after is None or not _open(after))


def _is(attribute: str, named: str) -> Node:
    return Compare(Path((attribute,)), Op.EQ, (named,))


def _open(device: Entity) -> bool:
    return value(device, ASKED) is not None and value(device, ASKED) != value(device, ANSWERED)


def _asked_for(device: Entity, consent: str) -> bool:
    return consent in texts(value(device, ASKED_FOR))


async def _mark(device_id: str, consent: str, tx: Tx) -> None:
    record = await tx.get(device_id)
    if record is None or _asked_for(record.entity, consent):
        return
    waiting = texts(value(record.entity, ASKED_FOR)) if _open(record.entity) else frozenset()
    told: dict[str, Any] = {ASKED: tx.at, ASKED_FOR: sorted({*waiting, consent})}
    attrs = dict(record.entity["attrs"])
    for name, said in told.items():
        attrs[name] = {DEFAULT: {"type": "Property", "value": said, "createdAt": tx.at}}
    await tx.put({**record.entity, "modifiedAt": tx.at, "attrs": attrs}, record)
