"""ChirpStack v4 uplink events: the JSON envelope around a LoRaWAN payload.

The field names are those of ChirpStack's integration interface (`UplinkEvent`). Fields whose
value is zero, false or empty may be missing from the JSON.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from adapters.contract import BadPayload
from broker.client import timestamp

DEV_EUI = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Uplink:
    """One uplink. `time` (UTC) is when the gateway received it: the time of measurement."""

    deduplication_id: str
    time: str
    dev_eui: str
    f_cnt: int
    f_port: int
    data: bytes
    tags: Mapping[str, str]


def uplink_topic(application: str, dev_eui: str) -> str:
    """Return the topic on which ChirpStack publishes a device's uplinks."""
    return f"application/{application}/device/{dev_eui}/event/up"


def parse_uplink(payload: bytes) -> Uplink:
    """Return the uplink in an event's JSON. Raises BadPayload."""
    try:
        event = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise BadPayload(f"not JSON: {error}", place="body") from error
    if not isinstance(event, dict):
        raise BadPayload("not a JSON object", place="body")
    device = _member(event, "deviceInfo", dict)
    if device is None:
        raise BadPayload("no deviceInfo", place="body:/deviceInfo")
    dev_eui = (_member(device, "devEui", str, "/deviceInfo") or "").lower()
    if not DEV_EUI.fullmatch(dev_eui):
        raise BadPayload("no DevEUI of 16 hexadecimal digits", place="body:/deviceInfo/devEui")
    f_cnt = _member(event, "fCnt", int) or 0
    time = _time(_member(event, "time", str))
    tags = _member(device, "tags", dict, "/deviceInfo") or {}
    return Uplink(
        deduplication_id=_member(event, "deduplicationId", str) or f"{dev_eui}-{f_cnt}-{time}",
        time=time,
        dev_eui=dev_eui,
        f_cnt=f_cnt,
        f_port=_member(event, "fPort", int) or 0,
        data=_data(_member(event, "data", str) or ""),
        tags={str(name): str(text) for name, text in tags.items()},
    )


def _member(holder: dict[str, Any], name: str, kind: type, path: str = "") -> Any:
    found = holder.get(name)
    if found is None:
        return None
    if not isinstance(found, kind) or isinstance(found, bool):
        raise BadPayload(f"{name} is not a {kind.__name__}", place=f"body:{path}/{name}")
    return found


def _time(text: str | None) -> str:
    if text is None:
        raise BadPayload("no time of measurement", place="body:/time")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadPayload(f"not an ISO 8601 time: {text!r}", place="body:/time") from error
    if moment.tzinfo is None:
        raise BadPayload(f"a time without offset: {text!r}", place="body:/time")
    try:
        return timestamp(moment)
    except OverflowError as error:
        raise BadPayload(f"a time out of range: {text!r}", place="body:/time") from error


def _data(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise BadPayload(f"not base64: {error}", place="body:/data") from error
