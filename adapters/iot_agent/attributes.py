"""From a device's measures to attributes, as its Device entity says. Pure.

`attributeMap` (a JsonProperty) names what a device's short names mean:

    {"t": {"name": "temperature", "type": "number", "unitCode": "CEL"}}

Types: number, boolean, text, geo:point ("lat,lon"), json. Where there is a map, only what is in
it is taken; without one, everything a device may say about itself is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from adapters.common.writer import measured
from adapters.contract import BadPayload
from broker.client import Entity, value

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")
OWN: Final = frozenset(
    (
        "id",
        "type",
        "scope",
        "adapter",
        "serviceGroup",
        "deviceId",
        "ioProtocol",
        "endpoint",
        "transport",
        "attributeMap",
        "commands",
        "commandExpirySeconds",
        "controlledAsset",
        "simulated",
        "clockAheadSeconds",
        "location",
    )
)
"""What a device may not say about itself without a map: how it is treated, and where it is."""


def device_attributes(device: Entity, values: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Return the normalized attributes that a device's values set. Raises BadPayload."""
    known = value(device, "attributeMap")
    commands = commands_of(device)
    attributes = {}
    for short, given in values.items():
        if isinstance(known, dict):
            entry = known.get(short)
            if not isinstance(entry, dict):
                continue
        else:
            entry = {}
        name = str(entry.get("name", short))
        forbidden = not known and (name in OWN or _about_commands(name, commands))
        if forbidden or not NAME.fullmatch(name):
            raise BadPayload("a name that a device may not set", place=f"body:/{short[:64]}")
        attributes[name] = _attribute(given, entry, at, f"body:/{short[:64]}")
    return attributes


def commands_of(device: Entity) -> frozenset[str]:
    """Return the names of the commands a Device takes."""
    names = value(device, "commands", [])
    listed = names if isinstance(names, list) else [names]
    return frozenset(str(name) for name in listed)


def _about_commands(name: str, commands: frozenset[str]) -> bool:
    return name in commands or name.endswith(("_status", "_info"))


def _attribute(given: Any, entry: Mapping[str, Any], at: str, place: str) -> dict[str, Any]:
    kind = entry.get("type")
    more = {"unitCode": entry["unitCode"]} if "unitCode" in entry else {}
    if kind == "geo:point":
        return {"type": "GeoProperty", "value": _point(given, place), "observedAt": at}
    if kind == "json" or (kind is None and isinstance(given, dict | list)):
        return {"type": "JsonProperty", "json": given, "observedAt": at}
    if kind == "number":
        return measured(_number(given, place), at, **more)
    if kind == "boolean":
        if str(given).lower() not in {"true", "false", "1", "0"}:
            raise BadPayload("not a boolean", place=place)
        return measured(str(given).lower() in {"true", "1"}, at)
    if kind == "text":
        return measured(str(given), at)
    if isinstance(given, str) and NUMBER.fullmatch(given):
        return measured(_number(given, place), at, **more)
    if given is None:
        raise BadPayload("no value", place=place)
    return measured(given, at, **more)


def _number(given: Any, place: str) -> int | float:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return given
    if not (isinstance(given, str) and NUMBER.fullmatch(given.strip())):
        raise BadPayload("not a number", place=place)
    text = given.strip()
    return float(text) if "." in text else int(text)


def _point(given: Any, place: str) -> dict[str, Any]:
    parts = re.split(r"[,/]", given) if isinstance(given, str) else given
    if not isinstance(parts, list) or len(parts) != 2:
        raise BadPayload("not a position: latitude, longitude", place=place)
    latitude, longitude = (_number(part, place) for part in parts)
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise BadPayload("not a position on Earth", place=place)
    return {"type": "Point", "coordinates": [longitude, latitude]}
