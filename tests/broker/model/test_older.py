"""Entities as older versions of NGSI-LD know them (§4.3.6.8)."""

from typing import Any

import pytest

from broker.jsonld.core import CORE_CONTEXT
from broker.model.older import as_of
from broker.model.render import Form, render
from tests.broker.model.bodies import entity

TIME = "2020-07-04T06:30:00Z"
FULL: dict[str, Any] = {
    "scope": "/a",
    "expiresAt": "2999-01-01T00:00:00Z",
    "text": {"languageMap": {"ja": "人吉"}},
    "state": {"vocab": ["open", "https://example.org/x"]},
    "data": {"json": {"a": 1}},
    "list": {"valueList": [1, 2]},
    "stops": {"objectList": ["urn:a:1", "urn:b:1"]},
    "of": {"object": "urn:a:1", "objectType": "River"},
    "level": [
        {"value": 1, "unitCode": "MTR", "observedAt": TIME, "valueType": "Level"},
        {"value": 2, "datasetId": "urn:d:1", "note": {"vocab": "dry"}},
    ],
}


def shown(version: tuple[int, int], **members: Any) -> dict[str, Any]:
    """Return an entity as it is shown to a client of a version."""
    whole = as_of(entity(**(members or FULL)), version, CORE_CONTEXT)
    return render(whole, CORE_CONTEXT, Form("concise"))


@pytest.mark.parametrize("version", [(1, 9), (1, 10), (2, 0)])
def test_the_newest_version_knows_everything(version: tuple[int, int]) -> None:
    whole = entity(**FULL)
    assert as_of(whole, version, CORE_CONTEXT) is whole


def test_what_has_nothing_newer_stays_the_same_object() -> None:
    plain = entity(level={"value": 1, "sub": 2}, of={"object": "urn:a:1"})
    assert as_of(plain, (1, 0), CORE_CONTEXT) is plain


def test_before_1_9_nothing_expires_and_values_have_no_type() -> None:
    whole = as_of(entity(**FULL), (1, 8), CORE_CONTEXT)
    assert "expiresAt" not in whole
    assert "valueType" not in str(whole["attrs"])
    assert shown((1, 8))["state"] == {"vocab": ["open", "https://example.org/x"]}


def test_before_1_8_values_of_all_kinds_are_properties_and_relationships() -> None:
    told = shown((1, 7))
    assert told["state"] == ["open", "https://example.org/x"]
    assert told["data"] == {"a": 1}
    assert told["list"] == [1, 2]
    assert told["stops"] == {"object": ["urn:a:1", "urn:b:1"]}
    assert told["of"] == {"object": "urn:a:1"}
    assert told["level"][1]["note"] == "dry"
    assert told["text"] == {"languageMap": {"ja": "人吉"}}
    assert told["scope"] == "/a"


def test_before_1_4_there_are_no_languages_and_no_scopes() -> None:
    told = shown((1, 3))
    assert told["text"] == {"ja": "人吉"}
    assert "scope" not in told
    assert len(told["level"]) == 2


def test_before_1_3_there_is_one_instance_without_time_and_unit_and_one_type() -> None:
    told = shown((1, 2), **{**FULL, "type": ["River", "Waterway"]})
    assert told["level"] == 1
    assert told["type"] == "River"
    only = shown((1, 2), level=[{"value": 2, "datasetId": "urn:d:1"}])
    assert only["level"] == 2
