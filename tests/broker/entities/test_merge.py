"""Merge: RFC 7396 with NGSI-LD nulls (§5.5.12, §5.6.17)."""

from typing import Any

import pytest

from broker.entities.merge import merge
from broker.errors import BadRequestData
from broker.jsonld.core import CORE_CONTEXT
from broker.model.parse import parse_fragment
from tests.broker.entities.stored import BORN, LATER, LEVEL, NAME, NOW, VOCAB, entity, only, prop

NULL = "urn:ngsi-ld:null"
POINT = {"type": "Point", "coordinates": [1, 2]}


def merged(stored: Any, body: Any, *, simplified: bool = False, **how: Any) -> Any:
    """Return the default instance of `level` after merging `body` into it."""
    fragment = parse_fragment(
        {"level": body}, CORE_CONTEXT, nulls=True, merge=True, simplified=simplified
    )
    if simplified:
        how["names"] = CORE_CONTEXT
    after = merge(entity({LEVEL: only(stored)}), fragment, NOW, **how)
    instances = after["attrs"].get(LEVEL)
    return instances and instances["@none"]


def test_members_not_named_stay():
    stored = prop(1, unitCode="MTR", observedAt=BORN, createdAt=LATER)
    assert merged(stored, {"type": "Property", "value": 2}) == {
        **stored,
        "value": 2,
        "modifiedAt": NOW,
    }


def test_a_member_alone_can_be_merged():
    assert merged(prop(1), {"unitCode": "MTR"}) == prop(1, unitCode="MTR", modifiedAt=NOW)


def test_null_removes_a_member():
    assert merged(prop(1, unitCode="MTR"), {"unitCode": NULL}) == prop(1, modifiedAt=NOW)


def test_compound_values_are_merged_at_any_depth():
    stored = prop({"a": {"b": 1, "c": 2}, "d": [1, 2]})
    body = {"value": {"a": {"b": NULL, "e": 3}, "d": [9]}}
    assert merged(stored, body)["value"] == {"a": {"c": 2, "e": 3}, "d": [9]}


def test_json_and_language_maps_are_merged_too():
    stored = {"type": "LanguageProperty", "languageMap": {"en": "a", "ja": "b"}}
    assert merged(stored, {"languageMap": {"en": NULL, "de": "c"}})["languageMap"] == {
        "ja": "b",
        "de": "c",
    }
    stored = {"type": "JsonProperty", "json": {"a": 1}}
    assert merged(stored, {"json": {"b": 2}})["json"] == {"a": 1, "b": 2}


def test_a_geometry_is_replaced_whole():
    stored = {"type": "GeoProperty", "value": {**POINT, "bbox": [1, 2, 1, 2]}}
    assert merged(stored, POINT)["value"] == POINT


def test_sub_attributes_are_merged_added_and_removed():
    a, b, c = (VOCAB + name for name in "abc")
    stored = prop(1, attrs={a: only(prop(1, unitCode="MTR")), b: only(prop(2))})
    body = {"type": "Property", "a": {"value": 5}, "b": NULL, "c": 7}
    assert merged(stored, body)["attrs"] == {
        a: only(prop(5, unitCode="MTR", modifiedAt=NOW)),
        c: only(prop(7, createdAt=NOW)),
    }


def test_the_last_sub_attribute_goes_with_its_container():
    stored = prop(1, attrs={VOCAB + "a": only(prop(1))})
    assert "attrs" not in merged(stored, {"type": "Property", "a": NULL})


def test_null_removes_an_instance():
    assert merged(prop(1), NULL) is None


def test_null_for_what_does_not_exist_is_no_error():
    fragment = parse_fragment({"name": NULL}, CORE_CONTEXT, nulls=True, merge=True)
    assert merge(entity({}), fragment, NOW)["attrs"] == {}


def test_a_new_attribute_is_added_without_the_nulls_in_its_value():
    body = {"name": {"value": {"a": NULL, "b": 1}, "unitCode": NULL, "sub": NULL}}
    fragment = parse_fragment(body, CORE_CONTEXT, nulls=True, merge=True)
    after = merge(entity({}), fragment, NOW)
    assert after["attrs"] == {NAME: only(prop({"b": 1}, createdAt=NOW))}


@pytest.mark.parametrize("body", [{"unitCode": "MTR"}, {"type": "Property", "sub": {"value": 1}}])
def test_a_new_attribute_needs_a_value(body):
    fragment = parse_fragment({"name": body}, CORE_CONTEXT, nulls=True, merge=True)
    with pytest.raises(BadRequestData):
        merge(entity({}), fragment, NOW)


@pytest.mark.parametrize(
    "body",
    [
        {"type": "Relationship", "object": "urn:x:1"},
        {"languageMap": {"en": "a"}},
        POINT,
        {"objectType": "T"},
    ],
)
def test_an_attribute_of_another_kind_is_refused(body):
    with pytest.raises(BadRequestData):
        merged(prop(1), body)


def test_types_are_united_and_scope_replaced():
    fragment = {"type": ["urn:T"], "scope": ["/b"], "attrs": {}}
    after = merge(entity({}, scope=["/a"]), fragment, NOW)
    assert (after["type"], after["scope"]) == ([VOCAB + "River", "urn:T"], ["/b"])
    assert after["modifiedAt"] == NOW


def test_scope_and_expiry_are_removed_by_null():
    old = entity({}, scope=["/a"], expiresAt="2999-01-01T00:00:00Z")
    after = merge(old, {"scope": None, "expiresAt": None, "attrs": {}}, NOW)
    assert not after.keys() & {"scope", "expiresAt"}


def test_observed_at_goes_to_merged_attributes_that_have_one():
    assert merged(prop(1, observedAt=BORN), 2, observed_at=LATER)["observedAt"] == LATER
    assert "observedAt" not in merged(prop(1), 2, observed_at=LATER)


def test_the_fragment_has_the_last_word_on_observed_at():
    stored = prop(1, observedAt=BORN)
    given = merged(stored, {"value": 2, "observedAt": NOW}, observed_at=LATER)
    assert given["observedAt"] == NOW
    removed = merged(stored, {"value": 2, "observedAt": NULL}, observed_at=LATER)
    assert "observedAt" not in removed


def test_lang_says_which_language_a_text_is_in():
    stored = {"type": "LanguageProperty", "languageMap": {"en": "a", "ja": "b"}}
    expected = {"en": "a", "ja": "c"}
    assert merged(stored, "c", lang="ja")["languageMap"] == expected
    assert merged(stored, "c", lang="ja", simplified=True)["languageMap"] == expected
    assert merged(stored, ["c", "d"], lang="ja")["languageMap"] == {"en": "a", "ja": ["c", "d"]}


@pytest.mark.parametrize("how", [{}, {"lang": "no tag"}, {"simplified": True}])
def test_a_text_for_a_language_property_needs_a_language(how):
    stored = {"type": "LanguageProperty", "languageMap": {"en": "a"}}
    with pytest.raises(BadRequestData):
        merged(stored, "c", **how)


@pytest.mark.parametrize(
    ("stored", "value", "member", "expected"),
    [
        ({"type": "Relationship", "object": "urn:x:1"}, "urn:x:2", "object", "urn:x:2"),
        ({"type": "VocabProperty", "vocab": "urn:x:1"}, "white", "vocab", VOCAB + "white"),
        ({"type": "ListProperty", "valueList": [1]}, [2], "valueList", [2]),
        ({"type": "ListRelationship", "objectList": []}, ["urn:x:2"], "objectList", ["urn:x:2"]),
        ({"type": "JsonProperty", "json": {"a": 1}}, {"b": 2}, "json", {"a": 1, "b": 2}),
        ({"type": "GeoProperty", "value": POINT}, POINT, "value", POINT),
        (prop(5), POINT, "value", POINT),
    ],
)
def test_simplified_values_take_the_kind_of_the_attribute(stored, value, member, expected):
    after = merged(stored, value, simplified=True)
    assert (after["type"], after[member]) == (stored["type"], expected)


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ({"type": "Relationship", "object": "urn:x:1"}, "no uri"),
        ({"type": "GeoProperty", "value": POINT}, 5),
        ({"type": "Relationship", "object": "urn:x:1"}, POINT),
        (prop(1), {"vocab": "white"}),
    ],
)
def test_simplified_values_must_fit_the_kind_of_the_attribute(stored, value):
    with pytest.raises(BadRequestData):
        merged(stored, value, simplified=True)
