"""The tenants of a database, as memory holds them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from broker.store.mongodb.rows import Document
from broker.store.mongodb.server import Database
from broker.store.refusals import nonexistent


class Tenants:
    """Names of tenants. `fresh` takes over what other brokers committed."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.fresh: Callable[[], Awaitable[None]]

    async def load(self, database: Database) -> None:
        """Take in what the database holds."""
        self.names = {each["_id"] async for each in database["tenants"].find()}

    def take(self, documents: dict[str, Document | None]) -> None:
        """Take over tenants that came or went."""
        for name, document in documents.items():
            if document is None:
                self.names.discard(name)
            else:
                self.names.add(name)

    def require(self, name: str) -> None:
        """Want a tenant, as far as is known here. Raises NonexistentTenant."""
        if name not in self.names:
            raise nonexistent(name)

    async def enter(self, name: str) -> None:
        """Want a tenant, whoever made it. Raises NonexistentTenant."""
        if name not in self.names:
            await self.fresh()
            self.require(name)
