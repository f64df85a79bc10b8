"""The Things Stack v3 envelopes: what is read, what may be missing, what is refused."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import BadPayload
from adapters.river_gauge.things_stack import parse_uplink

MESSAGE: dict[str, Any] = {
    "session_key_id": "AXA50tHUyBgfDjIbVXMb4g==",
    "f_port": 2,
    "f_cnt": 7,
    "frm_payload": "DOQZZgAAAAE=",
    "received_at": "2026-07-04T05:10:00.123Z",
}
EVENT: dict[str, Any] = {
    "end_device_ids": {"device_id": "bridge", "dev_eui": "A840410000012345"},
    "received_at": "2026-07-04T05:10:01Z",
    "uplink_message": MESSAGE,
}


def changed(**members: Any) -> bytes:
    """Return the event with members of its uplink changed, or left out where None."""
    message = {n: m for n, m in {**MESSAGE, **members}.items() if m is not None}
    return orjson.dumps({**EVENT, "uplink_message": message})


def test_an_uplink_is_read():
    uplink = parse_uplink(orjson.dumps(EVENT))
    assert uplink.key == "a840410000012345-AXA50tHUyBgfDjIbVXMb4g==-7"
    assert uplink.time == "2026-07-04T05:10:00.123000Z"
    assert (uplink.dev_eui, uplink.f_cnt, uplink.f_port) == ("a840410000012345", 7, 2)
    assert uplink.data == bytes.fromhex("0CE4196600000001")
    assert not uplink.simulated


def test_first_uplink_of_a_session_has_no_counter():
    assert parse_uplink(changed(f_cnt=None)).f_cnt == 0


def test_time_of_the_network_server_stands_in_for_that_of_the_uplink():
    assert parse_uplink(changed(received_at=None)).time == "2026-07-04T05:10:01Z"


def test_uplink_made_in_the_console_is_marked():
    assert parse_uplink(orjson.dumps({**EVENT, "simulated": True})).simulated


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        (b"[]", "body"),
        (b"{}", "body:/end_device_ids"),
        (orjson.dumps({**EVENT, "uplink_message": 3}), "body:/uplink_message"),
        (orjson.dumps({**EVENT, "end_device_ids": {}}), "body:/end_device_ids/dev_eui"),
        (changed(received_at="noon"), "body:/uplink_message/received_at"),
        (changed(frm_payload="%"), "body:/uplink_message/frm_payload"),
        (changed(f_cnt="7"), "body:/uplink_message/f_cnt"),
    ],
)
def test_the_place_of_a_fault_is_named(payload: bytes, place: str):
    with pytest.raises(BadPayload) as caught:
        parse_uplink(payload)
    assert caught.value.place == place


@given(payload=st.binary(max_size=60))
def test_any_bytes_are_refused_with_a_reason(payload: bytes):
    with pytest.raises(BadPayload):
        parse_uplink(payload)
