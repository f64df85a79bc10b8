"""What a change of the feed tells history (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.model.change import Delta
from broker.model.entity import DEFAULT, NULL, PRIMARY, Instance
from broker.model.times import microseconds
from broker.store.contract import Change, Kind
from broker.store.history import SCOPE, Entry, Fact

_LISTS = ("ListProperty", "ListRelationship")
_NONE: Delta = {}


def entry_of(change: Change, types: Sequence[str]) -> Entry:
    """Return what a change tells of its entity, which has these types.

    What was removed is told as a deletion: of an attribute by the null of its kind (§4.5.0), of
    the scope by no scopes.
    """
    delta, before, kind = change.delta, change.before or {}, change.kind
    facts = _deleted(before) if delta is None else _changed(delta, before)
    return Entry(
        change.entity_id,
        tuple(types),
        microseconds(change.at),
        tuple(facts),
        kind is Kind.CREATE,
        kind is Kind.DELETE,
    )


def null_instance(kind: str) -> Instance:
    """Return the instance that says that an attribute of this kind was deleted (§4.5.0)."""
    value: Any = NULL
    if kind == "LanguageProperty":
        value = {DEFAULT: NULL}
    elif kind in _LISTS:
        value = [NULL]
    return {"type": kind, PRIMARY[kind]: value}


def _changed(delta: Delta, before: Delta) -> list[Fact]:
    facts = [_scope(delta["scope"])] if "scope" in delta else []
    for iri, instances in delta.get("attrs", _NONE).items():
        for dataset, instance in instances.items():
            if instance is not None:
                facts.append(Fact(iri, instance, dataset))
            else:
                facts.append(_removed(iri, before["attrs"][iri][dataset], dataset))
    return facts


def _deleted(before: Delta) -> list[Fact]:
    facts = [_scope(None)] if before.get("scope") else []
    for iri, instances in before["attrs"].items():
        facts += [_removed(iri, instance, dataset) for dataset, instance in instances.items()]
    return facts


def _removed(iri: str, instance: Instance, dataset: str) -> Fact:
    return Fact(iri, null_instance(instance["type"]), dataset, deleted=True)


def _scope(scopes: list[str] | None) -> Fact:
    return Fact(SCOPE, {"type": "Property", "value": scopes or []}, deleted=not scopes)
