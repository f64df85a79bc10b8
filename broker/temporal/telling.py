"""What a change of the feed tells history (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from broker.model.change import Delta
from broker.model.entity import DEFAULT, NULL, PRIMARY, Instance
from broker.model.times import microseconds
from broker.store.contract import Change, Kind
from broker.store.history import SCOPE, Entry, Fact

_LISTS = ("ListProperty", "ListRelationship")


def entry_of(change: Change, types: Sequence[str]) -> Entry:
    """Return what a change tells of its entity, which has these types.

    What was removed is told as a deletion: of an attribute by the null of its kind (§4.5.0), of
    the scope by no scopes.
    """
    delta, before = change.delta or {}, change.before or {}
    facts = _deleted(before) if change.delta is None else _changed(delta, before)
    return Entry(
        change.entity_id,
        tuple(types),
        microseconds(change.at),
        tuple(facts),
        born=change.kind is Kind.CREATE,
        gone=change.kind is Kind.DELETE,
    )


def null_instance(kind: str) -> Instance:
    """Return the instance that says that an attribute of this kind was deleted (§4.5.0)."""
    value: Any = NULL
    if kind == "LanguageProperty":
        value = {DEFAULT: NULL}
    elif kind in _LISTS:
        value = [NULL]
    return {"type": kind, PRIMARY[kind]: value}


def _changed(delta: Delta, before: Delta) -> Iterator[Fact]:
    if "scope" in delta:
        yield _scope(delta["scope"])
    for iri, instances in delta.get("attrs", {}).items():
        for dataset, instance in instances.items():
            if instance is not None:
                yield Fact(iri, instance, dataset)
            else:
                kind = before["attrs"][iri][dataset]["type"]
                yield Fact(iri, null_instance(kind), dataset, deleted=True)


def _deleted(before: Delta) -> Iterator[Fact]:
    if before.get("scope"):
        yield _scope(None)
    for iri, instances in before["attrs"].items():
        for dataset, instance in instances.items():
            yield Fact(iri, null_instance(instance["type"]), dataset, deleted=True)


def _scope(scopes: list[str] | None) -> Fact:
    return Fact(SCOPE, {"type": "Property", "value": scopes or []}, deleted=not scopes)
