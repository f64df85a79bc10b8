"""What there is in the town: its types, with counts, attributes and a sample of each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from broker.client import Client, Entity, NotFound

AT_ONCE: Final = 8
"""Questions to the broker at a time."""


@dataclass(frozen=True, slots=True)
class TownType:
    """A type of entities; `sample` is one of them, None where they have just gone."""

    name: str
    count: int
    attributes: tuple[str, ...]
    sample: Entity | None


async def catalogue(client: Client) -> list[TownType]:
    """Return every type in the tenant, by name. Raises ClientError."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(type: dict[str, Any]) -> TownType | None:
        name = str(type["typeName"])
        async with turn:
            try:
                info = await client.type_info(name)
            except NotFound:
                return None
            found = await client.query(type=name, limit=1)
        names = tuple(type["attributeNames"])
        return TownType(name, int(info["entityCount"]), names, found[0] if found else None)

    types = await asyncio.gather(*map(one, await client.types()))
    return sorted(filter(None, types), key=lambda type: type.name.lower())
