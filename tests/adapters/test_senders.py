"""Whose message it is can be told of one that nobody can read: by its topic, or by what it says."""

import pytest

from adapters.common.base import DeviceAdapter
from adapters.common.registry import Registry, by_attribute
from adapters.contract import Message
from adapters.iot_agent.adapter import IotAgent
from adapters.iot_agent.groups import Group, Groups
from adapters.river_gauge.adapter import RiverGauge
from adapters.zigbee_lock.adapter import ZigbeeLock

EUI = "24e124454d083216"


@pytest.mark.parametrize(
    ("kind", "topic", "payload", "sender"),
    [
        (RiverGauge, f"application/1/device/{EUI}/event/up", b"{", EUI),
        (RiverGauge, f"application/1/device/{EUI.upper()}/event/up", b"{", EUI),
        (RiverGauge, "v3/app@ttn/devices/gauge/up", b"{", ""),
        (IotAgent, "/ul/key/band/attrs", b"{", "/care/band"),
        (IotAgent, "/ul/other/band/attrs", b"{", ""),
        (IotAgent, "elsewhere", b"{", ""),
        (ZigbeeLock, "zigbee2mqtt/door", b"{", "door"),
        (ZigbeeLock, "zigbee2mqtt/door/availability", b"{", "door"),
    ],
)
def test_topic_names_the_sender(kind: type[DeviceAdapter], topic: str, payload: bytes, sender: str):
    adapter = kind.__new__(kind)
    if isinstance(adapter, IotAgent):
        adapter._groups = Groups([Group("care", "key")])
    assert adapter.sender(Message(topic, payload)) == sender


def test_content_names_the_sender_where_the_topic_does_not():
    gauge = RiverGauge(Registry([], "river_gauge", by_attribute("devEui")))
    bad = (
        b'{"end_device_ids": {"dev_eui": "24E124454D083216"}, "uplink_message": {"f_port": 9,'
        b' "received_at": "2026-07-04T00:00:00Z", "session_key_id": "s", "frm_payload": ""}}'
    )
    assert gauge.sender(Message("v3/app@ttn/devices/gauge/up", bad)) == EUI
