"""Names, identifiers, times and scopes (§4.6.2, §4.6.3, §4.18)."""

import pytest

from broker.model.names import check_entity_id, check_name
from broker.model.scopes import parse_scope
from broker.model.times import check_datetime
from tests.broker.model.bodies import refusal


@pytest.mark.parametrize("name", ["a", "speed2", "a_b", "水位", "é", "ex:name", "urn:a:b-c", "ー"])
def test_letters_digits_and_underscores_make_a_name(name):
    assert check_name(name, "body:") == name


@pytest.mark.parametrize(
    "name", ["", "2a", "_a", "a-b", "a b", "a.b", "a$", ":a", "a:", "<a>", "a\n", 5, None, "\ud800"]
)
def test_other_characters_make_no_name(name):
    assert refusal(check_name, name, "path:attrId").place == "path:attrId"


@pytest.mark.parametrize(
    "uri", ["urn:x:1", "https://example.org/a?b#c", "urn:ngsi-ld:町:人吉", "a:b", "urn:x:(1);'='"]
)
def test_absolute_uris_and_iris_identify_entities(uri):
    assert check_entity_id(uri, "path:id") == uri


@pytest.mark.parametrize(
    "text", ["", "river", "a b:c", "urn:", "urn:a b", 'urn:"', "urn:<a>", "1a:b", "urn:\ud800", 5]
)
def test_what_is_no_uri_identifies_no_entity(text):
    assert refusal(check_entity_id, text, "path:id").place == "path:id"


@pytest.mark.parametrize(
    "unseen",
    "\u00ad\u115f\u200b\u202e\u2800\u3164\ufdd0\ufe0f\ufeff\uffa0\ufffe\U0001ffff\U000e0100",
    ids=lambda one: f"U+{ord(one):04X}",
)
def test_an_id_has_no_characters_that_cannot_be_seen(unseen):
    refusal(check_entity_id, f"urn:ngsi-ld:Bridge:a{unseen}b", "path:id")


@pytest.mark.parametrize(
    "text",
    [
        "2020-07-04T06:30:00Z",
        "2020-07-04T06:30:00.1Z",
        "2020-07-04T06:30:00,123456Z",
        "2024-02-29T23:59:59Z",
    ],
)
def test_a_datetime_keeps_its_form(text):
    assert check_datetime(text, "body:") == text


@pytest.mark.parametrize(
    "text",
    [
        "2020-07-04",
        "2020-07-04T06:30Z",
        "2020-07-04T06:30:00",
        "2020-07-04T06:30:00+09:00",
        "2020-07-04T06:30:00.Z",
        "2020-07-04T06:30:00.1234567Z",
        "2020-07-04t06:30:00z",
        "2020-02-30T06:30:00Z",
        "2020-07-04T24:30:00Z",
        "0000-01-01T00:00:00Z",
        "２０２０-07-04T06:30:00Z",
        "2020-07-04T06:30:00Z\n",
        1593844200,
        None,
    ],
)
def test_what_is_no_utc_datetime_is_refused(text):
    assert refusal(check_datetime, text, "query:observedAt").place == "query:observedAt"


@pytest.mark.parametrize("scope", ["/a", "a/b_1/c", "/町/東"])
def test_levels_parted_by_single_slashes_make_a_scope(scope):
    assert parse_scope(scope, "body:") == [scope]


@pytest.mark.parametrize("scope", ["", "/", "a//b", "/a/", "a-b", "9bad", "/a b", 5, ["/a", 5], {}])
def test_anything_else_makes_no_scope(scope):
    refusal(parse_scope, scope, "body:")
