"""What types and attributes there are, in figures (§5.7.5 to §5.7.10). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TypeAlias

from broker.model.entity import Entity

Types: TypeAlias = tuple[str, ...]
"""The types of an entity (IRIs), in the order of their names."""


class Census:
    """Counts entities by their types, and instances by types, attribute and kind."""

    def __init__(self) -> None:
        self.entities: Counter[Types] = Counter()
        self.instances: Counter[tuple[Types, str, str]] = Counter()

    def add(self, entity: Entity) -> None:
        """Count one entity."""
        types = tuple(sorted(set(entity["type"])))
        self.entities[types] += 1
        for iri, instances in entity["attrs"].items():
            for instance in instances.values():
                self.instances[types, iri, instance["type"]] += 1

    def without(self, hidden: Collection[str]) -> Census:
        """Return the census as if nothing had these types; what has no other is not counted."""
        left = Census()
        for types, count in self.entities.items():
            if shown := tuple(iri for iri in types if iri not in hidden):
                left.entities[shown] += count
        for (types, attribute, kind), count in self.instances.items():
            if shown := tuple(iri for iri in types if iri not in hidden):
                left.instances[shown, attribute, kind] += count
        return left

    def types(self) -> list[str]:
        """Return all types."""
        return sorted({iri for types in self.entities for iri in types})

    def attributes(self) -> list[str]:
        """Return all attributes."""
        return sorted({attribute for _, attribute, _ in self.instances})

    def entity_count(self, type_iri: str) -> int:
        """Return how many entities have a type."""
        return sum(count for types, count in self.entities.items() if type_iri in types)

    def kinds_of_type(self, type_iri: str) -> dict[str, list[str]]:
        """Return the attributes of a type's entities, each with the kinds of its instances."""
        found: dict[str, set[str]] = {}
        for types, attribute, kind in self.instances:
            if type_iri in types:
                found.setdefault(attribute, set()).add(kind)
        return {attribute: sorted(found[attribute]) for attribute in sorted(found)}

    def instance_count(self, attribute: str) -> int:
        """Return how many instances an attribute has."""
        return sum(count for (_, iri, _), count in self.instances.items() if iri == attribute)

    def kinds(self, attribute: str) -> list[str]:
        """Return the kinds of an attribute's instances."""
        return sorted({kind for _, iri, kind in self.instances if iri == attribute})

    def types_with(self, attribute: str) -> list[str]:
        """Return the types of the entities that have an attribute."""
        return sorted(
            {iri for types, known, _ in self.instances if known == attribute for iri in types}
        )
