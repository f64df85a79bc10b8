"""Entities as MongoDB keeps them, and back (pure).

One document an entity:

| field | holds |
|---|---|
| `_id` | tenant and id, joined by a separator that no tenant has |
| `tenant`, `id`, `version` | as their names say |
| `types`, `scopes` | for conditions on them; `scopes` only where there are some |
| `due` | when the first part of the entity expires, only where one does |
| `entity` | the expanded entity as JSON: integers and floats stay apart, names may hold anything |
| `targets` | what conditions can look at (`targets`) |
| `places` | the boxes of its geometries, and their point where they are one |
| `over` | true where there are too many targets: its predicate alone decides |
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from broker.model.entity import Entity
from broker.model.expiry import first_expiry
from broker.model.geometry import positions
from broker.store.contract import Record
from broker.store.mongodb.rows import Document, joined
from broker.store.mongodb.targets import path_key, targets
from broker.store.refusals import encode

STORED: Final = {"entity": 1, "version": 1}
"""The fields a record is made of, as a projection."""


def to_document(tenant: str, entity: Entity, version: int) -> Document:
    """Return the document of an entity."""
    document: Document = {
        "_id": joined(tenant, entity["id"]),
        "tenant": tenant,
        "id": entity["id"],
        "version": version,
        "types": list(entity["type"]),
        "entity": encode(entity).decode(),
    }
    if scopes := entity.get("scope"):
        document["scopes"] = list(scopes)
    if (due := first_expiry(entity)) is not None:
        document["due"] = due
    found = targets(entity)
    if found is None:
        document["over"] = True
    else:
        document["targets"] = found
    if places := _places(entity):
        document["places"] = places
    return document


def to_record(document: Document) -> Record:
    """Return the record of a document with the fields `STORED`."""
    return Record(orjson.loads(document["entity"]), document["version"])


def _places(entity: Entity) -> list[Document]:
    return [
        {"p": path_key((iri,)), **_place(instance.get("value"))}
        for iri, instances in entity["attrs"].items()
        for instance in instances.values()
        if instance["type"] == "GeoProperty"
    ]


def _place(geometry: Any) -> Document:
    points = list(positions(geometry))
    if not points:
        return {}
    xs, ys = [x for x, _ in points], [y for _, y in points]
    place: Document = {"west": min(xs), "south": min(ys), "east": max(xs), "north": max(ys)}
    if len(points) == 1 and abs(xs[0]) <= 180 and abs(ys[0]) <= 90:
        place["point"] = {"type": "Point", "coordinates": [xs[0], ys[0]]}
    return place
