"""The eight kinds of attributes, normalized and concise (§4.5.2, §4.5.3, §5.2)."""

import pytest

from broker.jsonld.core import CORE_CONTEXT
from broker.model import limits
from broker.model.attribute import PROOF
from broker.model.entity import PRIMARY
from broker.model.parse import parse_attribute
from tests.broker.model.bodies import (
    NULL,
    VOCAB,
    attribute,
    change,
    entity,
    fragment,
    instance,
    refusal,
)

POINT = {"type": "Point", "coordinates": [130.76, 32.21]}
EXAMPLES = {
    "Property": 3.4,
    "GeoProperty": POINT,
    "LanguageProperty": {"ja": "人吉", "en": ["Hitoyoshi", "H."]},
    "VocabProperty": VOCAB + "white",
    "JsonProperty": {"a": [1, None]},
    "ListProperty": [1, "a", [2]],
    "Relationship": "urn:ngsi-ld:Bridge:1",
    "ListRelationship": ["urn:ngsi-ld:Bridge:1", "urn:ngsi-ld:Bridge:2"],
}
TIME = "2020-07-04T06:30:00Z"


@pytest.mark.parametrize("kind", PRIMARY)
def test_every_kind_is_read_normalized(kind):
    body = {"type": kind, PRIMARY[kind]: EXAMPLES[kind], "observedAt": TIME}
    assert instance(body) == body


@pytest.mark.parametrize("kind", PRIMARY)
def test_every_kind_is_inferred_from_its_value_member(kind):
    body = {PRIMARY[kind]: EXAMPLES[kind], "observedAt": TIME}
    assert instance(body) == {"type": kind, **body}


@pytest.mark.parametrize("value", [1, 1.5, True, "text", [1, 2], [], {}, {"a": 1}, [{"a": 1}]])
def test_a_bare_value_is_a_property(value):
    assert instance(value) == {"type": "Property", "value": value}


def test_a_bare_geometry_is_a_geo_property():
    assert instance(POINT) == {"type": "GeoProperty", "value": POINT}


def test_a_property_that_says_so_may_hold_a_geometry_as_plain_value():
    body = {"type": "Property", "value": POINT}
    assert instance(body) == body


def test_a_uri_alone_is_no_relationship():
    assert instance("urn:ngsi-ld:Bridge:1")["type"] == "Property"


@pytest.mark.parametrize(
    "typed", [{"@type": "DateTime", "@value": TIME}, {"@type": "@json", "@value": None}]
)
def test_a_typed_value_is_kept_as_it_is(typed):
    assert instance(typed) == {"type": "Property", "value": typed}
    assert instance({"type": "Property", "value": typed})["value"] == typed


def test_jsonld_type_names_the_kind():
    assert instance({"@type": "Property", "value": 1}) == {"type": "Property", "value": 1}


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, -(2**63), 1e300, 0.1])
def test_numbers_are_kept_as_they_came(number):
    value = instance(number)["value"]
    assert (value, type(value)) == (number, type(number))


def test_a_geometry_may_come_as_a_string():
    text = '{"type": "Point", "coordinates": [130.76, 32.21]}'
    assert instance({"type": "GeoProperty", "value": text})["value"] == POINT


def test_vocab_terms_and_type_hints_are_expanded():
    assert instance({"vocab": ["a", "b"]})["vocab"] == [VOCAB + "a", VOCAB + "b"]
    assert instance({"value": 1, "valueType": "Size"})["valueType"] == VOCAB + "Size"
    body = {"object": "urn:x:1", "objectType": "Bridge"}
    assert instance(body)["objectType"] == [VOCAB + "Bridge"]


def test_items_of_an_object_list_may_be_wrapped():
    body = {"objectList": [{"object": "urn:x:1"}, "urn:x:2"]}
    assert instance(body)["objectList"] == ["urn:x:1", "urn:x:2"]


def test_members_the_broker_writes_are_dropped():
    body = {"type": "Property", "value": 1, "createdAt": "x", "instanceId": "x", "lang": "en"}
    assert instance(body) == {"type": "Property", "value": 1}


def test_sub_attributes_are_read_like_attributes():
    body = {"value": 1, "by": {"object": "urn:x:1", "since": 5}}
    by = instance(body)["attrs"][VOCAB + "by"]["@none"]
    assert by["attrs"] == {VOCAB + "since": {"@none": {"type": "Property", "value": 5}}}


def test_instances_are_told_apart_by_dataset():
    body = [1, {"value": 2, "datasetId": "urn:d:1"}]
    assert attribute(body) == {
        "@none": {"type": "Property", "value": 1},
        "urn:d:1": {"type": "Property", "value": 2},
    }


def test_dataset_none_is_the_default_instance():
    assert attribute({"value": 1, "datasetId": "@none"}).keys() == {"@none"}


def test_a_proof_seals_id_and_type_of_the_entity():
    proof = {
        "value": {"type": "DataIntegrityProof"},
        "entityIdSealed": "urn:x:1",
        "entityTypeSealed": "River",
    }
    (sub,) = instance({"value": 1, "ngsildproof": proof})["attrs"].values()
    assert sub["@none"]["entityTypeSealed"] == VOCAB + "River"


@pytest.mark.parametrize("proof", ["zQe", {"value": 5}, {"object": "urn:x:1"}])
def test_a_proof_is_a_property_with_an_object(proof):
    refusal(entity, ngsildproof=proof)
    refusal(instance, {"value": 1, "ngsildproof": proof})
    refusal(fragment, {"ngsildproof": "zQe"}, merge=True, simplified=True)


def test_a_partial_update_leaves_a_proof_an_object():
    refusal(parse_attribute, PROOF, {"value": 5}, CORE_CONTEXT, nulls=True, partial=True)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"type": "Property"}, ""),
        ({"type": "Thing", "value": 1}, "/type"),
        ({"type": None, "value": 1}, "/type"),
        ({"type": ["Property"], "value": 1}, "/type"),
        ({"type": "Property", "value": None}, "/value"),
        ({"type": "Property", "value": 1, "object": "urn:x:1"}, "/object"),
        ({"type": "Property", "value": 1, "languageMap": {}}, "/languageMap"),
        ({"type": "Relationship", "object": "urn:x:1", "value": 1}, "/value"),
        ({"value": 1, "vocab": "a"}, "/vocab"),
        ({"type": "Property", "value": 1, "previousValue": 2}, "/previousValue"),
        ({"type": "Relationship", "object": "urn:x:1", "entity": {}}, "/entity"),
        ({"type": "Property", "value": 1, "@context": {}}, "/@context"),
        ({"type": "Property", "value": 1, "entityIdSealed": "urn:x:1"}, "/entityIdSealed"),
        ({"value": 1, "observedAt": "yesterday"}, "/observedAt"),
        ({"value": 1, "observedAt": None}, "/observedAt"),
        ({"value": 1, "expiresAt": 5}, "/expiresAt"),
        ({"value": 1, "unitCode": 5}, "/unitCode"),
        ({"type": "Property", "value": 1, "unitCode": ""}, "/unitCode"),
        ({"object": "urn:x:1", "unitCode": "CEL"}, "/unitCode"),
        ({"vocab": "a", "unitCode": "CEL"}, "/unitCode"),
        ({"value": 1, "objectType": "Bridge"}, "/objectType"),
        ({"object": "urn:x:1", "valueType": "Size"}, "/valueType"),
        ({"value": 1, "valueType": ["Size"]}, "/valueType"),
        ({"languageMap": {"en": "a"}, "valueType": "Size"}, "/valueType"),
        ({"value": 1, "datasetId": "b"}, "/datasetId"),
        ({"value": 1, "datasetId": NULL}, "/datasetId"),
        ({"type": "GeometryCollection", "geometries": []}, "/type"),
        ({"type": "GeoProperty", "value": "not json"}, "/value"),
        ({"type": "GeoProperty", "value": 5}, "/value"),
        ({"languageMap": "text"}, "/languageMap"),
        ({"languageMap": {"": "text"}}, "/languageMap/"),
        ({"languageMap": {"en": 5}}, "/languageMap/en"),
        ({"languageMap": {"en": ["a", None]}}, "/languageMap/en"),
        ({"vocab": 5}, "/vocab"),
        ({"vocab": []}, "/vocab"),
        ({"vocab": "@type"}, "/vocab"),
        ({"json": 5}, "/json"),
        ({"json": [{}, 5]}, "/json"),
        ({"valueList": 5}, "/valueList"),
        ({"object": "no uri"}, "/object"),
        ({"object": ["urn:x:1", "no uri"]}, "/object/1"),
        ({"object": []}, "/object"),
        ({"type": "Relationship", "object": "urn:ngsi-ld:null"}, "/object"),
        ({"objectList": "urn:x:1"}, "/objectList"),
        ({"objectList": [{"object": "urn:x:1", "x": 1}]}, "/objectList/0"),
        ({"value": 1, "sub": {"object": 5}}, "/sub/object"),
        ({"value": 1, "sub-a": 5}, "/sub-a"),
        ({"value": 1, "scope": "/a"}, "/scope"),
        ({"value": 1, "https://uri.etsi.org/ngsi-ld/hasObject": 5}, None),
        ([{"value": 1}, {"value": 2}], "/1"),
        ([{"value": 1, "datasetId": "urn:d:1"}, {"value": 2, "datasetId": "urn:d:1"}], "/1"),
        ([{"value": 1, "datasetId": "urn:d:1"}, None], "/1"),
    ],
)
def test_a_broken_attribute_is_refused_where_it_is_broken(body, place):
    error = refusal(attribute, body)
    assert place is None or error.place == "body:/level" + place


def test_lang_string_is_the_only_value_type_of_a_language_property():
    body = {"languageMap": {"en": "a"}, "valueType": "langString"}
    assert instance(body)["valueType"].endswith("#langString")


def nested(levels: int) -> dict[str, object]:
    body: dict[str, object] = {"value": 1}
    for _ in range(levels):
        body = {"value": 1, "sub": body}
    return body


def test_sub_attributes_nest_as_deep_as_the_limit_and_no_deeper():
    instance(nested(limits.SUB_DEPTH))
    refusal(instance, nested(limits.SUB_DEPTH + 1))


def test_values_nest_as_deep_as_the_limit_and_no_deeper():
    value: object = 1
    for _ in range(limits.VALUE_DEPTH):
        value = [value]
    instance(value)
    refusal(instance, [value])


def test_more_instances_than_the_limit_are_refused():
    many = [{"value": 1, "datasetId": f"urn:d:{n}"} for n in range(limits.INSTANCES + 1)]
    assert refusal(instance, many).place == "body:/level"


NULLS = [
    NULL,
    {"value": NULL},
    {"type": "Property", "value": NULL},
    {"type": "GeoProperty", "value": NULL},
    {"type": "Relationship", "object": NULL},
    {"languageMap": {"@none": NULL}},
    {"vocab": NULL},
    {"json": NULL},
    {"valueList": [NULL]},
    {"objectList": [NULL]},
]


@pytest.mark.parametrize("body", NULLS)
def test_null_removes_an_instance_whatever_its_kind(body):
    assert change(body) is None


@pytest.mark.parametrize("body", NULLS)
def test_null_is_refused_on_create(body):
    assert refusal(attribute, body).place.startswith("body:/level")


def test_null_removes_the_instance_of_a_dataset():
    body = {"level": {"value": NULL, "datasetId": "urn:d:1"}}
    assert fragment(body)["attrs"][VOCAB + "level"] == {"urn:d:1": None}


def test_null_removes_members_and_sub_attributes():
    assert change({"value": 1, "unitCode": NULL, "sub": NULL}) == {
        "type": "Property",
        "value": 1,
        "unitCode": None,
        "attrs": {VOCAB + "sub": {"@none": None}},
    }


@pytest.mark.parametrize(
    "body", [{"a": NULL}, {"value": {"a": NULL}}, {"languageMap": {"en": NULL}}, [NULL]]
)
def test_an_update_takes_no_null_inside_a_value(body):
    assert refusal(change, body).place.startswith("body:/level")


@pytest.mark.parametrize("body", [{"value": {"a": {"b": NULL}}}, {"languageMap": {"en": NULL}}])
def test_a_merge_keeps_nulls_inside_a_value(body):
    assert body.items() <= change(body, merge=True).items()


@pytest.mark.parametrize("value", [[NULL], {"a": [{"b": NULL}]}])
def test_a_merge_takes_no_null_inside_an_array(value):
    assert refusal(change, {"value": value}, merge=True).place == "body:/level/value"


@pytest.mark.parametrize(
    ("body", "expanded"),
    [
        ({"unitCode": "CEL"}, {"unitCode": "CEL"}),
        ({"type": "Property", "unitCode": "CEL"}, {"type": "Property", "unitCode": "CEL"}),
        (
            {"sub": {"type": "Property", "value": 1}},
            {"attrs": {VOCAB + "sub": {"@none": {"type": "Property", "value": 1}}}},
        ),
        ({"a": {"b": 1}}, {"type": "Property", "value": {"a": {"b": 1}}}),
    ],
)
def test_a_merge_tells_members_from_a_compound_value(body, expanded):
    assert change(body, merge=True) == expanded


@pytest.mark.parametrize(
    ("value", "expanded"),
    [
        (5, {"type": "Property", "value": 5}),
        ({"a": 1, "type": "x"}, {"type": "Property", "value": {"a": 1, "type": "x"}}),
        (POINT, {"type": "GeoProperty", "value": POINT}),
        ({"languageMap": {"en": "a"}}, {"type": "LanguageProperty", "languageMap": {"en": "a"}}),
        ({"vocab": "a"}, {"type": "VocabProperty", "vocab": VOCAB + "a"}),
        ({"json": {"a": 1}}, {"type": "JsonProperty", "json": {"a": 1}}),
        (NULL, None),
    ],
)
def test_simplified_values_stand_for_the_kind_they_look_like(value, expanded):
    assert change(value, merge=True, simplified=True) == expanded


def test_simplified_datasets_are_instances():
    body = {"level": {"dataset": {"@none": 1, "urn:d:1": 2}}}
    instances = fragment(body, merge=True, simplified=True)["attrs"][VOCAB + "level"]
    assert {dataset: one["value"] for dataset, one in instances.items()} == {
        "@none": 1,
        "urn:d:1": 2,
    }


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"level": {"dataset": {}}}, "body:/level/dataset"),
        ({"level": {"dataset": {"b": 1}}}, "body:/level/dataset/b"),
        ({"level": None}, "body:/level"),
        ({"unitCode": "x"}, "body:/unitCode"),
        ({"location": 5}, "body:/location"),
        ({"level": 1, VOCAB + "level": 2}, None),
    ],
)
def test_simplified_bodies_obey_the_data_model(body, place):
    error = refusal(fragment, body, merge=True, simplified=True)
    assert place is None or error.place == place
