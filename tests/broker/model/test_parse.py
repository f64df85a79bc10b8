"""Entities and fragments: their own members (§4.5.1, §5.5.4)."""

import pytest

from broker.jsonld.core import CORE_CONTEXT
from broker.model import limits
from broker.model.parse import parse_attribute, parse_entity, parse_entity_id
from tests.broker.model.bodies import NULL, VOCAB, entity, fragment, partial, refusal

ID = "urn:ngsi-ld:River:kuma"


def test_an_entity_of_id_and_type_is_complete():
    assert entity() == {"id": ID, "type": [VOCAB + "River"], "attrs": {}}


def test_jsonld_keywords_name_id_and_type():
    assert parse_entity({"@id": ID, "@type": "River"}, CORE_CONTEXT) == entity()


def test_types_are_expanded_once_each_in_the_order_given():
    types = parse_entity({"id": ID, "type": ["B", "A", "B"]}, CORE_CONTEXT)["type"]
    assert types == [VOCAB + "B", VOCAB + "A"]


def test_scope_becomes_a_list_and_keeps_its_spelling():
    assert entity(scope="/町/東")["scope"] == ["/町/東"]
    assert entity(scope=["a/b", "/a/b"])["scope"] == ["a/b", "/a/b"]


def test_expiry_is_kept_as_written():
    assert entity(expiresAt="2999-01-01T00:00:00.0Z")["expiresAt"] == "2999-01-01T00:00:00.0Z"


def test_system_members_of_the_client_are_dropped():
    times = dict.fromkeys(("createdAt", "modifiedAt", "deletedAt"), "whatever")
    assert entity(**times, **{"@context": []}) == entity()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], "body:"),
        (None, "body:"),
        ({}, "body:"),
        ({"id": ID}, "body:"),
        ({"type": "River"}, "body:"),
        ({"id": "no uri", "type": "River"}, "body:/id"),
        ({"id": NULL, "type": "River"}, "body:/id"),
        ({"id": 5, "type": "River"}, "body:/id"),
        ({"@id": "", "type": "River"}, "body:/@id"),
        ({"@id": ID, "id": ID, "type": "River"}, "body:/@id"),
        ({"id": ID, "@type": "River", "type": "River"}, "body:/@type"),
        (
            {"id": ID, "type": "River", "a": {"type": "Property", "@type": "Property", "value": 1}},
            "body:/a/@type",
        ),
        ({"id": "urn:x:" + "a" * 2048, "type": "River"}, "body:/id"),
        ({"id": ID, "type": []}, "body:/type"),
        ({"id": ID, "type": 3}, "body:/type"),
        ({"id": ID, "type": ["River", "a-b"]}, "body:/type/1"),
        ({"id": ID, "type": "@type"}, "body:/type"),
        ({"id": ID, "type": "River", "scope": "/a//b"}, "body:/scope"),
        ({"id": ID, "type": "River", "scope": ["/a", "9"]}, "body:/scope/1"),
        ({"id": ID, "type": "River", "scope": []}, "body:/scope"),
        ({"id": ID, "type": "River", "scope": NULL}, "body:/scope"),
        ({"id": ID, "type": "River", "expiresAt": "tomorrow"}, "body:/expiresAt"),
        ({"id": ID, "type": "River", "a-b": 1}, "body:/a-b"),
        ({"id": ID, "type": "River", "a/~b": 1}, "body:/a~1~0b"),
        ({"id": ID, "type": "River", "a": None}, "body:/a"),
        ({"id": ID, "type": "River", "a": NULL}, "body:/a"),
        ({"id": ID, "type": "River", "a": {"b": [NULL]}}, "body:/a"),
    ],
)
def test_a_broken_entity_is_refused_where_it_is_broken(body, place):
    assert refusal(parse_entity, body, CORE_CONTEXT).place == place


@pytest.mark.parametrize(
    "name",
    [
        *("observedAt", "unitCode", "datasetId", "instanceId", "lang", "objectType", "valueType"),
        *("previousValue", "previousObjectList", "entityIdSealed"),
        "https://uri.etsi.org/ngsi-ld/observedAt",
        "ngsi-ld:scope",
    ],
)
def test_members_of_the_data_model_are_no_attribute_names(name):
    assert refusal(entity, **{name: 1}).place == f"body:/{name.replace('/', '~1')}"


def test_one_attribute_under_two_names_is_refused():
    assert "twice" in refusal(entity, **{"level": 1, VOCAB + "level": 2}).detail


@pytest.mark.parametrize("name", ["location", "observationSpace", "operationSpace"])
@pytest.mark.parametrize("value", ["here", {"type": "Property", "value": 1}])
def test_the_places_of_an_entity_are_geo_properties(name, value):
    assert "GeoProperty" in refusal(entity, **{name: value}).detail


def test_more_attributes_than_the_limit_are_refused():
    many = {f"a{number}": 1 for number in range(limits.ATTRIBUTES + 1)}
    assert refusal(entity, **many).place == "body:"


def test_replace_takes_the_id_of_the_url():
    body = {"id": "urn:other", "type": "River"}
    assert parse_entity(body, CORE_CONTEXT, entity_id=ID)["id"] == ID


def test_a_place_can_lie_within_a_batch():
    body = {"id": ID, "type": "River", "a": None}
    assert refusal(parse_entity, body, CORE_CONTEXT, place="body:/3").place == "body:/3/a"


def test_the_id_of_a_batch_item_can_be_read_alone():
    assert parse_entity_id({"@id": ID}) == ID
    assert refusal(parse_entity_id, {}).place == "body:"


def test_a_fragment_needs_neither_id_nor_type():
    assert fragment({"level": 1}) == {
        "attrs": {VOCAB + "level": {"@none": {"type": "Property", "value": 1}}}
    }


def test_the_id_of_a_fragment_is_ignored():
    assert "id" not in fragment({"id": "urn:other", "level": 1})


def test_null_removes_scope_and_expiry():
    assert fragment({"scope": NULL, "expiresAt": NULL}) == {
        "scope": None,
        "expiresAt": None,
        "attrs": {},
    }


@pytest.mark.parametrize("member", ["id", "type", "@id", "@type"])
def test_null_never_removes_id_or_type(member):
    assert refusal(fragment, {member: NULL, "a": 1}).place == f"body:/{member}"


@pytest.mark.parametrize("body", [{}, {"id": ID}, {"@context": "x", "createdAt": "x"}])
def test_a_fragment_that_changes_nothing_is_refused(body):
    assert refusal(fragment, body).place == "body:"


@pytest.mark.parametrize("body", [{"level": NULL}, {"scope": NULL}, {"level": {"value": NULL}}])
def test_append_takes_no_nulls(body):
    assert refusal(fragment, body, nulls=False).place.startswith("body:/")


def test_a_whole_attribute_may_have_several_instances():
    body = [{"value": 1}, {"value": 2, "datasetId": "urn:d:1"}]
    instances = parse_attribute(VOCAB + "a", body, CORE_CONTEXT, nulls=False, partial=False)
    assert instances == {
        "@none": {"type": "Property", "value": 1},
        "urn:d:1": {"type": "Property", "value": 2},
    }


def test_location_is_replaced_by_a_geo_property_only():
    iri = "https://uri.etsi.org/ngsi-ld/location"
    how = {"nulls": False, "partial": False}
    assert refusal(parse_attribute, iri, 5, CORE_CONTEXT, **how).place == "body:"


def test_a_partial_instance_has_only_what_the_client_named():
    assert partial({"value": 5}) == {"@none": {"value": 5}}
    assert partial({"observedAt": NULL}) == {"@none": {"observedAt": None}}
    assert partial({"type": "Property", "unitCode": "CEL"}) == {
        "@none": {"type": "Property", "unitCode": "CEL"}
    }


def test_a_partial_update_names_its_instance_by_dataset():
    assert partial({"datasetId": "urn:d:1", "value": 5}) == {"urn:d:1": {"value": 5}}


@pytest.mark.parametrize("body", [{"value": NULL}, {"type": "Property", "value": NULL}, NULL])
def test_a_null_value_in_a_partial_update_removes_the_instance(body):
    assert partial(body) == {"@none": None}


@pytest.mark.parametrize("body", [{}, [], 5, None, [{"value": 1}], {"datasetId": "urn:d:1"}])
def test_a_partial_update_without_members_is_refused(body):
    assert refusal(partial, body).place == "body:"


@pytest.mark.parametrize("body", [{"value": 1, "object": "urn:x:1"}, {"value": {"a": NULL}}])
def test_a_partial_update_obeys_the_data_model(body):
    assert refusal(partial, body).place.startswith("body:")
