"""What a notification shows of a change (§5.8.6): the entity after it, and what went away (pure).

Everything here works on expanded entities. Deleted attributes appear as NGSI-LD Null; with
`show_changes` what changed carries its previous value beside the new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from broker.model.change import changed_attributes
from broker.model.entity import NULL, PRIMARY, Attributes, Entity, Instance, instance_times
from broker.store.contract import Committed


@dataclass(frozen=True, slots=True)
class Shape:
    """How a subscription wants its notifications.

    `pick` and `omit` have attribute IRIs and the members `id`, `type`, `scope`; `attributes`
    only attribute IRIs. `datasets` are the instances to keep. `deletions` are the attributes
    whose deletion is told when their entity goes: None for all of them.
    """

    kind: Literal["normalized", "concise", "simplified"] = "normalized"
    sys_attrs: bool = False
    show_changes: bool = False
    attributes: frozenset[str] | None = None
    pick: frozenset[str] | None = None
    omit: frozenset[str] = frozenset()
    datasets: frozenset[str] | None = None
    deletions: frozenset[str] | None = frozenset()
    lang: str | None = None


def shown(committed: Committed, shape: Shape) -> Entity:
    """Return the expanded entity a notification of the change has."""
    if committed.after is None:
        assert committed.before is not None
        return _gone(committed.before, committed.change.at, shape)
    entity = committed.after
    attrs: Attributes = entity["attrs"]
    before = committed.before
    if before is not None:
        attrs = _with_changes(attrs, before, entity, committed, shape)
    return {**entity, "attrs": kept(attrs, shape)}


def kept(attrs: Attributes, shape: Shape) -> Attributes:
    """Return the attributes and instances the projections leave."""
    if shape.attributes is not None:
        attrs = {iri: one for iri, one in attrs.items() if iri in shape.attributes}
    if shape.pick is not None:
        attrs = {iri: one for iri, one in attrs.items() if iri in shape.pick}
    if shape.omit:
        attrs = {iri: one for iri, one in attrs.items() if iri not in shape.omit}
    if shape.datasets is not None:
        attrs = {iri: _of_datasets(one, shape.datasets) for iri, one in attrs.items()}
        attrs = {iri: one for iri, one in attrs.items() if one}
    return attrs


def _of_datasets(instances: dict[str, Instance], datasets: frozenset[str]) -> dict[str, Instance]:
    return {dataset: one for dataset, one in instances.items() if dataset in datasets}


def _with_changes(
    attrs: Attributes, before: Entity, after: Entity, committed: Committed, shape: Shape
) -> Attributes:
    """Return the attributes with what this change deleted, and previous values if wanted."""
    changed: dict[str, dict[str, Instance]] = {}
    for iri in changed_attributes(committed.change):
        old: dict[str, Instance] = before["attrs"].get(iri, {})
        new: dict[str, Instance] = attrs.get(iri, {})
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
    nulls = {
        iri: {dataset: _null(one, entity, at, shape) for dataset, one in instances.items()}
        for iri, instances in kept(attrs, shape).items()
    }
    gone: Entity = {"id": entity["id"], "type": entity["type"], "attrs": nulls, "deletedAt": at}
    for member in ("createdAt", "modifiedAt"):
        if member in entity:
            gone[member] = entity[member]
    return gone


def _null(was: Instance, owner: Entity, at: str, shape: Shape) -> Instance:
    """Return an instance that is no more."""
    kind = was["type"]
    value: Any = {"@none": NULL} if kind == "LanguageProperty" else NULL
    null: Instance = {"type": kind, PRIMARY[kind]: value}
    if shape.show_changes:
        null |= _previous(was)
    if shape.sys_attrs:
        created, modified = instance_times(was, owner.get("createdAt", ""))
        null |= {"createdAt": created, "modifiedAt": modified, "deletedAt": at}
    return null


def _previous(was: Instance) -> dict[str, Any]:
    primary = PRIMARY[was["type"]]
    return {"previous" + primary[0].upper() + primary[1:]: was[primary]}


def in_language(attrs: Attributes, lang: str) -> Attributes:
    """Return the attributes with LanguageProperties as Properties in one language (§4.15)."""
    return {
        iri: (
            {dataset: _in_language(one, lang) for dataset, one in instances.items()}
            if any("languageMap" in one for one in instances.values())
            else instances
        )
        for iri, instances in attrs.items()
    }


def _in_language(instance: Instance, lang: str) -> Instance:
    words = instance.get("languageMap")
    if not words or words == {"@none": NULL}:
        return instance
    found = choose(lang, words)
    changed = {k: v for k, v in instance.items() if k != "languageMap"}
    return {**changed, "type": "Property", "value": words[found], "lang": found}


def choose(wanted: str, offered: Iterable[str]) -> str:
    """Return the language of a map that fits best: what is wanted, `@none`, English, the first.

    `wanted` is a list as in Accept-Language: the heaviest first, `*` for any.
    """
    names = list(offered)
    lower = {name.lower(): name for name in names}
    for tag in _wanted(wanted):
        if tag == "*":
            break
        for candidate in (tag, tag.partition("-")[0]):
            if candidate in lower:
                return lower[candidate]
        longer = next((name for key, name in lower.items() if key.startswith(f"{tag}-")), None)
        if longer is not None:
            return longer
    return next((lower[name] for name in ("@none", "en") if name in lower), names[0])


def _wanted(text: str) -> list[str]:
    weighted = []
    for part in text.split(","):
        tag, _, rest = part.strip().partition(";")
        weight = rest.strip().removeprefix("q=")
        try:
            weighted.append((float(weight) if weight else 1.0, tag.strip().lower()))
        except ValueError:
            weighted.append((0.0, tag.strip().lower()))
    return [tag for _, tag in sorted(weighted, key=lambda one: -one[0]) if tag]
