"""LDDS75 payloads: what the bytes say, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import BadPayload
from adapters.river_gauge.dragino import Measurement, decode, encode


def test_battery_and_distance_are_read():
    assert decode(bytes.fromhex("0CE4196600000001")) == Measurement(6502, 3300)


@pytest.mark.parametrize("payload", ["0CE4196600000000", "0CE4000000000001"])
def test_sensor_that_does_not_answer_has_no_distance(payload: str):
    assert decode(bytes.fromhex(payload)).distance_mm is None


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("0CE41966", "4 bytes"),
        ("1CE4196600000001", "several samples"),
        ("20CE196600000001", "battery at 8398 mV"),
    ],
)
def test_other_formats_are_refused(payload: str, reason: str):
    with pytest.raises(BadPayload, match=reason):
        decode(bytes.fromhex(payload))


@given(distance=st.none() | st.integers(1, 0xFFFF), battery=st.integers(1800, 4000))
def test_what_is_encoded_is_decoded(distance: int | None, battery: int):
    assert decode(encode(distance, battery)) == Measurement(distance, battery)


@given(data=st.binary(max_size=12))
def test_any_bytes_are_a_measurement_or_a_bad_payload(data: bytes):
    try:
        measured = decode(data)
    except BadPayload:
        return
    assert measured.distance_mm is None or 0 < measured.distance_mm <= 0xFFFF
