"""Documents on disk: the expanded entity as JSON, attribute IRIs as interned decimal ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from broker.model.change import AttributeDelta
from broker.model.entity import Entity
from broker.store.contract import Record
from broker.store.sqlite.names import Names

Key = Callable[[str], str]


def interned(parts: Entity, key: Key) -> Entity:
    """Return an entity or a delta with attribute IRIs replaced by `key`; shares what it can."""
    attributes = parts.get("attrs")
    return parts if attributes is None else {**parts, "attrs": _interned(attributes, key)}


def _interned(attributes: AttributeDelta, key: Key) -> AttributeDelta:
    document: AttributeDelta = {}
    for iri, instances in attributes.items():
        document[key(iri)] = instances
        for instance in instances.values():
            if instance is not None and "attrs" in instance:
                document[key(iri)] = {
                    dataset: i if i is None else interned(i, key)
                    for dataset, i in instances.items()
                }
                break
    return document


def parse(document: bytes, names: Names) -> Entity:
    """Return the entity or delta of a stored document."""
    parts: Entity = orjson.loads(document)
    attributes = parts.get("attrs")
    if attributes is not None:
        parts["attrs"] = _named(attributes, names)
    return parts


def _named(attributes: AttributeDelta, names: Names) -> AttributeDelta:
    iris = names.iris
    for instances in attributes.values():
        for instance in instances.values():
            if instance is not None and "attrs" in instance:
                instance["attrs"] = _named(instance["attrs"], names)
    try:
        return {iris[key]: instances for key, instances in attributes.items()}
    except KeyError:
        return {names.iri(key): instances for key, instances in attributes.items()}


class StoredRecord(Record):
    """A record that parses its document when it is first asked for the entity."""

    __slots__ = ("_entity", "_id", "_names", "document")

    def __init__(self, entity_id: str, version: int, document: bytes, names: Names) -> None:
        _set(self, "_id", entity_id)
        _set(self, "version", version)
        _set(self, "document", document)
        _set(self, "_names", names)
        _set(self, "_entity", None)

    @property
    def id(self) -> str:
        """The entity's id."""
        return self._id  # type: ignore[attr-defined, no-any-return]

    @property
    def entity(self) -> Entity:
        """The parsed entity."""
        entity: Any = self._entity  # type: ignore[attr-defined]
        if entity is None:
            entity = parse(self.document, self._names)  # type: ignore[attr-defined]
            _set(self, "_entity", entity)
        return entity  # type: ignore[no-any-return]


_set = object.__setattr__
