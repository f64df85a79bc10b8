"""What changed between two states of an entity, and the way there and back (pure).

A delta has the members of the entity that changed, as they are on one side; None for a member
that is absent on that side. Attributes are compared by instance:

    {"modifiedAt": time, "type": [iri, …], "scope": None,
     "attrs": {attribute iri: {dataset: instance or None}}}

Numbers are compared as JSON writes them: 1, 1.0 and true are three different values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar

import orjson

from broker.model.attributes import FEW, candidates, edited, whole
from broker.model.entity import Attributes, Entity, Instance

Delta: TypeAlias = dict[str, Any]
AttributeDelta: TypeAlias = dict[str, Mapping[str, Instance | None]]


class Changed(Protocol):
    """The part of a change row that is needed to walk through it."""

    @property
    def kind(self) -> str: ...
    @property
    def delta(self) -> Delta | None: ...
    @property
    def before(self) -> Delta | None: ...


C = TypeVar("C", bound=Changed)


def diff(before: Entity, after: Entity) -> tuple[Delta, Delta]:
    """Return (delta, prior): the changed members as in `after`, and as in `before`.

    Parts that are the same object on both sides cost nothing.
    """
    delta: Delta = {}
    prior: Delta = {}
    for member, new in after.items():
        old = before.get(member)
        if new is not old and member != "attrs" and not _same(old, new):
            delta[member] = new
            prior[member] = old
    if not before.keys() <= after.keys():
        for member, old in before.items():
            if member not in after:
                delta[member] = None
                prior[member] = old
    changed, was = _diff_attributes(before["attrs"], after["attrs"])
    if changed:
        delta["attrs"] = changed
        prior["attrs"] = was
    return delta, prior


def apply(entity: Entity, delta: Delta) -> Entity:
    """Return `entity` with the members of `delta` put in; the argument stays as it is."""
    changed = dict(entity)
    for member, value in delta.items():
        if member == "attrs":
            changed["attrs"] = _applied_attributes(entity["attrs"], value)
        elif value is None:
            changed.pop(member, None)
        else:
            changed[member] = value
    return changed


def revert(entity: Entity, prior: Delta) -> Entity:
    """Return `entity` as it was before the change that left `prior`."""
    return apply(entity, prior)


def emptied(entity: Entity, at: str) -> Entity:
    """Return what stays of an entity that was deleted `at` and is forgotten: id and types."""
    system = {"createdAt": at, "modifiedAt": at}
    return {"id": entity["id"], "type": list(entity["type"]), **system, "attrs": {}}


def changed_attributes(change: Changed) -> list[str]:
    """Return the IRIs of the attributes a change created, changed or removed, in no order."""
    parts = change.delta if change.delta is not None else change.before
    return list((parts or {}).get("attrs", ()))


def reconstruct(
    current: Entity | None, changes: Iterable[C]
) -> Iterator[tuple[C, Entity | None, Entity | None]]:
    """Walk an entity back in time: yield (change, before, after) for each change.

    `changes` are all changes of the one entity after some moment, newest first; `current` is
    the entity after the first of them, None where it is deleted.
    """
    after = current
    for change in changes:
        if change.kind == "delete":
            after, before = None, change.before
        elif change.kind == "create":
            before = None
        else:
            if after is None or change.before is None:
                raise ValueError("the changes do not lead to the current entity")
            before = revert(after, change.before)
        yield change, before, after
        after = before


def _diff_attributes(
    before: Attributes, after: Attributes
) -> tuple[AttributeDelta, AttributeDelta]:
    delta: AttributeDelta = {}
    prior: AttributeDelta = {}
    names = candidates(before, after)
    if len(names) > FEW:
        before, after = whole(before), whole(after)
    for iri in names:
        old, new = before.get(iri), after.get(iri)
        if new is old:
            continue
        if new is None:
            assert old is not None
            delta[iri] = dict.fromkeys(old)
            prior[iri] = {**old}
            continue
        if old is None:
            old = {}
        if len(new) == 1 and new.keys() == old.keys():
            (dataset,) = new
            if not _same(new[dataset], old[dataset]):
                delta[iri], prior[iri] = new, old
            continue
        datasets = [d for d in old if d not in new]
        datasets += [d for d, instance in new.items() if not _same(instance, old.get(d))]
        if datasets:
            delta[iri] = {dataset: new.get(dataset) for dataset in datasets}
            prior[iri] = {dataset: old.get(dataset) for dataset in datasets}
    return delta, prior


def _applied_attributes(attributes: Attributes, delta: AttributeDelta) -> Attributes:
    changes: dict[str, dict[str, Instance] | None] = {}
    for iri, instances in delta.items():
        merged: dict[str, Instance | None] = {**attributes.get(iri, {}), **instances}
        kept = {dataset: instance for dataset, instance in merged.items() if instance is not None}
        changes[iri] = kept or None
    return edited(attributes, changes)


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if one != other:
        return False
    if one.__class__ is str:
        return True
    sort = orjson.OPT_SORT_KEYS
    return orjson.dumps(one, option=sort) == orjson.dumps(other, option=sort)
