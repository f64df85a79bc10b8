"""River gauges made of software: real payloads in real envelopes of the network servers."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import orjson

from adapters.contract import Message
from adapters.river_gauge import chirpstack, dragino, things_stack
from adapters.river_gauge.milesight import encode

APPLICATION = "17c82e96-be03-4f38-aef3-f83d48582d97"


class FakeGauge:
    """An EM500-UDL behind a ChirpStack v4 (contract: `adapters.contract.FakeDevice`).

    Sends like the original, so zero-valued fields are left out.
    """

    def __init__(self, dev_eui: str, name: str, sensor_height: float) -> None:
        self.dev_eui = dev_eui
        self.name = name
        self.sensor_height = sensor_height
        self._frames = 0

    def message(self, observed_at: str, **values: Any) -> Message:
        """Return the uplink for `level` (metres), with `battery` (percent) and `tags` if given."""
        distance = round(self.sensor_height * 1000) - round(values["level"] * 1000)
        data = encode(max(0, min(distance, 0xFFFF)), values.get("battery"))
        event: dict[str, Any] = {
            "deduplicationId": str(uuid.uuid4()),
            "time": observed_at,
            "deviceInfo": {
                "tenantName": "machi",
                "applicationId": APPLICATION,
                "applicationName": "river gauges",
                "deviceProfileName": "EM500-UDL",
                "deviceName": self.name,
                "devEui": self.dev_eui,
                "tags": values.get("tags", {}),
            },
            "adr": True,
            "dr": 5,
            "fPort": 85,
            "data": base64.b64encode(data).decode(),
        }
        if self._frames:
            event["fCnt"] = self._frames
        self._frames += 1
        return Message(chirpstack.uplink_topic(APPLICATION, self.dev_eui), orjson.dumps(event))


class FakeLdds75:
    """A Dragino LDDS75 behind The Things Stack v3 (contract: `adapters.contract.FakeDevice`).

    Leaves zero-valued fields out, as the stack does. `values`: `level` (metres; None for a
    sensor that does not answer), `battery_mv`, `simulated`.
    """

    def __init__(self, dev_eui: str, name: str, sensor_height: float) -> None:
        self.dev_eui = dev_eui
        self.name = name
        self.sensor_height = sensor_height
        self._session = base64.b64encode(uuid.uuid4().bytes).decode()
        self._frames = 0

    def message(self, observed_at: str, **values: Any) -> Message:
        """Return the uplink for a level at a time."""
        level = values["level"]
        distance = None if level is None else round((self.sensor_height - level) * 1000)
        data = dragino.encode(distance, values.get("battery_mv", 3300))
        uplink: dict[str, Any] = {
            "session_key_id": self._session,
            "f_port": 2,
            "frm_payload": base64.b64encode(data).decode(),
            "received_at": observed_at,
        }
        if self._frames:
            uplink["f_cnt"] = self._frames
        self._frames += 1
        event: dict[str, Any] = {
            "end_device_ids": {
                "device_id": self.name,
                "application_ids": {"application_id": "gauges"},
                "dev_eui": self.dev_eui.upper(),
            },
            "received_at": observed_at,
            "uplink_message": uplink,
        }
        if values.get("simulated"):
            event["simulated"] = True
        topic = things_stack.uplink_topic("gauges@town", self.name)
        return Message(topic, orjson.dumps(event))
