"""The tenants of a database, as memory holds them: true at the newest turn taken over.

Within a transaction this is exact, so whoever writes for a tenant asks here whether it is there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from broker.errors import ServiceUnavailable
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.rows import Document
from broker.store.mongodb.server import Database
from broker.store.refusals import nonexistent

LEAVING: Final = "leaving"
"""Marks the document of a tenant that is being deleted (`dropping`)."""


class Tenants:
    """Names of tenants. `fresh` takes over what other brokers committed."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.leaving: set[str] = set()
        """Those that are being deleted: nobody reads or writes there."""
        self.fresh: Callable[[], Awaitable[None]]

    async def load(self, database: Database) -> None:
        """Take in what the database holds."""
        self.take({each["_id"]: each async for each in database["tenants"].find()})

    def take(self, documents: dict[str, Document | None]) -> None:
        """Take over tenants that came, are leaving, or went."""
        for name, document in documents.items():
            self.names.discard(name)
            self.leaving.discard(name)
            if document is not None:
                (self.leaving if LEAVING in document else self.names).add(name)

    def require(self, name: str) -> None:
        """Want a tenant, as far as is known here. Raises NonexistentTenant, ServiceUnavailable."""
        self._refuse_leaving(name)
        if name not in self.names:
            raise nonexistent(name)

    def ensure(self, name: str, writes: Writes) -> None:
        """Write a tenant where there is none. Raises ServiceUnavailable."""
        self._refuse_leaving(name)
        if name not in self.names:
            writes.put("tenants", {"_id": name})

    async def enter(self, name: str) -> None:
        """Want a tenant, whoever made it. Raises NonexistentTenant, ServiceUnavailable."""
        if name not in self.names:
            await self.fresh()
            self.require(name)

    def _refuse_leaving(self, name: str) -> None:
        if name in self.leaving:
            raise ServiceUnavailable(
                f"The tenant {name!r} is being deleted.",
                place="header:NGSILD-Tenant",
                remedy="Repeat the request later. A deletion that was broken off is finished when"
                " a broker starts, or the tenant is deleted again.",
            )
