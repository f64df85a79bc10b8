"""What of an entity is shown: projections, dataset instances, one language (§4.15, §4.21).

Pure: an entity is never changed, and returned itself where nothing of it is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from broker.model.entity import Attributes, Entity, Instance
from broker.model.language import choose

PROJECTED: Final = frozenset({"id", "type", "scope"})
"""Members beside the attributes that a projection can name."""


@dataclass(frozen=True, slots=True)
class Projection:
    """Members that are kept (`pick`; all where None) and left out (`omit`): names of `PROJECTED`
    and attribute IRIs. `linked` says what is shown of entities that a relationship leads to.
    """

    pick: frozenset[str] | None = None
    omit: frozenset[str] = frozenset()
    linked: tuple[tuple[str, Projection], ...] = ()

    def shows(self, member: str) -> bool:
        """Tell whether a member stays."""
        return (self.pick is None or member in self.pick) and member not in self.omit

    def beyond(self, relationship: str) -> Projection:
        """Return what is shown of the entities a relationship leads to."""
        return dict(self.linked).get(relationship, ALL)

    def depth(self) -> int:
        """Return how many relationships in a row it follows."""
        return max((1 + inner.depth() for _, inner in self.linked), default=0)


ALL: Final = Projection()


def reduced(
    entity: Entity,
    attrs: frozenset[str] | None,
    projection: Projection,
    datasets: frozenset[str] | None,
    languages: tuple[str, ...],
) -> Entity:
    """Return the entity with the attributes, instances and texts that are asked for.

    `id` and `type` stay: what reads an entity needs them.
    """
    kept: Attributes = entity["attrs"]
    if attrs is not None:
        kept = {iri: each for iri, each in kept.items() if iri in attrs}
    if projection is not ALL:
        kept = {iri: each for iri, each in kept.items() if projection.shows(iri)}
    if datasets is not None:
        kept = _of_datasets(kept, datasets)
    if languages:
        kept = _translated(kept, languages)
    if kept is entity["attrs"] and projection.shows("scope"):
        return entity
    result = {**entity, "attrs": kept}
    if not projection.shows("scope"):
        result.pop("scope", None)
    return result


def _of_datasets(attrs: Attributes, datasets: frozenset[str]) -> Attributes:
    kept = {}
    for iri, instances in attrs.items():
        some = {dataset: each for dataset, each in instances.items() if dataset in datasets}
        if some:
            kept[iri] = some
    return kept


def _translated(attrs: Attributes, languages: tuple[str, ...]) -> Attributes:
    return {
        iri: {dataset: in_language(each, languages) for dataset, each in instances.items()}
        for iri, instances in attrs.items()
    }


def in_language(instance: Instance, languages: tuple[str, ...]) -> Instance:
    """Return an instance with its LanguageProperty as a Property in one language (§4.15)."""
    shown = instance
    if instance["type"] == "LanguageProperty" and instance["languageMap"]:
        texts = instance["languageMap"]
        key = choose(texts, languages)
        rest = {name: value for name, value in instance.items() if name != "languageMap"}
        shown = {**rest, "type": "Property", "value": texts[key], "lang": key}
    if "attrs" in instance:
        shown = {**shown, "attrs": _translated(instance["attrs"], languages)}
    return shown
