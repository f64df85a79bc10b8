"""Documents on disk: the expanded entity as JSON, attribute IRIs as interned decimal ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import orjson

from broker.model.change import AttributeDelta
from broker.model.entity import Entity
from broker.store.contract import Record
from broker.store.sqlite.names import Names

Keys: TypeAlias = Mapping[str, str]
"""Attribute names → the names to put in their place."""


def interned(parts: Entity, keys: Keys) -> Entity:
    """Return an entity or a delta with attribute IRIs replaced by `keys`; shares what it can."""
    attributes = parts.get("attrs")
    return parts if attributes is None else {**parts, "attrs": _renamed(attributes, keys)}


def named(parts: Entity, names: Names) -> Entity:
    """Return the entity or delta an interned document stands for; shares what it can."""
    return interned(parts, names.iris)


def parse(document: bytes, names: Names) -> Entity:
    """Return the entity or delta of a stored document."""
    parts: Entity = orjson.loads(document)
    if document.count(b'"attrs":') != 1 or "attrs" not in parts:
        return named(parts, names)
    iris = names.iris
    parts["attrs"] = {iris[key]: instances for key, instances in parts["attrs"].items()}
    return parts


def _renamed(attributes: AttributeDelta, names: Keys) -> AttributeDelta:
    renamed: AttributeDelta = {}
    for name, instances in attributes.items():
        for instance in instances.values():
            if instance is not None and "attrs" in instance:
                renamed[names[name]] = {
                    dataset: each if each is None or "attrs" not in each else interned(each, names)
                    for dataset, each in instances.items()
                }
                break
        else:
            renamed[names[name]] = instances
    return renamed


class StoredRecord(Record):
    """A record that parses its document when it is first asked for the entity.

    `document` is None where the caller had kept what it needs of this version.
    """

    __slots__ = ("_entity", "_id", "_names", "document")
    __setattr__ = object.__setattr__
    """Records are frozen; this one fills itself in later, and is made often."""

    def __init__(self, entity_id: str, version: int, document: bytes | None, names: Names) -> None:
        self._id = entity_id
        self.version = version  # type: ignore[misc]
        self.document = document
        self._names = names
        self._entity: Entity | None = None

    @property
    def id(self) -> str:
        """The entity's id."""
        return self._id

    @property
    def entity(self) -> Entity:
        """The parsed entity."""
        if self._entity is None:
            assert self.document is not None
            self._entity = parse(self.document, self._names)
        return self._entity
