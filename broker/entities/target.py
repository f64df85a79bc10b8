"""The attribute an operation is about: found, or the error that says what is missing."""

from __future__ import annotations

from broker.errors import BadRequestData, ResourceNotFound
from broker.model.attributes import Changes, Edited, edited
from broker.model.entity import DEFAULT, Attributes, Entity, Instance
from broker.model.limits import ATTRIBUTES, INSTANCES
from broker.model.place import bad

PATH = "path:attrId"


def instances_of(entity: Entity, iri: str, place: str = PATH) -> dict[str, Instance]:
    """Return the instances of an attribute. Raises ResourceNotFound."""
    instances: dict[str, Instance] | None = entity["attrs"].get(iri)
    if instances is None:
        raise ResourceNotFound(
            f"The entity has no attribute {iri}.",
            place=place,
            remedy="Check the name and the @context it is expanded with, or append the attribute.",
        )
    return instances


def instance_missing(iri: str, dataset: str, place: str = PATH) -> ResourceNotFound:
    """Return the error for an attribute that lacks this instance."""
    which = "default instance" if dataset == DEFAULT else f"instance with datasetId {dataset}"
    return ResourceNotFound(
        f"The attribute {iri} has no {which}.",
        place=place,
        remedy="Name an instance by its datasetId; the default instance has none.",
    )


def with_instances(entity: Entity, iri: str, instances: dict[str, Instance], now: str) -> Entity:
    """Return the entity with other instances of one attribute; without it where there are none."""
    attrs = edited(entity["attrs"], {iri: instances or None})
    return {**entity, "modifiedAt": now, "attrs": attrs}


def check_size(attrs: Attributes, before: Attributes, place: str = "body:") -> None:
    """Refuse attributes that would take what had `before` past its limits, or further past them.

    What is past them already, since the limits were others, can be changed and made smaller.
    """
    parts: Changes = attrs.changes if type(attrs) is Edited else attrs
    grown = False
    for iri, instances in parts.items():
        old = before.get(iri, ())
        grown = grown or not old
        if instances is not None and len(instances) > max(INSTANCES, len(old)):
            raise _too_large(place)
    if grown and len(attrs) > max(ATTRIBUTES, len(before)):
        raise _too_large(place)


def _too_large(place: str) -> BadRequestData:
    return bad(
        place,
        f"The entity would have more than {ATTRIBUTES} attributes, or one of them more than "
        f"{INSTANCES} instances.",
        "Delete what is no longer needed, or spread it over several entities.",
    )
