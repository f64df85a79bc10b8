"""What each operator means, by kind of target (§4.9)."""

from collections.abc import Callable
from typing import Any

import pytest

from broker.query.ast import Compare, HasType, IdIn, IdMatches, Moment, Op, Path, Range
from broker.query.predicate import compile_predicate
from tests.broker.query.conftest import VOCAB, entity, of

Holds = Callable[..., bool]


@pytest.mark.parametrize(
    ("q", "value", "expected"),
    [
        ("a==30", 30, True),
        ("a==30", 30.0, True),
        ("a==30", "30", False),
        ('a=="30"', 30, False),
        ("a==1", True, False),
        ("a==true", True, True),
        ("a==true", 1, False),
        ("a==false", False, True),
        ('a=="x"', "x", True),
        ('a=="x"', "X", False),
        ('a=="x"', {"x": "x"}, False),
        ('a=="x","y"', "y", True),
        ("a==10..20", 20, True),
        ("a==10..20", 20.5, False),
        ('a=="b".."d"', "c", True),
        ('a=="b".."d"', 3, False),
        ("a==3", [1, 2, 3], True),
        ("a==3", [[3]], False),
        ('a=="x"', ["y", "x"], True),
        ("a==9223372036854775808", 2**63 + 1, True),
        ("a==9223372036854775807", 2**63 - 2, False),
    ],
)
def test_equality_needs_the_same_kind(holds: Holds, q: str, value: Any, expected: bool) -> None:
    assert holds(q, of(value)) is expected


@pytest.mark.parametrize(
    ("q", "value", "expected"),
    [
        ('a!="thirty"', 30, True),
        ("a!=30", 30, False),
        ("a!=10..20", 21, True),
        ("a!=10..20", 15, False),
        ("a!=1,2", 2, False),
        ("a!=3", [1, 2], True),
        ("a!=3", [1, 3], False),
        ("a!=3", [], True),
        ("a!=3", {"b": 3}, True),
    ],
)
def test_inequality_is_no_equality_of_an_existing_target(
    holds: Holds, q: str, value: Any, expected: bool
) -> None:
    assert holds(q, of(value)) is expected


@pytest.mark.parametrize("q", ["a!=1", "a.b!=1", "a[k]!=1", "a.observedAt!=1", "a", "a!~=x"])
def test_absent_attribute_satisfies_no_term(holds: Holds, q: str) -> None:
    assert not holds(q)


@pytest.mark.parametrize(
    ("q", "value", "expected"),
    [
        ("a>20", 20.5, True),
        ("a>20", 20, False),
        ("a>=20", 20, True),
        ("a<20", 19, True),
        ("a<=20", 20.0, True),
        ("a>20", "30", False),
        ("a>0", True, False),
        ('a>"a"', "b", True),
        ('a>"z"', "é", True),
        ('a<"\uffff"', "😀", False),
        ("a>0", [1], False),
        ("a>0", {"b": 1}, False),
    ],
)
def test_order_needs_a_scalar_of_the_same_kind(
    holds: Holds, q: str, value: Any, expected: bool
) -> None:
    assert holds(q, of(value)) is expected


@pytest.mark.parametrize(
    ("q", "value", "expected"),
    [
        ("a==2020-07-04T06:30:00Z", "2020-07-04T06:30:00.000Z", True),
        ('a=="2020-07-04T06:30:00Z"', "2020-07-04T06:30:00,0Z", True),
        ("a>2020-07-04T06:30:00Z", "2020-07-04T06:30:00.5Z", True),
        ("a<2020-07-04T06:30:00.5Z", "2020-07-04T06:30:00.25Z", True),
        ("a>2020-07-04", "2020-07-04T00:00:01Z", True),
        ("a==2020-07-04", "2020-07-04", True),
        ("a==2020-07-01..2020-07-31", "2020-07-04T06:30:00Z", True),
        ("a==06:30:00Z", "06:30:00.0Z", True),
        ("a>06:30:00Z", "2020-07-04T07:00:00Z", False),
        ("a>2020-07-04T06:30:00Z", "soon", False),
        ("a!=2020-07-04T06:30:00Z", "soon", True),
        ("a>2020-07-04T06:30:00Z", "2020-13-04T06:30:00Z", False),
    ],
)
def test_times_compare_as_instants(holds: Holds, q: str, value: Any, expected: bool) -> None:
    assert holds(q, of(value)) is expected


@pytest.mark.parametrize(
    ("q", "value", "expected"),
    [
        ("a~=^Eiffel", "Eiffel Tower", True),
        ("a~=Tower", "Eiffel Tower", True),
        ("a~=^Tower", "Eiffel Tower", False),
        ("a~=1", 1, False),
        ("a~=x", ["x"], False),
        ("a!~=^Tower", "Eiffel Tower", True),
        ("a!~=^Eiffel", "Eiffel Tower", False),
        ("a!~=x", 1, False),
        ("a!~=x", ["y"], False),
    ],
)
def test_patterns_search_in_texts_only(holds: Holds, q: str, value: Any, expected: bool) -> None:
    assert holds(q, of(value)) is expected


def test_any_instance_may_match(holds: Holds) -> None:
    assert holds("a==2", of(1), of(2))


def test_inequality_holds_for_any_differing_instance(holds: Holds) -> None:
    assert holds("a!=1", of(1), of(2))


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ('a[en]=="bridge"', True),
        ('a[ja]=="bridge"', False),
        ('a[*]=="bridge"', True),
        ('a=="bridge"', True),
        ('a=="span"', True),
        ('a!="bridge"', False),
        ('a!="road"', True),
        ('a[ja]!="bridge"', True),
        ('a[fr]!="bridge"', False),
        ("a~=^br", True),
        ("a!~=^br", False),
        ("a[ja]!~=^br", True),
        ("a[en]", True),
        ("a[fr]", False),
        ('a>"zzz"', True),
        ("a>1", False),
    ],
)
def test_language_property_offers_its_texts(holds: Holds, q: str, expected: bool) -> None:
    languages = {"en": "bridge", "ja": "橋", "de": ["span", "steg"]}
    assert holds(q, of(languages, "LanguageProperty")) is expected


@pytest.mark.parametrize("kind", ["Relationship", "ListRelationship", "VocabProperty"])
@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("a==urn:x:1", True),
        ('a=="urn:x:2"', True),
        ("a==urn:x:3", False),
        ("a==urn:x:3,urn:x:1", True),
        ("a!=urn:x:3", True),
        ("a!=urn:x:1", False),
        ("a!=5", True),
        ('a>"a"', False),
        ("a~=urn", False),
        ("a!~=zzz", False),
        ("a[x]", False),
        ('a=="urn:x:0".."urn:x:9"', False),
    ],
)
def test_uris_answer_only_equality(holds: Holds, kind: str, q: str, expected: bool) -> None:
    assert holds(q, of(["urn:x:1", "urn:x:2"], kind)) is expected


def test_relationship_to_one_entity_is_compared_by_its_uri(holds: Holds) -> None:
    assert holds("a==urn:x:1", of("urn:x:1", "Relationship"))


def test_list_property_contains_its_elements(holds: Holds) -> None:
    assert holds("a==2", of([1, 2], "ListProperty"))


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ('a[address.city]=="Hitoyoshi"', True),
        ("a[address.zip]", True),
        ("a[address.zip]==1", False),
        ("a[address.zip]!=1", True),
        ("a[address.street]", False),
        ("a[address.city.x]", False),
        ("a[floors]==2", True),
        ("a[floors.0]", False),
        (r'a["x.\"y"]==1', True),
    ],
)
@pytest.mark.parametrize("kind", ["Property", "JsonProperty"])
def test_keys_enter_objects(holds: Holds, kind: str, q: str, expected: bool) -> None:
    value = {"address": {"city": "Hitoyoshi", "zip": None}, "floors": [1, 2], 'x."y': 1}
    assert holds(q, of(value, kind)) is expected


def test_sub_attribute_is_followed_in_every_instance(holds: Holds) -> None:
    nested = of(1, attrs={VOCAB + "b": {"@none": of(1), "urn:ds:1": of(7)}})
    assert holds("a.b==7", of(1), nested)


def test_sub_attribute_of_sub_attribute_is_followed(holds: Holds) -> None:
    inner = of(1, attrs={VOCAB + "c": {"@none": of(9)}})
    assert holds("a.b.c==9", of(1, attrs={VOCAB + "b": {"@none": inner}}))


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("a.observedAt>=2020-07-04T00:00:00Z", True),
        ("a.observedAt<2020-07-04T00:00:00Z", False),
        ("a.unitCode==CEL", True),
        ("a.unitCode!=FAH", True),
        ("a.lang", False),
        ("a.type==Property", True),
        ("a.valueType==double", True),
        ("a.datasetId", False),
    ],
)
def test_members_are_compared_like_values(holds: Holds, q: str, expected: bool) -> None:
    instance = of(1, observedAt="2020-07-04T06:30:00Z", unitCode="CEL", valueType=VOCAB + "double")
    assert holds(q, instance) is expected


def test_dataset_id_is_the_key_of_the_instance(holds: Holds) -> None:
    assert holds("a.datasetId==urn:ds:1", of(1), of(2))


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("a.createdAt==2020-07-04T00:00:00Z", True),
        ("a.modifiedAt==2020-07-04T00:00:00Z", True),
        ("a.b.createdAt==2020-07-04T00:00:00Z", True),
    ],
)
def test_system_times_left_out_are_the_owners(holds: Holds, q: str, expected: bool) -> None:
    assert holds(q, of(1, attrs={VOCAB + "b": {"@none": of(1)}})) is expected


def test_sub_attribute_inherits_the_creation_of_its_instance(holds: Holds) -> None:
    created = "2021-01-01T00:00:00Z"
    instance = of(1, createdAt=created, attrs={VOCAB + "b": {"@none": of(1)}})
    assert holds(f"a.b.modifiedAt=={created}", instance)


@pytest.mark.parametrize(
    "q",
    [
        "id==urn:ngsi-ld:Bridge:1",
        "id~=Bridge",
        "type==Bridge",
        "type!=River",
        "scope==/town",
        "createdAt<2020-07-05",
        "modifiedAt==2020-07-05",
    ],
)
def test_entity_members_are_compared_like_values(holds: Holds, q: str) -> None:
    assert holds(q, scope=["/town", "/river"])


def test_absence_holds_without_the_attribute(holds: Holds) -> None:
    assert holds("!b", of(1))
    assert not holds("!a", of(1))


def test_geo_property_exists(holds: Holds) -> None:
    point = {"type": "Point", "coordinates": [0, 0]}
    assert holds("a", of(point, "GeoProperty"))
    assert not holds("a==1", of(point, "GeoProperty"))


def test_type_matches_one_of_several() -> None:
    both = entity(type=[VOCAB + "River", VOCAB + "Lake"])
    assert compile_predicate(HasType(VOCAB + "Lake"))(both)


def test_id_list_and_pattern() -> None:
    assert compile_predicate(IdIn(("urn:x:1", "urn:ngsi-ld:Bridge:1")))(entity())
    assert compile_predicate(IdMatches("Bridge:[0-9]$"))(entity())
    assert not compile_predicate(IdMatches("^Bridge"))(entity())


@pytest.mark.parametrize(
    "operand", [Moment("never"), Range(1, "x"), Range(True, True), Range(Moment("x"), Moment("y"))]
)
def test_operand_that_names_no_value_equals_nothing(operand: Any) -> None:
    node = Compare(Path((VOCAB + "a",)), Op.EQ, (operand,))
    assert not compile_predicate(node)(entity(of(1)))
