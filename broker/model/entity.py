"""The expanded entity: the one shape every part of the broker works on.

An entity is a plain dict (fast to parse, copy and serialise), its attributes a dict too, or a
mapping that an engine parses piece by piece when it is asked (`broker.model.attributes`):

    {"id": uri, "type": [iri, …], "scope": ["/a/b", …]?, "expiresAt": time?,
     "createdAt": time, "modifiedAt": time,
     "attrs": {attribute iri: {dataset: instance, …}, …}}

`dataset` is the `datasetId`, or `DEFAULT` for the default instance. An instance is

    {"type": kind, <primary member>: …, "observedAt": time?, "unitCode": str?,
     "valueType": iri?, "objectType": [iri, …]?, "expiresAt": time?,
     "createdAt": time?, "modifiedAt": time?,
     "attrs": {sub-attribute iri: {dataset: instance}}?}

Times keep the lexical form they came in. To keep documents small, an instance's `createdAt`
is left out where it equals its owner's, and `modifiedAt` where it equals the instance's
`createdAt`; `instance_times` gives the effective values. The owner of an attribute is the
entity, that of a sub-attribute the instance above it.

Primary values are stored expanded: `vocab` as IRI or list of IRIs, `objectList` as a list of
URIs, everything else as it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
Instance: TypeAlias = dict[str, Any]
Attributes: TypeAlias = Mapping[str, dict[str, Instance]]
Entity: TypeAlias = dict[str, Any]

DEFAULT: Final = "@none"
NULL: Final = "urn:ngsi-ld:null"

PRIMARY: Final[dict[str, str]] = {
    "Property": "value",
    "GeoProperty": "value",
    "LanguageProperty": "languageMap",
    "VocabProperty": "vocab",
    "JsonProperty": "json",
    "ListProperty": "valueList",
    "Relationship": "object",
    "ListRelationship": "objectList",
}
"""Attribute kind → the member that holds its value (§5.2.5–§5.2.8, §5.2.32–§5.2.38)."""


TARGETS: Final = {"Relationship": "object", "ListRelationship": "objectList"}
"""Attribute kind → the member that holds the URIs of the entities it leads to."""


def instance_times(instance: Instance, owner_created: str) -> tuple[str, str]:
    """Return the effective (createdAt, modifiedAt) of an instance, given its owner's createdAt."""
    created: str = instance.get("createdAt", owner_created)
    modified: str = instance.get("modifiedAt", created)
    return created, modified
