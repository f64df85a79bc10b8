"""What is known of a model and its attributes, wherever it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
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
