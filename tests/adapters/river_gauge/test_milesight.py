"""EM500-UDL payloads: what the records say, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import BadPayload
from adapters.river_gauge.milesight import Measurement, decode, encode


def test_battery_and_distance_are_read_from_their_records():
    assert decode(bytes.fromhex("01756403821E00")) == Measurement(30, 100)


def test_records_may_come_in_any_order():
    assert decode(bytes.fromhex("03821E00017564")) == Measurement(30, 100)


def test_alarm_distance_counts_in_tenths():
    measured = decode(bytes.fromhex("83E9B80B000001"))
    assert (measured.distance_mm, measured.alarm) == (300, True)


def test_alarm_that_contradicts_the_measurement_is_refused():
    with pytest.raises(BadPayload, match=r"alarm says 30\.0 mm, measurement 300 mm"):
        decode(bytes.fromhex("03822C01" + "83E92C01000001"))


def test_stored_values_are_history_and_not_the_present_distance():
    measured = decode(bytes.fromhex("20CE" + "00E1F55E" + "1E00"))
    assert measured.distance_mm is None
    assert measured.history == ((0x5EF5E100, 30),)


@pytest.mark.parametrize(
    ("payload", "place"),
    [("01756403", "data:byte 3"), ("01756403821E", "data:byte 3"), ("FF00", "data:byte 0")],
)
def test_the_place_of_a_fault_is_named(payload: str, place: str):
    with pytest.raises(BadPayload) as caught:
        decode(bytes.fromhex(payload))
    assert caught.value.place == place


def test_a_battery_over_100_percent_is_refused():
    with pytest.raises(BadPayload, match="battery"):
        decode(bytes.fromhex("0175FF"))


@given(distance=st.integers(0, 0xFFFF), battery=st.none() | st.integers(0, 100))
def test_what_is_encoded_is_decoded(distance: int, battery: int | None):
    assert decode(encode(distance, battery)) == Measurement(distance, battery)


@given(data=st.binary(max_size=40))
def test_any_bytes_are_a_measurement_or_a_bad_payload(data: bytes):
    try:
        measured = decode(data)
    except BadPayload:
        return
    assert measured.distance_mm is None or 0 <= measured.distance_mm <= 0xFFFF
