"""The Things Stack v3: the JSON of an uplink message on its MQTT server.

Fields that are zero, false or empty are left out, so the first uplink of a session has no
`f_cnt`. The MQTT server offers quality of service 0 only: what is sent while the adapter is not
connected does not come. An uplink that somebody made in the console says `simulated`.
"""

from __future__ import annotations

from typing import Any

from adapters.common.times import measured_at
from adapters.contract import BadPayload
from adapters.river_gauge.lorawan import Uplink, eui, from_base64, json_object, member


def uplink_topic(application: str, device: str) -> str:
    """Return the topic of a device's uplinks; `application` includes the tenant (`app@ttn`)."""
    return f"v3/{application}/devices/{device}/up"


def parse_uplink(payload: bytes) -> Uplink:
    """Return the uplink in a message. Raises BadPayload."""
    event = json_object(payload)
    ids = _part(event, "end_device_ids")
    dev_eui = eui(
        member(ids, "dev_eui", str, "/end_device_ids"), place="body:/end_device_ids/dev_eui"
    )
    message = _part(event, "uplink_message")
    path = "/uplink_message"
    f_cnt = member(message, "f_cnt", int, path) or 0
    received = message.get("received_at", event.get("received_at"))
    time = measured_at(received, place=f"body:{path}/received_at")
    session = member(message, "session_key_id", str, path)
    return Uplink(
        key=f"{dev_eui}-{session}-{f_cnt}" if session else f"{dev_eui}-{f_cnt}-{time}",
        time=time,
        dev_eui=dev_eui,
        f_cnt=f_cnt,
        f_port=member(message, "f_port", int, path) or 0,
        data=from_base64(
            member(message, "frm_payload", str, path) or "", place=f"body:{path}/frm_payload"
        ),
        simulated=member(event, "simulated", bool) or False,
    )


def _part(event: dict[str, Any], name: str) -> dict[str, Any]:
    part: dict[str, Any] | None = member(event, name, dict)
    if part is None:
        raise BadPayload(f"no {name}", place=f"body:/{name}")
    return part
