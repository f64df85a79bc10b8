"""What is rendered reads back as the same entity; no input upsets the parser."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import BadRequestData, MachiError
from broker.jsonld.core import CORE_CONTEXT
from broker.model.entity import NULL, PRIMARY
from broker.model.parse import parse_attribute, parse_entity, parse_fragment
from broker.model.render import Form, feature, render
from tests.support.strategies import LOCATION, entities, instances, iris, texts, values


def without_expiry(value: Any) -> Any:
    """Return the entity without the times that are shown with sysAttrs only."""
    if isinstance(value, dict):
        return {key: without_expiry(item) for key, item in value.items() if key != "expiresAt"}
    return value


@given(entities(stored=False))
def test_normalized_output_reads_back_as_the_same_entity(entity):
    shown = render(entity, CORE_CONTEXT, Form("normalized"))
    assert parse_entity(shown, CORE_CONTEXT) == without_expiry(entity)


@given(entities(stored=False))
def test_concise_output_reads_back_as_the_same_entity(entity):
    shown = render(entity, CORE_CONTEXT, Form("concise"))
    assert parse_entity(shown, CORE_CONTEXT) == without_expiry(entity)


@given(entities(), st.sampled_from(["normalized", "concise"]))
def test_output_with_system_attributes_reads_back_without_system_times(entity, kind):
    shown = render(entity, CORE_CONTEXT, Form(kind, sys_attrs=True))
    plain = render(entity, CORE_CONTEXT, Form("normalized"))
    again = parse_entity(shown, CORE_CONTEXT)
    assert without_expiry(again) == parse_entity(plain, CORE_CONTEXT)


@given(entities(), st.sampled_from(["normalized", "concise", "simplified"]), st.booleans())
def test_rendering_leaves_the_entity_as_it_was(entity, kind, sys_attrs):
    before = copy.deepcopy(entity)
    feature(entity, CORE_CONTEXT, Form(kind, sys_attrs), LOCATION)
    assert entity == before


@given(entities(), st.sampled_from(["normalized", "concise"]), st.frozensets(iris()))
def test_projection_shows_exactly_the_attributes_asked_for(entity, kind, keep):
    shown = render(entity, CORE_CONTEXT, Form(kind, attrs=keep))
    names = {CORE_CONTEXT.compact(iri) for iri in entity["attrs"] if iri in keep}
    assert shown.keys() - {"id", "type", "scope"} == names


@given(instances(stored=False), iris())
def test_an_attribute_reads_alike_alone_and_within_an_entity(instance, iri):
    entity = {"id": "urn:x:1", "type": ["urn:x:T"], "attrs": {iri: {"@none": instance}}}
    shown = render(entity, CORE_CONTEXT, Form("concise"))[CORE_CONTEXT.compact(iri)]
    alone = parse_attribute(iri, shown, CORE_CONTEXT, nulls=False, partial=False)
    assert alone == {"@none": without_expiry(instance)}


MEMBERS = [
    *("id", "type", "scope", "expiresAt", "createdAt", "observedAt", "datasetId", "unitCode"),
    *("valueType", "objectType", "@type", "@value", "@context", "coordinates", "location"),
    *("entity", "previousValue", "ngsildproof", "entityIdSealed", "dataset", "speed", "sub-x"),
    *PRIMARY.values(),
]
WORDS = [
    *(NULL, "@none", "urn:x:1", "Point", "Polygon", "2020-07-04T06:30:00Z", "River", "/a/b"),
    *PRIMARY,
]
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), texts(), st.sampled_from(WORDS)
)
ANY_JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(MEMBERS), texts()), inner, max_size=5),
    ),
    max_leaves=15,
)
ENTITY_LIKE = st.builds(
    lambda body, rest: {**rest, **body, "id": "urn:x:1", "type": "T"},
    st.dictionaries(st.sampled_from(["a", "b", "location"]), ANY_JSON, max_size=3),
    st.dictionaries(st.sampled_from(MEMBERS), ANY_JSON, max_size=1),
)


def attempt(parse: Callable[[], Any]) -> tuple[Any, MachiError | None]:
    """Return what `parse` returns, or the error it raises."""
    try:
        return parse(), None
    except MachiError as error:
        return None, error


@given(st.one_of(ANY_JSON, ENTITY_LIKE))
def test_any_json_is_an_entity_or_an_error_with_place_and_remedy(body):
    entity, error = attempt(lambda: parse_entity(body, CORE_CONTEXT))
    if error is None:
        for kind in ("normalized", "concise", "simplified"):
            render(entity, CORE_CONTEXT, Form(kind, sys_attrs=True))
    else:
        assert (error.status, error.place[:5], bool(error.remedy)) == (400, "body:", True)


@given(st.one_of(ANY_JSON, ENTITY_LIKE), st.booleans(), st.booleans(), st.booleans())
def test_any_json_is_a_fragment_or_an_error(body, nulls, merge, simplified):
    _, error = attempt(
        lambda: parse_fragment(body, CORE_CONTEXT, nulls=nulls, merge=merge, simplified=simplified)
    )
    assert error is None or error.status == 400


@given(ANY_JSON, st.booleans(), st.booleans())
def test_any_json_is_an_attribute_or_an_error(body, nulls, partial):
    _, error = attempt(
        lambda: parse_attribute(LOCATION, body, CORE_CONTEXT, nulls=nulls, partial=partial)
    )
    assert error is None or error.status == 400


@given(values(), st.integers(min_value=900, max_value=1000))
def test_deep_nesting_is_refused_without_exhausting_the_stack(value, depth):
    nested: Any = value
    sub: Any = 1
    for level in range(depth):
        nested = {"a": nested} if level % 2 else [nested]
        sub = {"value": 1, "sub": sub}
    for attribute in (nested, sub, {"json": {"a": nested}}, {"valueList": [nested]}):
        with pytest.raises(BadRequestData):
            parse_entity({"id": "urn:x:1", "type": "T", "a": attribute}, CORE_CONTEXT)
