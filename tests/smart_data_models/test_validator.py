"""Checking entities against models: what is told, where, and what is let through."""

from typing import Any

import pytest

from broker.model.parse import parse_entity
from broker.validation import Mode
from smart_data_models.model import Attribute, Model
from smart_data_models.validator import ModelValidator
from tests.broker.jsonld.contexts import compiled

NS = "https://x.example/"
TERMS = ("Well", "level", "state", "owner", "place", "name", "log", "built", "other")
CONTEXT = compiled({term: NS + term for term in TERMS})
WELL = Model(
    subject="Water",
    name="Well",
    iri=NS + "Well",
    version="1",
    description="",
    licence="",
    origin="own",
    required=("level",),
    attributes=(
        Attribute("level", NS + "level", "Property", {"type": "number", "minimum": 0}),
        Attribute("state", NS + "state", "Property", {"type": "string", "enum": ["dry", "wet"]}),
        Attribute("owner", NS + "owner", "Relationship", {"type": "string", "format": "uri"}),
        Attribute("place", NS + "place", "GeoProperty", {"type": "object"}),
        Attribute("name", NS + "name", "LanguageProperty", {"type": "object"}),
        Attribute("log", NS + "log", "Property", {"type": "array", "items": {"type": "integer"}}),
        Attribute("built", NS + "built", "", {"type": "string", "format": "date"}),
    ),
)
POINT = {"type": "Point", "coordinates": [1, 2]}


def check(mode: Mode = Mode.REJECT, **attributes: Any) -> list[tuple[str, str]]:
    """Return (attribute term + pointer, message) of what is found in a well."""
    body = {"id": "urn:ngsi-ld:Well:1", "type": "Well", **attributes}
    validator = ModelValidator({NS + "Well": WELL}.get, {NS + "Well": mode})
    findings = validator.check(parse_entity(body, CONTEXT))
    assert all(f.mode is mode and f.model == "Well" for f in findings)
    return [(f.attribute.removeprefix(NS) + f.pointer, f.message) for f in findings]


def test_entity_that_fits_has_no_findings():
    assert not check(
        level=3.5,
        state="wet",
        owner={"type": "Relationship", "object": "urn:ngsi-ld:Person:1"},
        place={"type": "GeoProperty", "value": POINT},
        name={"type": "LanguageProperty", "languageMap": {"ja": "井戸"}},
        log=[1, 2],
        built="1920-01-01",
    )


def test_missing_required_attribute_is_named():
    assert check(state="wet") == [("level", "Well needs the attribute level.")]


@pytest.mark.parametrize(
    ("attributes", "place", "message"),
    [
        ({"level": "high"}, "level/value", "level of a Well must be of the JSON type number."),
        ({"state": "damp"}, "state/value", "state of a Well must be one of dry, wet."),
        ({"log": [1, "x"]}, "log/value/1", "log of a Well must be of the JSON type integer."),
        ({"built": "yore"}, "built/value", "built of a Well must have the format date."),
        ({"owner": "me"}, "owner/type", "owner of a Well must be a Relationship, not a Property."),
    ],
)
def test_finding_points_at_the_value(attributes: dict[str, Any], place: str, message: str):
    assert check(**{"level": 1, **attributes}) == [(place, message)]


def test_bound_that_is_broken_is_told_in_the_schema_s_words():
    [(place, message)] = check(level=-1)
    assert place == "level/value"
    assert "minimum" in message


def test_relationship_may_hold_many():
    many = {"type": "ListRelationship", "objectList": [{"object": "urn:x:1"}]}
    assert [place for place, _ in check(level=1, owner=many)] == ["owner/objectList"]


def test_text_said_in_several_languages_is_checked_in_each():
    said = {"type": "LanguageProperty", "languageMap": {"ja": "wet", "en": "damp"}}
    assert [place for place, _ in check(level=1, state=said)] == ["state/languageMap/en"]
    said["languageMap"] = {"ja": ["wet", "dry"], "en": "dry"}
    assert not check(level=1, state=said)


def test_attribute_the_model_does_not_know_is_let_through():
    assert not check(level=1, other="anything")


@pytest.mark.parametrize("mode", [Mode.WARN, Mode.REJECT])
def test_findings_carry_the_mode_of_their_type(mode: Mode):
    assert check(mode)


def test_type_that_is_off_is_not_checked():
    assert not check(Mode.OFF)


def test_type_without_a_model_is_not_checked():
    body = {"id": "urn:ngsi-ld:Well:1", "type": "Spring"}
    validator = ModelValidator(dict[str, Model]().get, {}, Mode.REJECT)
    assert not validator.check(parse_entity(body, CONTEXT))


def test_every_type_of_an_entity_is_checked():
    body = {"id": "urn:ngsi-ld:Well:1", "type": ["Spring", "Well"]}
    validator = ModelValidator({NS + "Well": WELL}.get, {}, Mode.WARN)
    assert [f.attribute for f in validator.check(parse_entity(body, CONTEXT))] == [NS + "level"]
