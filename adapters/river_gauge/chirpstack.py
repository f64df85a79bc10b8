"""ChirpStack v4 events: the JSON envelope around a LoRaWAN payload, and a device's status.

The field names are those of ChirpStack's integration interface (`UplinkEvent`, `StatusEvent`).
Fields whose value is zero, false or empty may be missing from the JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from adapters.common.times import measured_at
from adapters.contract import BadPayload
from adapters.river_gauge.lorawan import Uplink, eui, from_base64, json_object, member


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """A device's answer to the network's question for its battery. `battery` in percent."""

    key: str
    time: str
    dev_eui: str
    battery: float | None


def uplink_topic(application: str, dev_eui: str) -> str:
    """Return the topic on which ChirpStack publishes a device's uplinks."""
    return f"application/{application}/device/{dev_eui}/event/up"


def parse_uplink(payload: bytes) -> Uplink:
    """Return the uplink in an `up` event's JSON. Raises BadPayload."""
    event = json_object(payload)
    device = _device(event)
    dev_eui = eui(member(device, "devEui", str, "/deviceInfo"), place="body:/deviceInfo/devEui")
    f_cnt = member(event, "fCnt", int) or 0
    time = measured_at(event.get("time"), place="body:/time")
    tags = member(device, "tags", dict, "/deviceInfo") or {}
    return Uplink(
        key=member(event, "deduplicationId", str) or f"{dev_eui}-{f_cnt}-{time}",
        time=time,
        dev_eui=dev_eui,
        f_cnt=f_cnt,
        f_port=member(event, "fPort", int) or 0,
        data=from_base64(member(event, "data", str) or "", place="body:/data"),
        tags={str(name): str(text) for name, text in tags.items()},
    )


def parse_status(payload: bytes) -> DeviceStatus:
    """Return what a `status` event says. Raises BadPayload."""
    event = json_object(payload)
    dev_eui = eui(
        member(_device(event), "devEui", str, "/deviceInfo"), place="body:/deviceInfo/devEui"
    )
    time = measured_at(event.get("time"), place="body:/time")
    battery = event.get("batteryLevel", 0.0)
    unknown = event.get("batteryLevelUnavailable") or event.get("externalPowerSource")
    if not unknown and not (isinstance(battery, int | float) and 0 <= battery <= 100):
        raise BadPayload("the battery is not 0 to 100 percent", place="body:/batteryLevel")
    return DeviceStatus(
        key=member(event, "deduplicationId", str) or f"{dev_eui}-status-{time}",
        time=time,
        dev_eui=dev_eui,
        battery=None if unknown else float(battery),
    )


def _device(event: dict[str, Any]) -> dict[str, Any]:
    device: dict[str, Any] | None = member(event, "deviceInfo", dict)
    if device is None:
        raise BadPayload("no deviceInfo", place="body:/deviceInfo")
    return device
