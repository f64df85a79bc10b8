"""The expanded entity → normalized, concise, simplified or GeoJSON (§4.5.2 to §4.5.4, §4.5.16).

The results share parts with the entity: read or serialise them, and change nothing in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from broker.model.entity import DEFAULT, NULL, PRIMARY, Entity, Instance, instance_times
from broker.model.geometry import is_geometry
from broker.model.kinds import PRIMARIES
from broker.model.names import Names
from broker.model.reduce import ALL, Projection, reduced

Kind: TypeAlias = Literal["normalized", "concise", "simplified"]


@dataclass(frozen=True, slots=True)
class Form:
    """How an entity is shown.

    `attrs` are the attribute IRIs to keep and `datasets` the instances, all when None;
    `languages` what a LanguageProperty is shown in, as it is when empty.
    """

    kind: Kind = "normalized"
    sys_attrs: bool = False
    attrs: frozenset[str] | None = None
    projection: Projection = ALL
    datasets: frozenset[str] | None = None
    languages: tuple[str, ...] = ()

    def reduces(self) -> bool:
        """Tell whether anything of an entity may be left out or translated."""
        return (
            self.attrs is not None
            or self.projection is not ALL
            or self.datasets is not None
            or bool(self.languages)
        )


def render(entity: Entity, context: Names, form: Form) -> dict[str, Any]:
    """Return the entity in `form`, its names compacted; `@context` is the caller's to add."""
    compact = context.compact
    if form.reduces():
        entity = reduced(entity, form.attrs, form.projection, form.datasets, form.languages)
    types = entity["type"]
    shown: dict[str, Any] = {
        "id": entity["id"],
        "type": compact(types[0]) if len(types) == 1 else [compact(iri) for iri in types],
    }
    if "scope" in entity:
        scope = entity["scope"]
        shown["scope"] = scope[0] if len(scope) == 1 else scope
    if form.sys_attrs:
        for member in ("expiresAt", "createdAt", "modifiedAt"):
            if member in entity:
                shown[member] = entity[member]
    attrs = entity["attrs"]
    if form.kind == "normalized" and not form.sys_attrs:
        _normalize(attrs, shown, context)
    elif form.kind == "simplified":
        for iri, instances in attrs.items():
            shown[compact(iri)] = _simplify(instances, context)
    else:
        owner = entity.get("createdAt", "")
        show = _concise if form.kind == "concise" else normalized
        _show_all(attrs, shown, context, show, owner if form.sys_attrs else None)
    if form.projection is not ALL:
        for member in ("id", "type"):
            if not form.projection.shows(member):
                del shown[member]
    return shown


def feature(
    entity: Entity,
    context: Names,
    form: Form,
    geometry_property: str,
) -> dict[str, Any]:
    """Return the entity as a GeoJSON Feature (§5.2.29, §4.5.16).

    `geometry` is the value of the attribute `geometry_property` (an IRI), whether that is shown
    or not: of its only instance among those asked for, else of the default instance; None where
    there is none, it is no GeoProperty, or it was just deleted.
    """
    instances = entity["attrs"].get(geometry_property, {})
    if form.datasets is not None:
        instances = {key: each for key, each in instances.items() if key in form.datasets}
    only = next(iter(instances.values())) if len(instances) == 1 else None
    instance = instances.get(DEFAULT, only)
    geometry = None
    if instance is not None and instance["type"] == "GeoProperty" and instance["value"] != NULL:
        geometry = instance["value"]
    properties = render(entity, context, form)
    properties.pop("id", None)
    return {
        "id": entity["id"],
        "type": "Feature",
        "geometry": geometry,
        "properties": properties,
    }


Show = Callable[[Instance, str, Names, "str | None"], Any]


def _normalize(
    attrs: dict[str, dict[str, Instance]], shown: dict[str, Any], context: Names
) -> None:
    """Add normalized attributes to `shown`, instances as they are stored wherever they can be."""
    compact = context.compact
    unchanged = _CHANGED.isdisjoint
    for iri, instances in attrs.items():
        if len(instances) == 1 and DEFAULT in instances:
            instance = instances[DEFAULT]
            if not unchanged(instance):
                instance = (
                    _without_times(instance)
                    if _REWRITTEN.isdisjoint(instance)
                    else normalized(instance, DEFAULT, context, None)
                )
            shown[compact(iri)] = instance
        else:
            shown[compact(iri)] = _one_or_list(instances, context, normalized, None)


def _without_times(instance: Instance) -> Instance:
    shown = instance.copy()
    shown.pop("createdAt", None)
    shown.pop("modifiedAt", None)
    shown.pop("expiresAt", None)
    return shown


def _show_all(
    attrs: dict[str, dict[str, Instance]],
    shown: dict[str, Any],
    context: Names,
    show: Show,
    owner_created: str | None,
) -> None:
    compact = context.compact
    for iri, instances in attrs.items():
        shown[compact(iri)] = _one_or_list(instances, context, show, owner_created)


def _one_or_list(
    instances: dict[str, Instance], context: Names, show: Show, owner_created: str | None
) -> Any:
    items = [
        show(instance, dataset, context, owner_created) for dataset, instance in instances.items()
    ]
    return items[0] if len(items) == 1 else items


def normalized(
    instance: Instance, dataset: str, context: Names, owner_created: str | None
) -> dict[str, Any]:
    """Return one attribute instance normalized (§4.5.2), its names compacted.

    System times are shown where `owner_created` is given, the createdAt of what it belongs to.
    """
    shown: dict[str, Any] = {}
    for member, value in instance.items():
        change = _CHANGES.get(member)
        if change is not None:
            shown[member] = change(value, context)
        elif member not in _NOT_COPIED:
            shown[member] = value
    _finish(shown, instance, dataset, context, normalized, owner_created)
    return shown


def _concise(instance: Instance, dataset: str, context: Names, owner_created: str | None) -> Any:
    kind = instance["type"]
    primary = PRIMARY[kind]
    value = instance[primary]
    if primary == "value" and dataset == DEFAULT and owner_created is None:
        bare = kind == "GeoProperty" or not _reads_as_attribute(value)
        if bare and instance.keys() <= _BARE:
            return value
    shown: dict[str, Any] = {}
    if kind == "Property" and is_geometry(value):
        shown["type"] = "Property"
    for member, item in instance.items():
        if member == "objectList":
            shown[member] = item
            continue
        change = _CHANGES.get(member)
        if change is not None:
            shown[member] = change(item, context)
        elif member not in _NOT_COPIED and member != "type":
            shown[member] = item
    _finish(shown, instance, dataset, context, _concise, owner_created)
    return shown


def _finish(
    shown: dict[str, Any],
    instance: Instance,
    dataset: str,
    context: Names,
    show: Show,
    owner_created: str | None,
) -> None:
    """Add datasetId, system members and sub-attributes."""
    if dataset != DEFAULT:
        shown["datasetId"] = dataset
    created = None
    if owner_created is not None:
        if "expiresAt" in instance:
            shown["expiresAt"] = instance["expiresAt"]
        created, modified = instance_times(instance, owner_created)
        shown["createdAt"] = created
        shown["modifiedAt"] = modified
    if "attrs" in instance:
        _show_all(instance["attrs"], shown, context, show, created)


def _reads_as_attribute(value: Any) -> bool:
    """Tell whether a bare value would be taken for an attribute when read back (§4.5.2.3)."""
    if type(value) is dict:
        return not _FORM.isdisjoint(value)
    if type(value) is list:
        return any(type(item) is dict and not _FORM.isdisjoint(item) for item in value)
    return False


def _simplify(instances: dict[str, Instance], context: Names) -> Any:
    if len(instances) == 1:
        (instance,) = instances.values()
        return _simple(instance, context)
    return {
        "dataset": {dataset: _simple(instance, context) for dataset, instance in instances.items()}
    }


def _simple(instance: Instance, context: Names) -> Any:
    primary = PRIMARY[instance["type"]]
    value = instance[primary]
    if primary == "vocab":
        return {"vocab": _compacted(value, context)}
    if primary == "languageMap" or primary == "json":
        return {primary: value}
    return value


def _compacted(value: Any, context: Names) -> Any:
    if type(value) is list:
        return [context.compact(iri) for iri in value]
    return value if value == NULL else context.compact(value)


def _object_type(value: list[str], context: Names) -> Any:
    return context.compact(value[0]) if len(value) == 1 else _compacted(value, context)


def _object_list(value: list[str] | str, context: Names) -> Any:
    return value if value in (NULL, [NULL]) else [{"object": uri} for uri in value]


_CHANGES: dict[str, Callable[[Any, Names], Any]] = {
    "vocab": _compacted,
    "valueType": _compacted,
    "entityTypeSealed": _compacted,
    "objectType": _object_type,
    "objectList": _object_list,
    "previousVocab": _compacted,
    "previousObjectList": _object_list,
}
_NOT_COPIED = frozenset(("attrs", "createdAt", "modifiedAt", "expiresAt"))
_CHANGED = _NOT_COPIED | _CHANGES.keys()
_REWRITTEN = _CHANGES.keys() | {"attrs"}
_BARE = frozenset(("type", "value", "createdAt", "modifiedAt", "expiresAt"))
_FORM = PRIMARIES | frozenset(("type", "@type", "datasetId"))
