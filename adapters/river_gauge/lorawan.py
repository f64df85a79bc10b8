"""What the network servers' envelopes have in common: a LoRaWAN uplink and how it is read."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from adapters.contract import BadPayload

DEV_EUI: Final = re.compile(r"[0-9a-f]{16}")
LONGEST: Final = 242
"""Bytes that the fastest data rate of LoRaWAN carries for an application."""


@dataclass(frozen=True, slots=True)
class Uplink:
    """One uplink. `time` (UTC) is when the network received it: the time of measurement.

    `key` is the same for every repetition; `simulated` says that the network server made it up.
    """

    key: str
    time: str
    dev_eui: str
    f_cnt: int
    f_port: int
    data: bytes
    tags: Mapping[str, str] = field(default_factory=dict)
    simulated: bool = False


def json_object(payload: bytes) -> dict[str, Any]:
    """Return the JSON object in a message. Raises BadPayload."""
    try:
        event = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise BadPayload(f"not JSON: {error}", place="body") from error
    if not isinstance(event, dict):
        raise BadPayload("not a JSON object", place="body")
    return event


def member(holder: dict[str, Any], name: str, kind: type, path: str = "") -> Any:
    """Return a member of the right kind, None where it is missing. Raises BadPayload."""
    found = holder.get(name)
    if found is None:
        return None
    if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
        raise BadPayload(f"{name} is not a {kind.__name__}", place=f"body:{path}/{name}")
    return found


def eui(text: str | None, *, place: str) -> str:
    """Return a DevEUI in lower case. Raises BadPayload."""
    lower = (text or "").lower()
    if not DEV_EUI.fullmatch(lower):
        raise BadPayload("no DevEUI of 16 hexadecimal digits", place=place)
    return lower


def from_base64(text: str, *, place: str) -> bytes:
    """Return the bytes of a base64 text. Raises BadPayload."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise BadPayload(f"not base64: {error}", place=place) from error
    if len(data) > LONGEST:
        raise BadPayload(f"{len(data)} bytes; LoRaWAN carries {LONGEST}", place=place)
    return data
