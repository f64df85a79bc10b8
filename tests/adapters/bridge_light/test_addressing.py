"""Where a light is: what is read, and what is refused by name."""

from typing import Any

import pytest

from adapters.bridge_light.addressing import NoAddress, Sacn, Wled, address_of


def light(protocol: str, addressing: Any) -> dict[str, Any]:
    """Return an IlluminationControl at an address."""
    return {
        "protocol": {"type": "Property", "value": protocol},
        "addressing": {"type": "JsonProperty", "json": addressing},
    }


def test_sacn_address_has_defaults():
    assert address_of(light("sacn", {"universe": 7})) == Sacn(7)


def test_wled_address_is_read():
    assert address_of(light("wled", {"url": "http://10.1.0.2/"})) == Wled("http://10.1.0.2", 0)


def test_light_of_another_protocol_is_none_of_ours():
    assert address_of(light("tasmota", {"topic": "x"})) is None
    assert address_of({"protocol": {"type": "Property", "value": "sacn"}}) is None
    assert address_of({"protocol": {"type": "Property", "value": ["sacn"]}}) is None


def test_fixtures_follow_each_other_from_the_start_channel():
    assert Sacn(1, start=3, fixtures=2).slots((1, 2, 3)) == bytes([0, 0, 1, 2, 3, 1, 2, 3])
    assert Sacn(1, channels="drgb").slots((1, 2, 3)) == bytes([255, 1, 2, 3])


@pytest.mark.parametrize(
    ("protocol", "addressing", "named"),
    [
        ("sacn", [], "addressing"),
        ("sacn", {}, "universe"),
        ("sacn", {"universe": 64_000}, "universe"),
        ("sacn", {"universe": True}, "universe"),
        ("sacn", {"universe": 1, "startChannel": 0}, "startChannel"),
        ("sacn", {"universe": 1, "channels": "rgbw"}, "channels"),
        ("sacn", {"universe": 1, "channels": ["rgb"]}, "channels"),
        ("sacn", {"universe": 1, "startChannel": 500, "fixtures": 5}, "fit into one universe"),
        ("sacn", {"universe": 1, "host": 7}, "host"),
        ("wled", {}, "url"),
    ],
)
def test_fault_in_an_address_is_named(protocol: str, addressing: Any, named: str):
    with pytest.raises(NoAddress, match=named):
        address_of(light(protocol, addressing))
