"""How a tenant is deleted: marked at once, emptied in slices, and unmarked with the last of them.

A tenant may hold more than one transaction can delete. From the mark on nobody reads or writes
there, at whichever broker. What one that ended has left over is deleted by the next that starts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from pymongo.asynchronous.client_session import AsyncClientSession

from broker.store.mongodb import leaving
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.queues import Queues
from broker.store.mongodb.server import Database
from broker.store.mongodb.tenants import LEAVING, Tenants
from broker.store.mongodb.writer import Writer

SLICE: Final = 1000
"""Documents deleted in a transaction."""

HELD: Final = ("entities", "changes", "answers", "rules", "resources", "heads", "moments")
"""Collections of which documents are deleted slice by slice."""


class Dropping:
    """Deletes tenants. `fewer` is told of which collection how many documents are gone."""

    def __init__(
        self,
        database: Database,
        queues: Queues,
        tenants: Tenants,
        writer: Writer,
        fewer: Callable[[str, int], None],
    ) -> None:
        self._database = database
        self._queues = queues
        self._tenants = tenants
        self._writer = writer
        self._fewer = fewer

    async def drop(self, tenant: str) -> None:
        """Delete a tenant whole; the default tenant is empty afterwards.

        Goes on with a deletion that was broken off. Raises NonexistentTenant.
        """

        async def mark(session: AsyncClientSession, writes: Writes, newest: int) -> None:
            if tenant not in self._tenants.leaving:
                self._tenants.require(tenant)
                await leaving.drop_tenant(self._database, self._queues, session, writes, tenant)
                writes.put("tenants", {"_id": tenant, LEAVING: True})

        await self._writer.submit(mark, alone=True)
        await self._empty(tenant)

    async def finish(self) -> None:
        """Go on with what was broken off."""
        for tenant in sorted(self._tenants.leaving):
            await self._empty(tenant)

    async def _empty(self, tenant: str) -> None:
        async def work(session: AsyncClientSession, writes: Writes, newest: int) -> bool:
            return await self._slice(tenant, session, writes)

        while await self._writer.submit(work, alone=True):
            pass

    async def _slice(self, tenant: str, session: AsyncClientSession, writes: Writes) -> bool:
        """Delete what a transaction can; tell whether there may be more.

        Whether the tenant is still leaving is asked each time: another broker may have finished,
        and somebody made a new one of the name.
        """
        if tenant not in self._tenants.leaving:
            return False
        left = SLICE
        for collection in HELD:
            found = self._database[collection].find({"tenant": tenant}, {"_id": 1}, session=session)
            keys = [document["_id"] async for document in found.limit(left)]
            for key in keys:
                writes.drop(collection, key)
            writes.after.append(partial(self._fewer, collection, len(keys)))
            left -= len(keys)
            if not left:
                return True
        if tenant:
            writes.drop("tenants", tenant)
        else:
            writes.put("tenants", {"_id": ""})
        return False
