"""IoT-Agent JSON: what an object says, what is refused."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import BadPayload
from adapters.iot_agent.iotjson import command, measures, results, single, with_time


def test_measures_are_read_with_their_time():
    payload = b'{"t": 15, "TimeInstant": "2016-06-13T00:35:30+02:00"}'
    assert measures(payload) == [("2016-06-12T22:35:30Z", {"t": 15})]


def test_each_object_of_an_array_is_a_group():
    assert measures(b'[{"t": 1}, {"t": 2}]') == [(None, {"t": 1}), (None, {"t": 2})]


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        (b"t|15", "body"),
        (b"15", "body:"),
        (b"{}", "body:"),
        (b'[{"t": 1}, 2]', "body:/1"),
        (b'{"t": 1, "TimeInstant": 7}', "body:/TimeInstant"),
    ],
)
def test_the_place_of_a_fault_is_named(payload: bytes, place: str):
    with pytest.raises(BadPayload) as caught:
        measures(payload)
    assert caught.value.place == place


def test_single_measure_is_json_or_plain_text():
    assert (single(b"15"), single(b"open")) == (15, "open")


def test_time_beside_a_message_counts_for_objects_that_have_none():
    timed = with_time(b'[{"t": 1}, {"t": 2, "TimeInstant": "2016-06-13T00:35:30Z"}]', "2016-01-01")
    assert [part["TimeInstant"] for part in orjson.loads(timed)] == [
        "2016-01-01",
        "2016-06-13T00:35:30Z",
    ]
    assert with_time(b"no json", "2016-01-01") == b"no json"


def test_command_and_results_are_objects_by_command():
    assert command("unlock", {"seconds": 5}) == b'{"unlock":{"seconds":5}}'
    assert results(b'{"unlock": "opened", "blink": {"n": 1}}') == {
        "unlock": "opened",
        "blink": '{"n":1}',
    }
    with pytest.raises(BadPayload):
        results(b"[]")


@given(payload=st.binary(max_size=60))
def test_any_bytes_are_measures_or_refused(payload: bytes):
    try:
        groups = measures(payload)
    except BadPayload:
        return
    assert all(values for _, values in groups)
