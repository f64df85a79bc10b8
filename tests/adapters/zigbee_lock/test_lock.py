"""Zigbee2MQTT's messages: what they say about a lock, and that no code gets past."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.common.redact import redact
from adapters.contract import BadPayload, Message
from adapters.zigbee_lock.lock import (
    BadCode,
    attributes,
    clear_code,
    order,
    read,
    set_code,
)

NOW = "2026-07-04T00:00:00Z"


def message(topic: str = "zigbee2mqtt/gym", **told: Any) -> Message:
    """Return a message as it came."""
    return Message(topic, orjson.dumps(told), NOW, "ticket")


def values(**told: Any) -> dict[str, Any]:
    """Return the attribute values of a lock's message."""
    reading = read(message(**told))
    assert reading is not None
    return {
        name: attribute.get("value", attribute.get("json"))
        for name, attribute in attributes(reading).items()
    }


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"lock_state": "locked", "state": "LOCK"}, "locked"),
        ({"lock_state": "unlocked"}, "unlocked"),
        ({"lock_state": "not_fully_locked", "state": "LOCK"}, "notFullyLocked"),
        ({"lock_state": "melted"}, "unknown"),
        ({"state": "UNLOCK"}, "unlocked"),
        ({"lock_state": None, "state": "LOCK"}, "locked"),
    ],
)
def test_state_is_that_of_the_bolt(told: dict[str, Any], state: str):
    assert values(**told)["lockState"] == state


@pytest.mark.parametrize(
    ("battery", "low", "critical"), [(80, None, False), (19, None, True), (50, True, True)]
)
def test_battery_is_a_share_and_critical_below_a_fifth(battery, low, critical):
    shown = values(lock_state="locked", battery=battery, battery_low=low)
    assert (shown["batteryLevel"], shown["batteryCritical"]) == (battery / 100, critical)


def test_slots_show_their_states_and_never_a_code():
    users = {"1": {"status": "enabled", "pin_code": "4829"}, "2": {"status": "available"}}
    shown = values(lock_state="locked", users=users)
    assert shown["codeSlots"] == {"1": "enabled", "2": "available"}


@pytest.mark.parametrize(
    ("seen", "at"),
    [
        ("2026-07-04T05:50:00+09:00", "2026-07-03T20:50:00Z"),
        (1_783_111_800_000, "2026-07-03T20:50:00Z"),
        (None, NOW),
        ("N/A", NOW),
    ],
)
def test_time_is_when_the_lock_was_last_heard(seen: Any, at: str):
    reading = read(message(lock_state="locked", last_seen=seen))
    assert reading is not None
    assert reading.observed_at == at


@pytest.mark.parametrize("told", [{"state": "ON", "brightness": 254}, {"temperature": 20}])
def test_other_devices_say_nothing_about_locks(told: dict[str, Any]):
    assert read(message(**told)) is None


@pytest.mark.parametrize("payload", [b"online", b'{"state": "online"}'])
def test_availability_is_read_in_both_forms(payload: bytes):
    reading = read(Message("zigbee2mqtt/gym/availability", payload, NOW, "t"))
    assert reading is not None
    assert (reading.device, reading.values) == ("gym", {"availability": "online"})


@pytest.mark.parametrize(
    ("topic", "payload", "place"),
    [
        ("zigbee2mqtt/gym", b"LOCK", "body"),
        ("zigbee2mqtt/gym", b"[]", "body"),
        ("zigbee2mqtt/gym", b'{"lock_state":"locked","battery":300}', "body:/battery"),
        ("zigbee2mqtt/gym", b'{"lock_state":"locked","last_seen":"noon"}', "body:/last_seen"),
        ("zigbee2mqtt/gym/availability", b"asleep", "body:/state"),
    ],
)
def test_the_place_of_a_fault_is_named(topic: str, payload: bytes, place: str):
    with pytest.raises(BadPayload) as caught:
        read(Message(topic, payload, NOW, "t"))
    assert caught.value.place == place


def test_commands_are_states():
    assert (order("lock"), order("unlock")) == (b'{"state":"LOCK"}', b'{"state":"UNLOCK"}')


def test_code_is_set_as_a_number_and_cleared_by_null():
    told = orjson.loads(set_code(3, "482913"))["pin_code"]
    assert told == {
        "user": 3,
        "user_type": "unrestricted",
        "user_enabled": True,
        "pin_code": 482913,
    }
    assert orjson.loads(clear_code(3)) == {"pin_code": {"user": 3, "pin_code": None}}


@pytest.mark.parametrize("pin", ["0123", "123", "12345678901", "12a4", "", "１２３４"])
def test_code_a_lock_cannot_take_is_refused_without_repeating_it(pin: str):
    with pytest.raises(BadCode) as caught:
        set_code(1, pin)
    assert not pin or pin not in str(caught.value)


@pytest.mark.parametrize("slot", [0, 251])
def test_slot_out_of_range_is_refused(slot: int):
    with pytest.raises(BadCode):
        clear_code(slot)


codes = st.integers(1000, 9_999_999_999)


@given(code=codes, key=st.sampled_from(["pin_code", "PIN", "pincode", "code"]), text=st.booleans())
def test_no_code_is_left_in_a_message(code: int, key: str, text: bool):
    shown = str(code) if text else code
    told = message(lock_state="locked", users={"1": {"status": "enabled", key: shown}})
    kept = redact(told)
    assert str(code).encode() not in kept.payload
    assert orjson.loads(kept.payload)["users"]["1"] == {"status": "enabled", key: None}


@given(payload=st.binary(max_size=60))
def test_any_bytes_are_about_a_lock_or_not_or_refused(payload: bytes):
    try:
        reading = read(redact(Message("zigbee2mqtt/gym", payload, NOW, "t")))
    except BadPayload:
        return
    assert reading is None or "lockState" in reading.values
