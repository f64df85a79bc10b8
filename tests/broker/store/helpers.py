"""Short ways to write what a test is about."""

from typing import Any

from broker.model.entity import DEFAULT, Entity
from broker.store.contract import Record, Store, Tx

SHELTER = "https://example.org/Shelter"
RIVER = "https://example.org/River"
LEVEL = "https://example.org/level"
NAME = "https://example.org/name"
LOCATION = "https://uri.etsi.org/ngsi-ld/location"


class HandClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.time = "2026-01-01T00:00:00.000000Z"

    def __call__(self) -> str:
        return self.time


def prop(value: Any) -> dict[str, Any]:
    """Return the default instance of a Property."""
    return {DEFAULT: {"type": "Property", "value": value}}


def point(longitude: float, latitude: float) -> dict[str, Any]:
    """Return the default instance of a GeoProperty."""
    value = {"type": "Point", "coordinates": [longitude, latitude]}
    return {DEFAULT: {"type": "GeoProperty", "value": value}}


def entity(
    entity_id: str = "urn:a", *types: str, modified: int = 0, **attributes: dict[str, Any]
) -> Entity:
    """Return an expanded entity; attribute names are put under https://example.org/."""
    return {
        "id": entity_id,
        "type": list(types) or [SHELTER],
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "modifiedAt": f"2026-01-01T00:00:00.{modified:06}Z",
        "attrs": {f"https://example.org/{name}": each for name, each in attributes.items()},
    }


async def create(store: Store, *entities: Entity, tenant: str = "", client: str = "") -> None:
    """Create entities in one unit of work, and the tenant if need be."""

    async def work(tx: Tx) -> None:
        for each in entities:
            await tx.put(each, None)

    await store.write(tenant, work, client=client, create_tenant=True)


async def replace(store: Store, entity: Entity, tenant: str = "", client: str = "") -> Record:
    """Put the successor of an existing entity."""

    async def work(tx: Tx) -> Record:
        return await tx.put(entity, await tx.get(entity["id"]))

    return await store.write(tenant, work, client=client)


async def delete(store: Store, entity_id: str, tenant: str = "") -> int:
    """Delete an existing entity; return the version of the deletion."""

    async def work(tx: Tx) -> int:
        record = await tx.get(entity_id)
        assert record is not None
        return await tx.delete(record)

    return await store.write(tenant, work)
