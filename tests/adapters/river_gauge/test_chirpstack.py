"""ChirpStack v4 envelopes: what is read, what may be missing, what is refused."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import BadPayload
from adapters.river_gauge.chirpstack import parse_status, parse_uplink

EVENT: dict[str, Any] = {
    "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    "time": "2026-07-04T05:10:00.123+00:00",
    "deviceInfo": {"devEui": "24E124713C152345", "tags": {"site": "bridge"}},
    "fCnt": 10,
    "fPort": 85,
    "data": "AXVkA4IeAA==",
}


def without(name: str) -> bytes:
    """Return the event without a field."""
    return orjson.dumps({key: part for key, part in EVENT.items() if key != name})


def with_(name: str, content: Any) -> bytes:
    """Return the event with a field changed."""
    return orjson.dumps({**EVENT, name: content})


def test_an_uplink_is_read():
    uplink = parse_uplink(orjson.dumps(EVENT))
    assert uplink.key == EVENT["deduplicationId"]
    assert uplink.dev_eui == "24e124713c152345"
    assert (uplink.f_cnt, uplink.f_port) == (10, 85)
    assert uplink.data == bytes.fromhex("01756403821E00")
    assert uplink.tags == {"site": "bridge"}


def test_time_of_measurement_is_kept_in_utc():
    assert parse_uplink(orjson.dumps(EVENT)).time == "2026-07-04T05:10:00.123000Z"
    japan = parse_uplink(with_("time", "2020-07-04T05:50:00+09:00"))
    assert japan.time == "2020-07-03T20:50:00Z"


@pytest.mark.parametrize("name", ["fCnt", "fPort", "data"])
def test_fields_that_are_zero_or_empty_may_be_missing(name: str):
    uplink = parse_uplink(without(name))
    assert {"fCnt": uplink.f_cnt, "fPort": uplink.f_port, "data": uplink.data}[name] in (0, b"")


def test_without_deduplication_id_device_counter_and_time_identify_an_uplink():
    first, again = (
        parse_uplink(without("deduplicationId")),
        parse_uplink(without("deduplicationId")),
    )
    assert first.key == again.key
    other = orjson.loads(without("deduplicationId")) | {"fCnt": 11}
    assert parse_uplink(orjson.dumps(other)).key != first.key


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        (without("deviceInfo"), "body:/deviceInfo"),
        (with_("deviceInfo", {"devEui": "xyz"}), "body:/deviceInfo/devEui"),
        (without("time"), "body:/time"),
        (with_("time", "yesterday"), "body:/time"),
        (with_("time", "2026-07-04T05:10:00"), "body:/time"),
        (with_("time", "0001-01-01T00:00:00+09:00"), "body:/time"),
        (with_("data", "%%%"), "body:/data"),
        (with_("data", "水位"), "body:/data"),
        (with_("fCnt", "ten"), "body:/fCnt"),
    ],
)
def test_the_place_of_a_fault_is_named(payload: bytes, place: str):
    with pytest.raises(BadPayload) as caught:
        parse_uplink(payload)
    assert caught.value.place == place


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(name=st.sampled_from(sorted(EVENT)), content=JSON)
def test_any_content_of_a_field_is_read_or_refused(name: str, content: Any):
    try:
        uplink = parse_uplink(with_(name, content))
    except BadPayload:
        return
    assert uplink.time.endswith("Z")


@given(payload=st.binary(max_size=60))
def test_any_bytes_are_refused_with_a_reason(payload: bytes):
    with pytest.raises(BadPayload):
        parse_uplink(payload)


STATUS: dict[str, Any] = {
    "deduplicationId": "7a0b",
    "time": "2026-07-04T05:10:00+00:00",
    "deviceInfo": {"devEui": "24E124713C152345"},
    "batteryLevel": 80.5,
}


@pytest.mark.parametrize(
    ("change", "battery"),
    [
        ({}, 80.5),
        ({"batteryLevel": None, "batteryLevelUnavailable": True}, None),
        ({"batteryLevel": None, "externalPowerSource": True}, None),
    ],
)
def test_battery_of_a_status_is_read_unless_the_device_cannot_tell(change, battery):
    event = {name: part for name, part in {**STATUS, **change}.items() if part is not None}
    assert parse_status(orjson.dumps(event)).battery == battery


def test_battery_at_zero_may_be_missing():
    event = {name: part for name, part in STATUS.items() if name != "batteryLevel"}
    assert parse_status(orjson.dumps(event)).battery == 0


def test_battery_over_100_percent_is_refused():
    with pytest.raises(BadPayload, match="0 to 100"):
        parse_status(orjson.dumps({**STATUS, "batteryLevel": 254}))
