"""What a notification shows of a change (§5.8.6): the entity after it, and what went away (pure).

Everything here works on expanded entities. Deleted attributes appear as NGSI-LD Null; with
`show_changes` what changed carries its previous value beside the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from broker.model.change import changed_attributes
from broker.model.entity import DEFAULT, NULL, PRIMARY, Attributes, Entity, Instance, instance_times
from broker.model.older import CURRENT, Version, previous
from broker.model.render import Form
from broker.store.contract import Committed

PLAIN: Final = Form()


@dataclass(frozen=True, slots=True)
class Join:
    """How linked entities are told (§4.5.23): within (inline) or beside (flat) what links them."""

    inline: bool
    level: int


@dataclass(frozen=True, slots=True)
class Shape:
    """How a subscription wants its notifications.

    `deletions` are the attributes whose deletion is told when their entity goes: None for all.
    `version` of the specification is what the receiver knows (§4.3.6.8).
    """

    form: Form = PLAIN
    show_changes: bool = False
    deletions: frozenset[str] | None = frozenset()
    join: Join | None = None
    version: Version = CURRENT


def shown(committed: Committed, shape: Shape) -> Entity:
    """Return the expanded entity a notification of the change has, nothing left out yet."""
    before, after = committed.before, committed.after
    if after is None:
        assert before is not None
        return _gone(before, committed.change.at, shape)
    if before is None:
        return after
    attrs = _with_changes(after["attrs"], before, committed, shape)
    return after if attrs is after["attrs"] else {**after, "attrs": attrs}


def _with_changes(
    attrs: Attributes, before: Entity, committed: Committed, shape: Shape
) -> Attributes:
    """Return the attributes with what this change deleted, and previous values if wanted."""
    changed: dict[str, dict[str, Instance]] = {}
    for iri in changed_attributes(committed.change):
        old: dict[str, Instance] = before["attrs"].get(iri, {})
        new: dict[str, Instance] = attrs.get(iri, {})
        if not new:
            changed[iri] = _nulls(old, before, committed.change.at, shape)
            continue
        instances = dict(new)
        for dataset, was in old.items():
            if dataset not in new:
                instances[dataset] = _null(was, before, committed.change.at, shape)
            elif shape.show_changes and new[dataset] != was:
                instances[dataset] = {**new[dataset], **_previous(was)}
        if len(instances) != len(new) or shape.show_changes:
            changed[iri] = instances
    return {**attrs, **changed} if changed else attrs


def _gone(entity: Entity, at: str, shape: Shape) -> Entity:
    """Return the little that is told of a deleted entity."""
    attrs: Attributes = entity["attrs"]
    if not shape.show_changes and shape.deletions is not None:
        attrs = {iri: one for iri, one in attrs.items() if iri in shape.deletions}
    nulls = {iri: _nulls(instances, entity, at, shape) for iri, instances in attrs.items()}
    gone: Entity = {"id": entity["id"], "type": entity["type"], "attrs": nulls, "deletedAt": at}
    for member in ("createdAt", "modifiedAt"):
        if member in entity:
            gone[member] = entity[member]
    return gone


def _nulls(
    instances: dict[str, Instance], owner: Entity, at: str, shape: Shape
) -> dict[str, Instance]:
    """Return an attribute that is no more: one null, or each with its previous value."""
    if len(instances) > 1 and not shape.show_changes:
        first = instances.get(DEFAULT) or next(iter(instances.values()))
        return {DEFAULT: _null(first, owner, at, shape)}
    return {dataset: _null(one, owner, at, shape) for dataset, one in instances.items()}


def _null(was: Instance, owner: Entity, at: str, shape: Shape) -> Instance:
    """Return an instance that is no more."""
    kind = was["type"]
    value: Any = {"@none": NULL} if kind == "LanguageProperty" else NULL
    null: Instance = {"type": kind, PRIMARY[kind]: value}
    if shape.show_changes:
        null |= _previous(was)
    if shape.form.sys_attrs:
        created, modified = instance_times(was, owner.get("createdAt", ""))
        null |= {"createdAt": created, "modifiedAt": modified, "deletedAt": at}
    return null


def _previous(was: Instance) -> dict[str, Any]:
    kind = was["type"]
    return {previous(kind): was[PRIMARY[kind]]}
