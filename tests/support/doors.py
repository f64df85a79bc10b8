"""What a door and its log show, for tests of locks."""

from typing import Any

from broker.client import Client, Entity, value
from tests.support.until import until


async def shown(client: Client, door: str, **values: Any) -> Entity:
    """Wait until a door shows values; return it."""

    async def look() -> Entity | None:
        found = await client.retrieve(door)
        return found if all(value(found, name) == part for name, part in values.items()) else None

    return await until(look)


async def logged(client: Client, number: int) -> list[Entity]:
    """Wait until the door log has so many lines; return them, oldest first."""

    async def look() -> list[Entity] | None:
        found = await client.query(type="AccessEvent")
        return found if len(found) >= number else None

    return sorted(await until(look), key=lambda event: str(value(event, "dateObserved")))
