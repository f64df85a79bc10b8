"""Entities out of history: for a guard, which knows entities only (pure)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from broker.model.entity import PRIMARY, Entity, Instance
from broker.model.primary import is_null
from broker.model.times import timestamp
from broker.store.history import SCOPE, Fact, Head, Moment, Series
from broker.temporal.body import Told
from broker.temporal.evolution import Evolution
from broker.temporal.telling import null_instance


def entity_of(head: Head, latest: Sequence[Series]) -> Entity:
    """Return an entity with the last instance of each of its series; a deletion is one too."""
    entity: Entity = {
        "id": head.id,
        "type": list(head.types),
        "createdAt": timestamp(head.created),
        "modifiedAt": timestamp(head.modified),
        "attrs": {},
    }
    for series in latest:
        if not series.moments:
            continue
        moment = series.moments[-1]
        if series.attribute == SCOPE:
            entity["scope"] = moment.instance["value"]
        else:
            instances = entity["attrs"].setdefault(series.attribute, {})
            instances[series.dataset] = _instance(moment)
    return entity


def altered(before: Entity | None, entity_id: str, told: Told) -> Entity:
    """Return an entity with what is told of it, for who judges whether that may be written."""
    if before is None:
        before = {"id": entity_id, "type": [], "attrs": {}}
    attrs = {iri: dict(instances) for iri, instances in before["attrs"].items()}
    after = {**before, "type": list(dict.fromkeys([*before["type"], *told.types]))}
    for fact in told.facts:
        if fact.attribute == SCOPE:
            after["scope"] = fact.instance["value"]
        else:
            attrs.setdefault(fact.attribute, {})[fact.dataset] = fact.instance
    return {**after, "attrs": attrs}


def endings(entity: Entity, attribute: str, dataset: str | None) -> tuple[Fact, ...]:
    """Return the deletions of an attribute's instances that are not deleted yet.

    Of all datasets where `dataset` is None.
    """
    if attribute == SCOPE:
        gone = {"type": "Property", "value": []}
        return (Fact(SCOPE, gone, deleted=True),) if entity.get("scope") else ()
    instances = entity["attrs"].get(attribute, {})
    return tuple(
        Fact(attribute, null_instance(one["type"]), each, deleted=True)
        for each, one in instances.items()
        if dataset in (None, each) and not is_null(one["type"], one[PRIMARY[one["type"]]])
    )


def shown_of(
    evolution: Evolution, state: Entity, view: Callable[[Entity], Entity | None]
) -> Evolution | None:
    """Return a history as `view` shows entities, None where the entity is hidden.

    Each instance is looked at as part of the entity it was last in, and comes out as it is shown
    there; what is hidden of the entity as it was last is hidden of its past.
    """
    seen = view(state)
    if seen is None:
        return None
    edges = [each for each in evolution.edges if each[1] in seen["attrs"].get(each[0], {})]
    shown = Evolution(evolution.head, edges=edges)
    for iri, told in evolution.attributes.items():
        kept = []
        for dataset, moment in told:
            if dataset not in seen["attrs"].get(iri, {}):
                continue
            then = {**state, "attrs": {**state["attrs"], iri: {dataset: _instance(moment)}}}
            looked_at = view(then)
            instance = None if looked_at is None else looked_at["attrs"].get(iri, {}).get(dataset)
            if instance is not None:
                kept.append((dataset, _as_seen(moment, instance)))
        if iri in seen["attrs"]:
            shown.attributes[iri] = kept
    if "scope" in seen:
        shown.scopes = _scopes(evolution.scopes, state, view)
    return shown


def _scopes(
    moments: Sequence[Moment], state: Entity, view: Callable[[Entity], Entity | None]
) -> list[Moment]:
    kept = []
    for moment in moments:
        seen = view({**state, "scope": moment.instance["value"]})
        if seen is not None and "scope" in seen:
            kept.append(_as_seen(moment, {**moment.instance, "value": seen["scope"]}))
    return kept


def _instance(moment: Moment) -> Instance:
    return {
        **moment.instance,
        "createdAt": timestamp(moment.created),
        "modifiedAt": timestamp(moment.modified),
    }


def _as_seen(moment: Moment, seen: Instance) -> Moment:
    """Return a moment with what is seen of its instance."""
    instance = {m: value for m, value in seen.items() if m not in ("createdAt", "modifiedAt")}
    return Moment(
        moment.instance_id,
        moment.observed,
        moment.created,
        moment.modified,
        moment.deleted,
        moment.number if instance == moment.instance else None,
        instance,
        moment.resampled,
    )
