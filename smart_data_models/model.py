"""What is known of a model and its attributes, wherever it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a model.

    `path` is its name, and for parts of structured values the names on the way, by dots. `kind`
    is the NGSI-LD kind (Property, Relationship, GeoProperty, LanguageProperty), or empty where
    the source does not say. `schema` is the JSON Schema of the value.
    """

    path: str
    iri: str
    kind: str = ""
    schema: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    units: str = ""

    @property
    def top(self) -> bool:
        """Tell whether this is an attribute of the entity, no part of a value."""
        return "." not in self.path


@dataclass(frozen=True, slots=True)
class Model:
    """A data model: one entity type of a subject.

    `required` names attributes an entity must have, beside `id` and `type`. `origin` is
    `official` or `own`.
    """

    subject: str
    name: str
    iri: str
    version: str
    description: str
    licence: str
    origin: str
    required: tuple[str, ...]
    attributes: tuple[Attribute, ...]


def joined(models: Sequence[Model]) -> Model:
    """Return the models of one type as one; what an earlier one says of an attribute counts."""
    last = models[-1]
    attributes: dict[str, Attribute] = {}
    for model in models:
        for attribute in model.attributes:
            attributes.setdefault(attribute.path, attribute)
    required = dict.fromkeys(name for model in models for name in model.required)
    return replace(last, required=tuple(required), attributes=tuple(attributes.values()))
