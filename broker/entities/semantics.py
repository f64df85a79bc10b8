"""What the operations on an entity mean (§5.6, §5.5.8, §5.5.12). Pure functions.

Each takes the stored entity, what the client sent (as `broker.model.parse` returns it) and the
time of the request, and returns a new entity that shares unchanged parts with the old one; the
old one is never changed. Where nothing is to be written the same object is returned.

Instances that are replaced keep their createdAt; those not touched keep both their times.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from broker.entities.add import add
from broker.entities.merge import merge
from broker.entities.stamp import set_times, stamped, stamped_attributes
from broker.entities.target import check_size, instance_missing, instances_of, with_instances
from broker.errors import ResourceNotFound
from broker.model.attributes import edited
from broker.model.entity import DEFAULT, PRIMARY, Attributes, Entity, Instance
from broker.model.geometry import parse_geometry
from broker.model.kinds import PRIMARIES, check_members
from broker.model.place import bad

__all__ = [
    "UpdateResult",
    "add",
    "append",
    "created",
    "delete_attribute",
    "delete_scope",
    "merge",
    "partial_update",
    "replace",
    "replace_attribute",
    "update_attributes",
]


@dataclass(slots=True)
class UpdateResult:
    """What an append or update did (§5.2.18): attribute IRIs, `scope` and `expiresAt`.

    `not_updated` pairs a name with the reason.
    """

    updated: list[str] = field(default_factory=list)
    not_updated: list[tuple[str, str]] = field(default_factory=list)


def created(fragment: Entity, now: str) -> Entity:
    """Return a parsed entity as it is first stored (§5.6.1)."""
    entity = {**fragment}
    attrs = entity.pop("attrs")
    entity["createdAt"] = entity["modifiedAt"] = now
    entity["attrs"] = attrs
    return entity


def replace(entity: Entity, new: Entity, now: str) -> Entity:
    """Return the entity with types, scope and attributes of `new` (§5.6.18)."""
    result = created(new, now)
    result["id"] = entity["id"]
    result["createdAt"] = entity["createdAt"]
    result["attrs"] = stamped_attributes(new["attrs"], entity["createdAt"], now, entity["attrs"])
    return result


def append(
    entity: Entity, fragment: Entity, now: str, *, no_overwrite: bool = False
) -> tuple[Entity, UpdateResult]:
    """Add and replace attribute instances (§5.6.3); with `no_overwrite` only add.

    Types are united. A scope is replaced, with `no_overwrite` united.
    """
    result = UpdateResult()
    members: dict[str, Any] = _united_types(entity, fragment)
    if "scope" in fragment:
        scope = fragment["scope"]
        if no_overwrite:
            scope = list(dict.fromkeys([*entity.get("scope", ()), *scope]))
        members["scope"] = scope
        result.updated.append("scope")
    if "expiresAt" in fragment:
        if no_overwrite and "expiresAt" in entity:
            result.not_updated.append(("expiresAt", _KEPT))
        else:
            members["expiresAt"] = fragment["expiresAt"]
            result.updated.append("expiresAt")
    attrs = _written(entity, fragment, now, result, no_overwrite=no_overwrite)
    return _edited(entity, members, attrs, now), result


def update_attributes(entity: Entity, fragment: Entity, now: str) -> tuple[Entity, UpdateResult]:
    """Replace, add and, where the fragment says null, delete attribute instances (§5.6.2).

    Types are united. A scope is replaced where the entity has one, else reported.
    """
    result = UpdateResult()
    if len(fragment) == 1:
        attrs = _written(entity, fragment, now, result, no_overwrite=False)
        return _edited(entity, {}, attrs, now), result
    members: dict[str, Any] = _united_types(entity, fragment)
    for member in ("scope", "expiresAt"):
        if member not in fragment or (fragment[member] is None and member not in entity):
            continue
        if member == "scope" and "scope" not in entity:
            result.not_updated.append(("scope", "the entity has no scope that could be updated"))
        else:
            members[member] = fragment[member]
            result.updated.append(member)
    attrs = _written(entity, fragment, now, result, no_overwrite=False)
    return _edited(entity, members, attrs, now), result


def partial_update(
    entity: Entity, iri: str, instances: dict[str, Instance | None], now: str
) -> Entity:
    """Change members of an existing attribute instance (§5.6.4).

    Members given replace those stored, whole; None removes a member or, for an instance, the
    instance. Raises ResourceNotFound; BadRequestData where the members do not fit its kind.
    """
    stored = instances_of(entity, iri)
    after = dict(stored)
    for dataset, patch in instances.items():
        old = stored.get(dataset)
        if old is None:
            raise instance_missing(iri, dataset)
        if patch is None:
            del after[dataset]
        else:
            after[dataset] = _patched(old, patch, iri, entity["createdAt"], now)
    return with_instances(entity, iri, after, now)


def replace_attribute(
    entity: Entity, iri: str, instances: dict[str, Instance | None], now: str
) -> Entity:
    """Replace existing attribute instances; their kind may change (§5.6.19).

    Raises ResourceNotFound.
    """
    stored = instances_of(entity, iri)
    after = dict(stored)
    for dataset, instance in instances.items():
        old = stored.get(dataset)
        if old is None:
            raise instance_missing(iri, dataset)
        if instance is not None:
            after[dataset] = stamped(instance, entity["createdAt"], now, old)
    return with_instances(entity, iri, after, now)


def delete_attribute(
    entity: Entity, iri: str, *, dataset: str = DEFAULT, delete_all: bool = False, now: str
) -> Entity:
    """Delete one instance of an attribute, or all (§5.6.5). Raises ResourceNotFound."""
    stored = instances_of(entity, iri)
    if not delete_all and dataset not in stored:
        raise instance_missing(iri, dataset)
    after = {} if delete_all else {key: item for key, item in stored.items() if key != dataset}
    return with_instances(entity, iri, after, now)


def delete_scope(entity: Entity, now: str) -> Entity:
    """Take the scope off an entity (§5.6.5). Raises ResourceNotFound."""
    if "scope" not in entity:
        raise ResourceNotFound(
            "The entity has no scope.",
            place="path:attrId",
            remedy="Read the entity to see what it has.",
        )
    return _edited(entity, {"scope": None}, None, now)


_KEPT = "it exists, and noOverwrite keeps what exists"


def _united_types(entity: Entity, fragment: Entity) -> dict[str, Any]:
    types = entity["type"]
    added = [iri for iri in fragment.get("type", ()) if iri not in types]
    return {"type": [*types, *added]} if added else {}


def _edited(entity: Entity, members: dict[str, Any], attrs: Attributes | None, now: str) -> Entity:
    """Return the entity with members set (removed where None) and attributes exchanged."""
    if not members and attrs is None:
        return entity
    result = {**entity, **members, "modifiedAt": now}
    if attrs is not None:
        check_size(attrs, entity["attrs"])
        result["attrs"] = attrs
    if None in members.values():
        return {member: value for member, value in result.items() if value is not None}
    return result


def _written(
    entity: Entity, fragment: Entity, now: str, result: UpdateResult, *, no_overwrite: bool
) -> Attributes | None:
    """Return the attributes with the fragment's written in, None where none is to be written."""
    attrs: Attributes = entity["attrs"]
    changes: dict[str, dict[str, Instance] | None] = {}
    for iri, instances in fragment["attrs"].items():
        stored = attrs.get(iri, {})
        after = dict(stored)
        kept = False
        for dataset, instance in instances.items():
            if instance is None:
                after.pop(dataset, None)
            elif no_overwrite and dataset in stored:
                kept = True
            else:
                old = stored.get(dataset)
                after[dataset] = stamped(instance, entity["createdAt"], now, old)
        if kept:
            result.not_updated.append((iri, _KEPT))
        if not kept or len(after) > len(stored):
            result.updated.append(iri)
        changes[iri] = after or None
    for iri in result.updated:
        if iri in changes:
            return edited(attrs, changes)
    return None


def _patched(old: Instance, patch: Instance, iri: str, owner_created: str, now: str) -> Instance:
    kind = old["type"]
    primary = PRIMARY[kind]
    given = next((member for member in patch if member in PRIMARIES), primary)
    if patch.get("type", kind) != kind or given != primary:
        named = patch.get("type", f"an attribute with {given}")
        raise bad(
            "body:/type" if "type" in patch else f"body:/{given}",
            f"{iri} is a {kind}; the request takes it for {named}.",
            f"Send {primary}, or replace the attribute whole with PUT to change its kind.",
        )
    result = {**old, **patch, "type": kind}
    if kind == "GeoProperty" and "value" in patch:
        result["value"] = parse_geometry(patch["value"], "body:/value")
    result = {member: value for member, value in result.items() if value is not None}
    check_members(kind, result, "body:")
    created = old.get("createdAt", owner_created)
    set_times(result, owner_created, created, now)
    if "attrs" in patch:
        before = old.get("attrs", {})
        subs = {name: dict(instances) for name, instances in before.items()}
        for name, instances in patch["attrs"].items():
            after = subs.setdefault(name, {})
            for dataset, instance in instances.items():
                if instance is None:
                    after.pop(dataset, None)
                else:
                    after[dataset] = stamped(instance, created, now, after.get(dataset))
        result["attrs"] = {name: instances for name, instances in subs.items() if instances}
        check_size(result["attrs"], before)
        if not result["attrs"]:
            del result["attrs"]
    return result
