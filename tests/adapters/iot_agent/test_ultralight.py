"""Ultralight 2.0: what a text says, what it cannot say, what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import BadPayload, CommandFailed
from adapters.iot_agent.ultralight import (
    command,
    is_result,
    measures,
    result,
    with_time,
)


@pytest.mark.parametrize(
    ("payload", "groups"),
    [
        (b"t|15|k|abc", [(None, {"t": "15", "k": "abc"})]),
        (b"gps|1.2/3.4#t|10", [(None, {"gps": "1.2/3.4"}), (None, {"t": "10"})]),
        (b"2016-06-13T00:35:30Z|lle|100", [("2016-06-13T00:35:30Z", {"lle": "100"})]),
        (b"t|", [(None, {"t": ""})]),
    ],
)
def test_measures_are_read_in_groups_with_their_time(payload: bytes, groups: list):
    assert measures(payload) == groups


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        (b"", "body:group 0"),
        (b"t|15#k", "body:group 1"),
        (b"|15", "body:group 0"),
        (b"noon|t|15", "body:group 0"),
        (b"2016-06-13T00:35:30|t|15", "body:group 0"),
        (b"\xff|1", "body"),
    ],
)
def test_the_place_of_a_fault_is_named(payload: bytes, place: str):
    with pytest.raises(BadPayload) as caught:
        measures(payload)
    assert caught.value.place == place


def test_time_beside_a_message_counts_for_groups_that_have_none():
    timed = with_time(b"t|1#2016-06-13T00:35:30Z|t|2", "2016-06-13T00:35:00Z")
    assert [time for time, _ in measures(timed)] == ["2016-06-13T00:35:00Z", "2016-06-13T00:35:30Z"]


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("", "door@unlock|"),
        (5, "door@unlock|5"),
        (True, "door@unlock|true"),
        ({"seconds": 5, "by": "staff"}, "door@unlock|seconds=5|by=staff"),
        (["a", 2], "door@unlock|a|2"),
    ],
)
def test_command_carries_its_arguments(argument: object, text: str):
    assert command("door", "unlock", argument) == text.encode()


@pytest.mark.parametrize("argument", ["a|b", {"a": {"b": 1}}, ["x#y"], "a\nb"])
def test_argument_that_ultralight_cannot_say_is_refused(argument: object):
    with pytest.raises(CommandFailed):
        command("door", "unlock", argument)


def test_result_is_read():
    assert result(b"door@unlock|opened|wide") == ("door", "unlock", "opened|wide")
    assert is_result(b"door@unlock|opened")
    assert not is_result(b"t|user@host")


@pytest.mark.parametrize("payload", [b"door|x", b"@unlock|x", b"door@|x", b"door@unlock"])
def test_anything_else_is_no_result(payload: bytes):
    with pytest.raises(BadPayload):
        result(payload)


@given(payload=st.binary(max_size=60))
def test_any_bytes_are_measures_or_refused(payload: bytes):
    try:
        groups = measures(payload)
    except BadPayload:
        return
    assert all(values for _, values in groups)
