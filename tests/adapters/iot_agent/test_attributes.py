"""From measures to attributes: what the Device's map says, what a device may not say."""

from typing import Any

import pytest

from adapters.contract import BadPayload
from adapters.iot_agent.attributes import device_attributes

AT = "2026-07-04T00:00:00Z"


def device(known: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    """Return a Device with a map and further values."""
    entity = {name: {"type": "Property", "value": part} for name, part in values.items()}
    if known is not None:
        entity["attributeMap"] = {"type": "JsonProperty", "json": known}
    return entity


def test_map_gives_names_types_and_units():
    known = {
        "t": {"name": "temperature", "type": "number", "unitCode": "CEL"},
        "o": {"name": "open", "type": "boolean"},
        "n": {"name": "label", "type": "text"},
        "gps": {"name": "location", "type": "geo:point"},
    }
    values = {"t": "15.5", "o": "true", "n": "007", "gps": "32.2/130.7", "x": "1"}
    assert device_attributes(device(known), values, AT) == {
        "temperature": {"type": "Property", "value": 15.5, "observedAt": AT, "unitCode": "CEL"},
        "open": {"type": "Property", "value": True, "observedAt": AT},
        "label": {"type": "Property", "value": "007", "observedAt": AT},
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [130.7, 32.2]},
            "observedAt": AT,
        },
    }


@pytest.mark.parametrize(
    ("given", "value"),
    [("15", 15), ("-1.50", -1.5), ("007", "007"), ("abc", "abc"), (True, True), (3, 3)],
)
def test_without_a_map_what_looks_like_a_number_is_one(given: Any, value: Any):
    attribute = device_attributes(device(), {"t": given}, AT)["t"]
    assert attribute["value"] == value
    assert type(attribute["value"]) is type(value)


@pytest.mark.parametrize(
    "name",
    ["adapter", "controlledAsset", "deviceId", "unlock", "unlock_status", "location", "a b", "1t"],
)
def test_device_may_not_say_how_it_is_treated_or_command_itself(name: str):
    with pytest.raises(BadPayload, match="may not set"):
        device_attributes(device(commands=["unlock"]), {name: "1"}, AT)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("number", "warm"),
        ("number", "NaN"),
        ("boolean", "perhaps"),
        ("geo:point", "91,0"),
        ("geo:point", "1"),
        (None, None),
    ],
)
def test_value_that_does_not_fit_its_type_is_refused_by_place(kind: str | None, given: Any):
    known = {"t": {"name": "x", **({"type": kind} if kind else {})}}
    with pytest.raises(BadPayload) as caught:
        device_attributes(device(known), {"t": given}, AT)
    assert caught.value.place == "body:/t"
