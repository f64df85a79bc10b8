"""How an entity is shown (§4.5.2 to §4.5.4, §4.5.16, §4.8)."""

from typing import Any

import pytest

from broker.jsonld.core import CORE_CONTEXT
from broker.model.render import Form, feature, render
from tests.broker.model.bodies import VOCAB

LOCATION = "https://uri.etsi.org/ngsi-ld/location"
CREATED, CHANGED = "2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z"
POINT = {"type": "Point", "coordinates": [130.76, 32.21]}


def entity(attrs: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    return {
        "id": "urn:x:1",
        "type": [VOCAB + "River"],
        "createdAt": CREATED,
        "modifiedAt": CHANGED,
        **members,
        "attrs": attrs or {},
    }


def shown(kind: Any, *instances: dict[str, Any], **form: Any) -> Any:
    """Return how an attribute with these instances is shown, the first one the default."""
    keys = ["@none", "urn:d:1", "urn:d:2"]
    level = {VOCAB + "level": dict(zip(keys, instances, strict=False))}
    return render(entity(level), CORE_CONTEXT, Form(kind, **form))["level"]


def prop(value: Any, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **members}


def test_one_type_and_one_scope_are_strings():
    result = render(entity(scope=["/a"]), CORE_CONTEXT, Form())
    assert result == {"id": "urn:x:1", "type": "River", "scope": "/a"}


def test_several_types_and_scopes_are_lists():
    several = entity(type=[VOCAB + "River", "urn:x:T"], scope=["/a", "/b"])
    result = render(several, CORE_CONTEXT, Form("simplified"))
    assert (result["type"], result["scope"]) == (["River", "urn:x:T"], ["/a", "/b"])


@pytest.mark.parametrize("kind", ["normalized", "concise", "simplified"])
def test_system_attributes_are_shown_only_when_asked_for(kind):
    level = {VOCAB + "level": {"@none": prop(1, expiresAt=CHANGED, createdAt=CHANGED)}}
    stored = entity(level, expiresAt="2999-01-01T00:00:00Z")
    assert "At" not in str(render(stored, CORE_CONTEXT, Form(kind)))
    result = render(stored, CORE_CONTEXT, Form(kind, sys_attrs=True))
    assert result["expiresAt"] == "2999-01-01T00:00:00Z"
    assert (result["createdAt"], result["modifiedAt"]) == (CREATED, CHANGED)


def test_instances_show_their_effective_times():
    sub = {VOCAB + "by": {"@none": prop(2)}}
    level = prop(1, createdAt=CHANGED, attrs=sub)
    result = shown("normalized", level, sys_attrs=True)
    assert (result["createdAt"], result["modifiedAt"]) == (CHANGED, CHANGED)
    assert (result["by"]["createdAt"], result["by"]["modifiedAt"]) == (CHANGED, CHANGED)
    assert shown("concise", prop(1), sys_attrs=True) == {
        "value": 1,
        "createdAt": CREATED,
        "modifiedAt": CREATED,
    }


def test_attributes_not_asked_for_are_left_out():
    both = entity({VOCAB + "a": {"@none": prop(1)}, VOCAB + "b": {"@none": prop(2)}})
    result = render(both, CORE_CONTEXT, Form("simplified", attrs=frozenset([VOCAB + "b"])))
    assert result == {"id": "urn:x:1", "type": "River", "b": 2}


def test_the_default_instance_has_no_dataset_id_and_several_are_a_list():
    assert shown("normalized", prop(1), prop(2)) == [prop(1), prop(2, datasetId="urn:d:1")]
    assert shown("concise", prop(1), prop(2)) == [1, {"value": 2, "datasetId": "urn:d:1"}]
    assert shown("simplified", prop(1), prop(2)) == {"dataset": {"@none": 1, "urn:d:1": 2}}


def test_a_single_instance_of_a_dataset_is_an_object():
    stored = entity({VOCAB + "level": {"urn:d:1": prop(1)}})
    result = render(stored, CORE_CONTEXT, Form())
    assert result["level"] == prop(1, datasetId="urn:d:1")


@pytest.mark.parametrize(
    ("instance", "normalized", "concise", "simplified"),
    [
        (
            {"type": "VocabProperty", "vocab": VOCAB + "white"},
            {"type": "VocabProperty", "vocab": "white"},
            {"vocab": "white"},
            {"vocab": "white"},
        ),
        (
            {"type": "ListRelationship", "objectList": ["urn:x:2"], "objectType": [VOCAB + "T"]},
            {
                "type": "ListRelationship",
                "objectList": [{"object": "urn:x:2"}],
                "objectType": "T",
            },
            {"objectList": ["urn:x:2"], "objectType": "T"},
            ["urn:x:2"],
        ),
        (
            {"type": "Relationship", "object": ["urn:x:2"], "objectType": [VOCAB + "T", "urn:T"]},
            {"type": "Relationship", "object": ["urn:x:2"], "objectType": ["T", "urn:T"]},
            {"object": ["urn:x:2"], "objectType": ["T", "urn:T"]},
            ["urn:x:2"],
        ),
        (
            {"type": "LanguageProperty", "languageMap": {"en": "a"}},
            {"type": "LanguageProperty", "languageMap": {"en": "a"}},
            {"languageMap": {"en": "a"}},
            {"languageMap": {"en": "a"}},
        ),
        (
            {"type": "JsonProperty", "json": {"type": "x"}},
            {"type": "JsonProperty", "json": {"type": "x"}},
            {"json": {"type": "x"}},
            {"json": {"type": "x"}},
        ),
        (
            {"type": "ListProperty", "valueList": [1], "unitCode": "CEL"},
            {"type": "ListProperty", "valueList": [1], "unitCode": "CEL"},
            {"valueList": [1], "unitCode": "CEL"},
            [1],
        ),
        (
            {"type": "GeoProperty", "value": POINT},
            {"type": "GeoProperty", "value": POINT},
            POINT,
            POINT,
        ),
        (
            prop(1, valueType=VOCAB + "Size"),
            prop(1, valueType="Size"),
            {"value": 1, "valueType": "Size"},
            1,
        ),
    ],
)
def test_every_kind_has_its_three_forms(instance, normalized, concise, simplified):
    assert shown("normalized", instance) == normalized
    assert shown("concise", instance) == concise
    assert shown("simplified", instance) == simplified


@pytest.mark.parametrize("value", [{"type": "x"}, {"object": "urn:x:1"}, [{"datasetId": "a"}]])
def test_a_value_that_reads_as_an_attribute_is_wrapped_in_concise_form(value):
    assert shown("concise", prop(value)) == {"value": value}


def test_a_geometry_in_a_property_names_its_kind_in_concise_form():
    assert shown("concise", prop(POINT)) == prop(POINT)


def test_a_proof_shows_the_sealed_type_compacted():
    proof = prop({}, entityTypeSealed=VOCAB + "River", entityIdSealed="urn:x:1")
    assert shown("normalized", proof)["entityTypeSealed"] == "River"


def place(**instances: Any) -> dict[str, Any]:
    return entity({LOCATION: {"@none" if k == "default" else k: v for k, v in instances.items()}})


def test_a_feature_has_the_geometry_and_the_entity_as_properties():
    stored = place(default={"type": "GeoProperty", "value": POINT})
    assert feature(stored, CORE_CONTEXT, Form("simplified"), LOCATION) == {
        "id": "urn:x:1",
        "type": "Feature",
        "geometry": POINT,
        "properties": {"type": "River", "location": POINT},
    }


@pytest.mark.parametrize(
    "stored",
    [
        entity(),
        place(default=prop(1)),
        place(b={"type": "GeoProperty", "value": POINT}, c={"type": "GeoProperty", "value": POINT}),
    ],
)
def test_a_feature_without_such_a_geometry_has_null(stored):
    assert feature(stored, CORE_CONTEXT, Form(), LOCATION)["geometry"] is None


def test_a_feature_takes_the_geometry_of_the_dataset_asked_for():
    stored = place(default=prop(1), b={"type": "GeoProperty", "value": POINT})
    form = Form(datasets=frozenset("b"))
    assert feature(stored, CORE_CONTEXT, form, LOCATION)["geometry"] == POINT
    assert feature(stored, CORE_CONTEXT, Form(), LOCATION)["geometry"] is None


def test_a_feature_takes_the_only_geometry_there_is():
    stored = place(b={"type": "GeoProperty", "value": POINT})
    assert feature(stored, CORE_CONTEXT, Form(), LOCATION)["geometry"] == POINT
