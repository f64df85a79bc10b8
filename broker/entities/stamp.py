"""System times of instances, kept as small as `broker.model.entity` says."""

from __future__ import annotations

from typing import Any

from broker.model.attributes import whole
from broker.model.entity import Attributes, Instance


def stamped(instance: Instance, owner_created: str, now: str, old: Instance | None) -> Instance:
    """Return an instance as stored: new, or in the place of `old`, whose createdAt it keeps.

    Members and sub-attributes that are None (nulls with nothing to remove) are dropped.
    """
    created = now if old is None else old.get("createdAt", owner_created)
    if None in instance.values() or "attrs" in instance:
        result: Instance = {
            member: value
            for member, value in instance.items()
            if value is not None and member != "attrs"
        }
    else:
        result = {**instance}
    if created != owner_created:
        result["createdAt"] = created
    if now != created:
        result["modifiedAt"] = now
    else:
        result.pop("modifiedAt", None)
    if "attrs" in instance:
        before = {} if old is None else old.get("attrs", {})
        subs = stamped_attributes(instance["attrs"], created, now, before)
        if subs:
            result["attrs"] = subs
    return result


def stamped_attributes(
    attrs: dict[str, dict[str, Any]], owner_created: str, now: str, before: Attributes
) -> Attributes:
    """Return attributes that take the place of `before`, None instances left out."""
    result: dict[str, dict[str, Instance]] = {}
    before = whole(before)
    for iri, instances in attrs.items():
        old = before.get(iri, {})
        if len(instances) == 1:
            ((dataset, instance),) = instances.items()
            if instance is not None:
                new = stamped(instance, owner_created, now, old.get(dataset))
                result[iri] = {dataset: new}
            continue
        kept = {
            dataset: stamped(instance, owner_created, now, old.get(dataset))
            for dataset, instance in instances.items()
            if instance is not None
        }
        if kept:
            result[iri] = kept
    return result


def set_times(instance: Instance, owner_created: str, created: str, modified: str) -> None:
    """Write the system times into an instance that is still being built."""
    if created != owner_created:
        instance["createdAt"] = created
    if modified != created:
        instance["modifiedAt"] = modified
    else:
        instance.pop("modifiedAt", None)
