"""What holds for every operation on every entity."""

import copy
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broker.entities import semantics
from broker.entities.merge import merge_value
from broker.errors import MachiError
from broker.jsonld.core import CORE_CONTEXT
from broker.model.entity import DEFAULT, NULL, Entity, instance_times
from broker.model.parse import parse_entity
from broker.model.render import Form, render
from tests.support.strategies import datasets, entities, instances, iris, scalars, texts

Touched = set[tuple[str, str]]


def fragments() -> st.SearchStrategy[Entity]:
    """Fragments as an update or merge has them, some of their instances null."""
    return st.builds(
        lambda entity, nulls: {
            "type": entity["type"],
            "attrs": {
                **entity["attrs"],
                **{iri: {dataset: None} for iri, dataset in nulls},
            },
        },
        entities(stored=False),
        st.lists(st.tuples(iris(), datasets()), max_size=2),
    )


def operations() -> st.SearchStrategy[tuple[Any, ...]]:
    """Operations as tuples: a name and what it takes."""
    return st.one_of(
        st.tuples(st.just("append"), entities(stored=False), st.booleans()),
        st.tuples(st.just("update"), fragments()),
        st.tuples(st.just("merge"), fragments()),
        st.tuples(st.just("replace"), entities(stored=False)),
        st.tuples(st.just("partial"), iris(), datasets(), instances(stored=False)),
        st.tuples(st.just("replace_attribute"), iris(), datasets(), instances(stored=False)),
        st.tuples(st.just("delete"), iris(), datasets(), st.booleans()),
        st.tuples(st.just("add"), iris(), datasets(), st.integers(-9, 9)),
    )


def targets(attrs: dict[str, Any]) -> Touched:
    """Return the instances a fragment is about."""
    return {(iri, dataset) for iri, several in attrs.items() for dataset in several}


def run(entity: Entity, operation: tuple[Any, ...], now: str) -> tuple[Entity, Touched]:
    """Return the entity after an operation, and the instances the operation is about."""
    match operation:
        case ("append", fragment, no_overwrite):
            after, _ = semantics.append(entity, fragment, now, no_overwrite=no_overwrite)
            touched = targets(fragment["attrs"])
            return after, touched - targets(entity["attrs"]) if no_overwrite else touched
        case ("update", fragment):
            after, _ = semantics.update_attributes(entity, fragment, now)
            return after, targets(fragment["attrs"])
        case ("merge", fragment):
            return semantics.merge(entity, fragment, now), targets(fragment["attrs"])
        case ("replace", new):
            return semantics.replace(entity, new, now), targets(entity["attrs"])
        case ("partial", iri, dataset, instance):
            after = semantics.partial_update(entity, iri, {dataset: instance}, now)
            return after, {(iri, dataset)}
        case ("replace_attribute", iri, dataset, instance):
            after = semantics.replace_attribute(entity, iri, {dataset: instance}, now)
            return after, {(iri, dataset)}
        case ("delete", iri, dataset, everything):
            after = semantics.delete_attribute(
                entity, iri, dataset=dataset, delete_all=everything, now=now
            )
            gone = targets({iri: entity["attrs"][iri]}) if everything else {(iri, dataset)}
            return after, gone
        case ("add", iri, dataset, amount):
            after = semantics.add(entity, iri, amount, now=now, dataset=dataset)
            return after, {(iri, dataset)}
    raise AssertionError(operation)


def times(entity: Entity) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the effective times of every instance."""
    return {
        (iri, dataset): instance_times(instance, entity["createdAt"])
        for iri, several in entity["attrs"].items()
        for dataset, instance in several.items()
    }


def moment(step: int) -> str:
    """Return the time of a step, later than all times of drawn entities."""
    return f"2030-01-01T00:00:{step:02}.000000Z"


@given(entities(), st.lists(operations(), max_size=6))
def test_times_of_instances_are_kept_or_moved_as_the_operation_says(entity, sequence):
    for step, operation in enumerate(sequence):
        before, now = entity, moment(step)
        try:
            entity, touched = run(before, operation, now)
        except MachiError:
            continue
        was = times(before)
        for key, (created, modified) in times(entity).items():
            if key in was and key not in touched:
                assert (created, modified) == was[key]
            else:
                assert created == (was[key][0] if key in was else now)
                assert modified == now
        assert entity["createdAt"] == before["createdAt"]
        assert entity is before or entity["modifiedAt"] == now


@given(entities(), operations())
def test_operations_leave_their_input_as_it_was(entity, operation):
    before = copy.deepcopy((entity, operation))
    with suppress(MachiError):
        run(entity, operation, moment(0))
    assert (entity, operation) == before


@given(entities(), st.lists(operations(), max_size=4))
def test_what_operations_leave_is_an_entity_that_can_be_written_again(entity, sequence):
    for step, operation in enumerate(sequence):
        with suppress(MachiError):
            entity, _ = run(entity, operation, moment(step))
    shown = render(entity, CORE_CONTEXT, Form("normalized"))
    assert parse_entity(shown, CORE_CONTEXT)["attrs"].keys() == entity["attrs"].keys()
    assert all(entity["attrs"].values())


@given(entities(), entities(stored=False))
def test_append_writes_every_instance_of_the_fragment(entity, fragment):
    after, result = semantics.append(entity, fragment, moment(0))
    for iri, several in fragment["attrs"].items():
        for dataset, instance in several.items():
            written = after["attrs"][iri][dataset]
            assert {key: written[key] for key in instance if key != "attrs"} == {
                key: value for key, value in instance.items() if key != "attrs"
            }
    assert set(result.updated) >= fragment["attrs"].keys()


@given(entities(), entities(stored=False))
def test_append_without_overwrite_keeps_every_existing_instance(entity, fragment):
    after, result = semantics.append(entity, fragment, moment(0), no_overwrite=True)
    for iri, several in entity["attrs"].items():
        for dataset, instance in several.items():
            assert after["attrs"][iri][dataset] is instance
    shared = targets(entity["attrs"]) & targets(fragment["attrs"])
    assert {name for name, _ in result.not_updated} - {"expiresAt"} == {iri for iri, _ in shared}


@given(entities(stored=False))
def test_an_entity_merged_into_itself_keeps_its_content(entity):
    stored = semantics.created(entity, moment(0))
    after = semantics.merge(stored, entity, moment(0))
    assert after == stored


KEYS = st.sampled_from(["a", "b", "c"])
PLAIN = st.recursive(
    st.one_of(scalars(), st.none(), texts()),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
PATCHES = st.recursive(
    st.one_of(scalars(), st.just(NULL), st.lists(scalars(), max_size=2)),
    lambda inner: st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def rfc_7396(target: Any, patch: Any) -> Any:
    """MergePatch of RFC 7396 §2, written as the RFC writes it."""
    if isinstance(patch, dict):
        if not isinstance(target, dict):
            target = {}
        for name, value in patch.items():
            if value == NULL:
                if name in target:
                    del target[name]
            else:
                target[name] = rfc_7396(target.get(name), value)
        return target
    return patch


@given(PLAIN, PATCHES)
def test_values_merge_as_rfc_7396_says(target, patch):
    expected = rfc_7396(copy.deepcopy(target), patch)
    assert merge_value(target, patch) == expected


@given(st.lists(st.integers(-(2**40), 2**40), max_size=20))
def test_adding_integers_sums_them_exactly(amounts):
    iri = "urn:x:n"
    entity: Entity = {
        "id": "urn:x:1",
        "type": ["urn:x:T"],
        "createdAt": moment(0),
        "modifiedAt": moment(0),
        "attrs": {iri: {DEFAULT: {"type": "Property", "value": 0}}},
    }
    for amount in amounts:
        entity = semantics.add(entity, iri, amount, now=moment(1))
    total = entity["attrs"][iri][DEFAULT]["value"]
    assert (type(total), total) == (int, sum(amounts))
