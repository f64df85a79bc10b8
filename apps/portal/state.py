"""What the portal knows of one tenant: its entities by id, and whether the broker is heard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from apps.portal.levels import SeenLevels
from broker.client import Entity

STATION = "RiverLevelStation"
LIGHT = "IlluminationControl"
SHELTER = "EvacuationShelter"
ORDER = "EvacuationInformation"
TYPES = (STATION, LIGHT, SHELTER, "Alert", ORDER, "Drill")


@dataclass(slots=True)
class TenantState:
    """Entities of the types the page shows, and the levels that have passed.

    `connected` while the broker is heard, `heard` once it ever was.
    """

    entities: dict[str, Entity] = field(default_factory=dict)
    connected: bool = False
    heard: bool = False
    levels: SeenLevels = field(default_factory=SeenLevels)

    def of_type(self, name: str) -> list[Entity]:
        """Return the entities that have a type among theirs, by id."""
        found = [entity for entity in self.entities.values() if name in types_of(entity)]
        return sorted(found, key=lambda entity: str(entity["id"]))

    def replace(self, entities: Iterable[Entity]) -> None:
        """Take these entities for all there is."""
        self.entities = {}
        for entity in entities:
            self.put(entity)

    def put(self, entity: Entity) -> None:
        """Take an entity as it is now."""
        self.entities[entity["id"]] = entity
        if STATION in types_of(entity):
            self.levels.take(entity)


def types_of(entity: Entity) -> list[str]:
    """Return an entity's types."""
    types: str | list[str] = entity["type"]
    return types if isinstance(types, list) else [types]
