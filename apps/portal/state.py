"""What the portal knows of one tenant: its entities by id, and whether the broker is heard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from broker.client import Entity

TYPES = ("RiverLevelStation", "IlluminationControl", "EvacuationShelter", "Alert", "Drill")


@dataclass(slots=True)
class TenantState:
    """Entities of the types the page shows."""

    entities: dict[str, Entity] = field(default_factory=dict)
    connected: bool = False

    def of_type(self, name: str) -> list[Entity]:
        """Return the entities that have a type among theirs, by id."""
        found = [entity for entity in self.entities.values() if name in _types(entity)]
        return sorted(found, key=lambda entity: str(entity["id"]))

    def replace(self, entities: Iterable[Entity]) -> None:
        """Take these entities for all there is."""
        self.entities = {entity["id"]: entity for entity in entities}


def _types(entity: Entity) -> list[str]:
    types = entity["type"]
    return types if isinstance(types, list) else [types]
