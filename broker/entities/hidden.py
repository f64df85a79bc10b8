"""Edits by callers who do not see everything: what they cannot see stays as it is (pure).

A caller edits the entity as the guard shows it. What the edit left alone is taken from the
stored entity again, so that a coarsened value is not written back in place of the exact one,
and what was hidden is put back. An edit that brings a name that is hidden takes its place: the
guard's `may_write` sees that and decides.
"""

from __future__ import annotations

from broker.model.entity import Attributes, Entity, Instance


def restored(stored: Entity, seen: Entity, edited: Entity) -> Entity:
    """Return `edited`, an edit of `seen`, as the successor of `stored`."""
    result = {
        member: stored[member] if member in stored and value == seen.get(member) else value
        for member, value in edited.items()
        if member != "attrs"
    }
    for member, value in stored.items():
        if member not in seen:
            result.setdefault(member, value)
    for member in ("type", "scope"):
        if member in stored and result.get(member) is not stored[member]:
            hidden = [item for item in stored[member] if item not in seen.get(member, ())]
            if hidden:
                result[member] = list(dict.fromkeys([*result.get(member, ()), *hidden]))
    result["attrs"] = _attributes(stored["attrs"], seen["attrs"], edited["attrs"])
    return result


def _attributes(stored: Attributes, seen: Attributes, edited: Attributes) -> Attributes:
    result: dict[str, dict[str, Instance]] = {}
    for iri, instances in edited.items():
        old, shown = stored.get(iri, {}), seen.get(iri, {})
        result[iri] = {
            dataset: _instance(old.get(dataset), shown.get(dataset), instance)
            for dataset, instance in instances.items()
        }
    for iri, instances in stored.items():
        shown = seen.get(iri, {})
        hidden = {dataset: one for dataset, one in instances.items() if dataset not in shown}
        if hidden:
            result[iri] = {**hidden, **result.get(iri, {})}
    return result


def _instance(stored: Instance | None, seen: Instance | None, edited: Instance) -> Instance:
    if stored is None or seen is None or stored is seen:
        return edited
    if edited == seen:
        return stored
    attrs = _attributes(stored.get("attrs", {}), seen.get("attrs", {}), edited.get("attrs", {}))
    result = {member: value for member, value in edited.items() if member != "attrs"}
    if attrs:
        result["attrs"] = attrs
    return result
