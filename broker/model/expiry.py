"""Transient entities and attributes: when they expire, and what is left then (§4.22). Pure."""

from __future__ import annotations

from typing import Any

from broker.model.entity import Attributes, Entity, Instance
from broker.model.times import sortable


def first_expiry(entity: Entity) -> str | None:
    """Return the earliest time at which a part of the entity expires, None where none does.

    The time has the form of `broker.clock.Clock`, so that times compare as text.
    """
    return min(_times(entity), default=None)


def _times(part: dict[str, Any]) -> list[str]:
    times = [sortable(part["expiresAt"])] if "expiresAt" in part else []
    for instances in part.get("attrs", {}).values():
        for instance in instances.values():
            if "expiresAt" in instance or "attrs" in instance:
                times += _times(instance)
    return times


def without_expired(entity: Entity, now: str) -> Entity | None:
    """Return the entity without what has expired by `now`: None where it has itself.

    The same object where nothing has. `now` has the form of a `Clock`.
    """
    if _is_over(entity, now):
        return None
    attrs = _left(entity["attrs"], now)
    if attrs is entity["attrs"]:
        return entity
    return {**entity, "modifiedAt": now, "attrs": attrs}


def _left(attrs: Attributes, now: str) -> Attributes:
    result: dict[str, dict[str, Instance]] = {}
    changed = False
    for iri, instances in attrs.items():
        left = {
            dataset: _instance(instance, now)
            for dataset, instance in instances.items()
            if not _is_over(instance, now)
        }
        if len(left) == len(instances) and all(left[key] is instances[key] for key in left):
            result[iri] = instances
            continue
        changed = True
        if left:
            result[iri] = left
    return result if changed else attrs


def _instance(instance: Instance, now: str) -> Instance:
    if "attrs" not in instance:
        return instance
    attrs = _left(instance["attrs"], now)
    if attrs is instance["attrs"]:
        return instance
    result = {**instance, "modifiedAt": now, "attrs": attrs}
    if not attrs:
        del result["attrs"]
    return result


def _is_over(part: dict[str, Any], now: str) -> bool:
    return "expiresAt" in part and sortable(part["expiresAt"]) <= now
