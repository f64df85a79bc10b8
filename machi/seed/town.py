"""The demo town as entities: pure functions from the facts in this folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Final

import orjson

CITY: Final = "432032"
DRILL_TENANT: Final = "drill"
DRILL_ID: Final = f"urn:ngsi-ld:Drill:{CITY}:kuma-2020"

Entity = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A simulated gauge: where its values belong and what it sends in ordinary times."""

    local: str
    name: dict[str, str]
    sensor_height: float
    ordinary_level: float
    dev_eui: str
    drill_dev_eui: str


def facts(name: str) -> dict[str, Any]:
    """Return the facts in a file of this folder (`river`, `shelters`, `kuma-2020`)."""
    found: dict[str, Any] = orjson.loads(files("machi.seed").joinpath(f"{name}.json").read_bytes())
    return found


def urn(entity_type: str, local: str) -> str:
    """Return the id of one of the town's entities."""
    return f"urn:ngsi-ld:{entity_type}:{CITY}:{local}"


def gauges() -> list[Gauge]:
    """Return the four gauges."""
    return [
        Gauge(
            station["local"],
            station["name"],
            station["sensorHeight"],
            station["ordinaryLevel"],
            station["devEui"],
            station["drillDevEui"],
        )
        for station in facts("river")["stations"]
    ]


def town_entities() -> list[Entity]:
    """Return what stands in the default tenant: shelters, stations, devices, bridge."""
    river = facts("river")
    shelters = [_shelter(shelter) for shelter in facts("shelters")["shelters"]]
    return [*shelters, *_river_entities(river, drill=False, tables_at=None)]


def drill_entities(run: str, now: datetime | None = None) -> list[Entity]:
    """Return what stands in the drill tenant at the start of a drill run.

    The thresholds and looks that are valid `now` are applied to whatever time the drill plays
    in: a drill tries today's rules on yesterday's water.
    """
    entities = _river_entities(facts("river"), drill=True, tables_at=now or datetime.now(UTC))
    for entity in entities:
        if "RiverLevelStation" in entity["type"]:
            entity["drillRun"] = _property(run)
    return entities


def _river_entities(
    river: dict[str, Any], *, drill: bool, tables_at: datetime | None
) -> list[Entity]:
    entities = []
    for station in river["stations"]:
        tables = _tables(station["stageTable"], tables_at)
        entities.append(_station(station, river["river"], tables, drill=drill))
        entities.append(_device(station, drill=drill))
    bridge = river["bridge"]
    entities.append(_group(bridge))
    entities.append(_light(bridge, _tables(bridge["lookTable"], tables_at), drill=drill))
    return entities


def _tables(tables: list[dict[str, Any]], at: datetime | None) -> list[dict[str, Any]]:
    if at is None:
        return tables
    return [
        {name: part for name, part in table.items() if name not in ("validFrom", "validTo")}
        for table in tables
        if datetime.fromisoformat(table.get("validFrom", "0001-01-02T00:00:00+00:00")) <= at
        and at < datetime.fromisoformat(table.get("validTo", "9999-12-30T00:00:00+00:00"))
    ]


def _station(
    station: dict[str, Any], river: str, tables: list[dict[str, Any]], *, drill: bool
) -> Entity:
    steps = {step["step"]: step["level"] for table in tables for step in table["steps"]}
    levels = {
        "cautionLevel": steps.get("caution"),
        "dangerLevel": steps.get("danger"),
        "designHighWaterLevel": steps.get("designHighWater"),
    }
    return {
        "id": urn("RiverLevelStation", station["local"]),
        "type": ["FloodMonitoring", "RiverLevelStation"],
        "name": _texts(station["name"]),
        "riverName": _property(river),
        "riverKilometre": {**_property(station["kilometre"]), "unitCode": "KMT"},
        "stage": _property(0),
        "stageStep": _property("normal" if tables else "unrated"),
        "quality": _property("missing"),
        "operationStatus": _property("test" if drill else "normal"),
        "sensorHeight": _metres(station["sensorHeight"]),
        "staleAfterSeconds": _property(station["staleAfterSeconds"]),
        **{name: _metres(level) for name, level in levels.items() if level is not None},
        "stageTable": {"type": "JsonProperty", "json": tables},
        "refDevice": _relationship(urn("Device", f"gauge-{station['local']}")),
        "location": _position(station["position"], approximate=True),
    }


def _device(station: dict[str, Any], *, drill: bool) -> Entity:
    return {
        "id": urn("Device", f"gauge-{station['local']}"),
        "type": "Device",
        "category": _property(["sensor"]),
        "controlledProperty": _property(["waterLevel"]),
        "adapter": _property("river_gauge"),
        "devEui": _property(station["drillDevEui"] if drill else station["devEui"]),
        "simulated": _property(True),
        "controlledAsset": _relationship(urn("RiverLevelStation", station["local"])),
        "operationStatus": _property("test" if drill else "normal"),
    }


def _group(bridge: dict[str, Any]) -> Entity:
    return {
        "id": urn("StreetlightGroup", bridge["local"]),
        "type": "StreetlightGroup",
        "name": _texts(bridge["name"]),
        "location": _position(bridge["position"], approximate=True),
    }


def _light(bridge: dict[str, Any], tables: list[dict[str, Any]], *, drill: bool) -> Entity:
    """Return the bridge light, dark: the alerts app, which knows the hour, lights it."""
    look = tables[-1]["looks"]["normal"]
    return {
        "id": urn("IlluminationControl", bridge["local"]),
        "type": ["Streetlight", "IlluminationControl"],
        "name": _texts(bridge["name"]),
        "locationCategory": _property("bridge"),
        "mode": _property("ordinary"),
        "colour": _property(look["colour"]),
        "effect": _property("off"),
        "brightness": _property(look["brightness"]),
        "step": _property("normal"),
        "commandStatus": _property("pending"),
        "operationStatus": _property("test" if drill else "normal"),
        "protocol": _property("sacn"),
        "schedule": {"type": "JsonProperty", "json": bridge["schedule"]},
        "lookTable": {"type": "JsonProperty", "json": tables},
        "refStreetlightGroup": _relationship(urn("StreetlightGroup", bridge["local"])),
        "refStation": _relationship(urn("RiverLevelStation", bridge["station"])),
        "location": _position(bridge["position"], approximate=True),
    }


def _shelter(shelter: dict[str, Any]) -> Entity:
    return {
        "id": urn("EvacuationShelter", shelter["local"]),
        "type": ["PointOfInterest", "EvacuationShelter"],
        "name": _texts(shelter["name"]),
        "shelterKind": _property(shelter["shelterKind"]),
        **({"hazardTypes": _property(shelter["hazardTypes"])} if shelter["hazardTypes"] else {}),
        "openState": _property("closed"),
        "municipalityCode": _property(CITY),
        "openDataId": _property(shelter["openDataIds"]),
        "location": _position(shelter["position"], approximate=False),
    }


def _property(value: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value}


def _metres(value: float) -> dict[str, Any]:
    return {"type": "Property", "value": value, "unitCode": "MTR"}


def _texts(texts: dict[str, str]) -> dict[str, Any]:
    return {"type": "LanguageProperty", "languageMap": texts}


def _relationship(target: str) -> dict[str, Any]:
    return {"type": "Relationship", "object": target}


def _position(position: list[float], *, approximate: bool) -> dict[str, Any]:
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": position}}
    if approximate:
        place["approximate"] = _property(True)
    return place
