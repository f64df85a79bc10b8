"""Facts of this folder, and the normalized attributes that seed entities are made of. Pure."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

import orjson

CITY: Final = "432032"
"""Hitoyoshi's municipality code."""

Entity = dict[str, Any]


def facts(name: str) -> dict[str, Any]:
    """Return the facts in a file of this folder, such as `river` or `facilities`."""
    found: dict[str, Any] = orjson.loads(files("machi.seed").joinpath(f"{name}.json").read_bytes())
    return found


def urn(entity_type: str, local: str, city: str = CITY) -> str:
    """Return the id of one of the town's entities."""
    return f"urn:ngsi-ld:{entity_type}:{city}:{local}"


def prop(value: Any) -> dict[str, Any]:
    """Return a Property."""
    return {"type": "Property", "value": value}


def metres(value: float) -> dict[str, Any]:
    """Return a Property in metres."""
    return {"type": "Property", "value": value, "unitCode": "MTR"}


def texts(by_language: dict[str, str]) -> dict[str, Any]:
    """Return a LanguageProperty."""
    return {"type": "LanguageProperty", "languageMap": by_language}


def relation(target: str | list[str]) -> dict[str, Any]:
    """Return a Relationship to one entity or several."""
    return {"type": "Relationship", "object": target}


def position(place: list[float], *, approximate: bool) -> dict[str, Any]:
    """Return a GeoProperty at [east, north]; marked where the place is only about right."""
    found = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": place}}
    if approximate:
        found["approximate"] = prop(True)
    return found
