"""The census of a tenant as a caller may see it (§5.7.5 to §5.7.10)."""

from __future__ import annotations

import asyncio

from broker.entities.service import Entities
from broker.guard import Action, Caller
from broker.model.census import Census
from broker.query.ast import EntityQuery

SLICE = 200


async def census(entities: Entities, caller: Caller, tenant: str) -> Census:
    """Return what types and attributes there are.

    The store counts; where a guard may hide things, what it shows is counted, slice by slice.
    """
    entities.guard.allow(caller, tenant, Action.READ, None)
    if entities.guard.transparent:
        return await entities.store.census(tenant)
    found, last = Census(), ""
    while True:
        page = await entities.query(caller, tenant, EntityQuery(limit=SLICE, after=last))
        for record in page.records:
            found.add(record.entity)
        if not page.records:
            return found
        last = page.records[-1].id
        await asyncio.sleep(0)
