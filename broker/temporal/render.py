"""The history of an entity as it is shown: normalized, simplified or aggregated (pure).

§4.5.6 to §4.5.9 and §4.5.19. Names are compacted; `@context` is the caller's to add.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from broker.model.entity import DEFAULT, NULL, PRIMARY, Instance
from broker.model.names import Names
from broker.model.reduce import ALL, Projection, in_language
from broker.model.render import normalized
from broker.model.times import timestamp
from broker.store.history import Head, Moment, TimeProperty, Window
from broker.temporal.duration import WHOLE, Duration
from broker.temporal.evolution import Evolution, Told, by_dataset, time_of, valid_scopes
from broker.temporal.kinds import PLURAL, WRAPPED


class Format(StrEnum):
    """How instances are shown."""

    NORMALIZED = "normalized"
    VALUES = "temporalValues"
    AGGREGATED = "aggregatedValues"


@dataclass(frozen=True, slots=True)
class Look:
    """How history is shown.

    `timeproperty` is the time beside each value, None for that which the instance has.
    `languages` is what a LanguageProperty is shown in, as it is when empty. `methods` and `period`
    are those of the aggregation; `named` tells whether attributes were asked for by name.
    """

    format: Format = Format.NORMALIZED
    sys_attrs: bool = False
    projection: Projection = ALL
    timeproperty: TimeProperty | None = None
    languages: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    period: Duration = WHOLE
    named: bool = False


def frame(head: Head, context: Names, look: Look) -> dict[str, Any]:
    """Return what is shown of an entity beside its attributes and scope."""
    compact = context.compact
    types = [compact(iri) for iri in head.types]
    shown: dict[str, Any] = {"id": head.id, "type": types[0] if len(types) == 1 else types}
    if look.sys_attrs:
        shown["createdAt"] = timestamp(head.created)
        shown["modifiedAt"] = timestamp(head.modified)
        if head.deleted is not None:
            shown["deletedAt"] = timestamp(head.deleted)
    for member in ("id", "type"):
        if not look.projection.shows(member):
            del shown[member]
    return shown


def render(evolution: Evolution, context: Names, look: Look, window: Window) -> dict[str, Any]:
    """Return an evolution of a time range normalized or with its temporal values."""
    shown = frame(evolution.head, context, look)
    show = _instances if look.format is Format.NORMALIZED else _values
    scopes = valid_scopes(evolution.scopes, look.timeproperty, window)
    if scopes and look.projection.shows("scope"):
        shown["scope"] = _scope(scopes, context, look)
    for iri, told in evolution.attributes.items():
        if look.projection.shows(iri):
            shown[context.compact(iri)] = show(told, context, look)
    return shown


def latest_scope(moments: Sequence[Moment]) -> Any:
    """Return the scope as an entity has it, None where it has none."""
    if not moments or moments[-1].deleted is not None:
        return None
    return _one_or_list(moments[-1].instance["value"])


def _scope(moments: Sequence[Moment], context: Names, look: Look) -> Any:
    """Return the scope: plain where one held all the time, else as a Property (§4.5.6)."""
    only = moments[0]
    if len(moments) == 1 and only.deleted is None and only.observed in (None, only.created):
        return _one_or_list(only.instance["value"])
    told = [
        (
            DEFAULT,
            Moment(
                one.instance_id,
                one.observed,
                one.created,
                one.modified,
                one.deleted,
                None,
                {
                    **one.instance,
                    "value": _one_or_list(one.instance["value"]),
                    **({} if one.deleted is not None else {"observedAt": _set_at(one)}),
                },
            ),
        )
        for one in moments
    ]
    show = _instances if look.format is Format.NORMALIZED else _values
    return show(told, context, look)


def _set_at(moment: Moment) -> str:
    """Return when a scope was set: by the core API, when it was written (§4.5.6)."""
    observed: str | None = moment.instance.get("observedAt")
    return timestamp(moment.modified) if observed is None else observed


def _one_or_list(scopes: Any) -> Any:
    if scopes == NULL:
        return []
    return scopes[0] if len(scopes) == 1 else scopes


def _instances(told: Sequence[Told], context: Names, look: Look) -> list[dict[str, Any]]:
    return [_instance(dataset, moment, context, look) for dataset, moment in told]


def _instance(dataset: str, moment: Moment, context: Names, look: Look) -> dict[str, Any]:
    instance = in_language(moment.instance, look.languages) if look.languages else moment.instance
    created = timestamp(moment.created) if look.sys_attrs else None
    shown = normalized(instance, dataset, context, created)
    shown["instanceId"] = moment.instance_id
    if look.sys_attrs:
        shown["modifiedAt"] = timestamp(moment.modified)
    asked = None if look.timeproperty is TimeProperty.OBSERVED else look.timeproperty
    if asked is not None:
        at = moment.at(asked)
        if at is not None:
            shown[asked.value] = timestamp(at)
    if moment.deleted is not None:
        shown["deletedAt"] = timestamp(moment.deleted)
    return shown


def _values(
    told: Sequence[Told], context: Names, look: Look
) -> dict[str, Any] | list[dict[str, Any]]:
    shown = []
    for dataset, moments in by_dataset(told):
        for kind, pairs in _pairs(moments, context, look).items():
            group: dict[str, Any] = {"type": kind}
            if dataset != DEFAULT:
                group["datasetId"] = dataset
            group[PLURAL[kind]] = pairs
            shown.append(group)
    if not shown:
        return {"type": "Property", "values": []}
    return shown[0] if len(shown) == 1 else shown


def _pairs(moments: Iterable[Moment], context: Names, look: Look) -> dict[str, list[Any]]:
    """Return [value, time] of each instance, by kind: an attribute may have changed its own."""
    pairs: dict[str, list[Any]] = {}
    for moment in moments:
        instance = moment.instance
        if look.languages:
            instance = in_language(instance, look.languages)
        kind = instance["type"]
        pairs.setdefault(kind, []).append(
            [_value(kind, instance, context), _time(moment, look.timeproperty)]
        )
    return pairs


def _time(moment: Moment, timeproperty: TimeProperty | None) -> str:
    """Return an instance's time as it came in, or as the system knows it."""
    observed: str | None = moment.instance.get("observedAt")
    if timeproperty in (None, TimeProperty.OBSERVED) and observed is not None:
        return observed
    if timeproperty is None and moment.deleted is not None:
        return timestamp(moment.deleted)
    at = time_of(moment, timeproperty)
    return timestamp(moment.time if at is None else at)


def _value(kind: str, instance: Instance, context: Names) -> Any:
    member = PRIMARY[kind]
    value = instance[member]
    if member not in WRAPPED:
        return value
    if member == "vocab" and value != NULL:
        some = type(value) is list
        value = [context.compact(iri) for iri in value] if some else context.compact(value)
    return {member: value}
