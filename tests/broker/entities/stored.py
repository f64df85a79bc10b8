"""A stored entity for the tests of semantics, and short names for its parts."""

from typing import Any

VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"
LEVEL, NAME, PART_OF = (VOCAB + name for name in ("level", "name", "partOf"))
BORN, LATER, NOW = (f"2025-01-0{day}T00:00:00.000000Z" for day in (1, 2, 3))


def prop(value: Any, **members: Any) -> dict[str, Any]:
    """Return a Property."""
    return {"type": "Property", "value": value, **members}


def link(target: str) -> dict[str, Any]:
    """Return a Relationship."""
    return {"type": "Relationship", "object": target}


def only(instance: Any) -> dict[str, Any]:
    """Return the instances of an attribute that has the default one only."""
    return {"@none": instance}


def entity(attrs: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return an entity of type River, born and last changed on the first of January."""
    return {
        "id": "urn:ngsi-ld:River:kuma",
        "type": [VOCAB + "River"],
        "createdAt": BORN,
        "modifiedAt": BORN,
        **members,
        "attrs": attrs,
    }
