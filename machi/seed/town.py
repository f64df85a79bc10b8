"""The demo town as entities: pure functions from the facts in this folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from machi.seed.facilities import facility_entities
from machi.seed.parts import (
    CITY,
    Entity,
    facts,
    metres,
    position,
    prop,
    relation,
    texts,
    urn,
)
from machi.seed.services import service_entities

DRILL_TENANT: Final = "drill"
DRILL_ID: Final = f"urn:ngsi-ld:Drill:{CITY}:kuma-2020"


@dataclass(frozen=True, slots=True)
class Gauge:
    """A simulated gauge: where its values belong and what it sends in ordinary times."""

    local: str
    name: dict[str, str]
    sensor_height: float
    ordinary_level: float
    dev_eui: str
    drill_dev_eui: str


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
    """Return what stands in the default tenant: shelters, river, facilities, services."""
    river = facts("river")
    shelters = [_shelter(shelter) for shelter in facts("shelters")["shelters"]]
    return [
        *shelters,
        *_river_entities(river, drill=False, tables_at=None),
        *facility_entities(),
        *service_entities(),
    ]


def drill_entities(run: str, now: datetime | None = None) -> list[Entity]:
    """Return what stands in the drill tenant at the start of a drill run.

    The thresholds and looks that are valid `now` are applied to whatever time the drill plays
    in: a drill tries today's rules on yesterday's water.
    """
    entities = _river_entities(facts("river"), drill=True, tables_at=now or datetime.now(UTC))
    for entity in entities:
        if "RiverLevelStation" in entity["type"]:
            entity["drillRun"] = prop(run)
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
        "name": texts(station["name"]),
        "riverName": prop(river),
        "riverKilometre": {**prop(station["kilometre"]), "unitCode": "KMT"},
        "stage": prop(0),
        "stageStep": prop("normal" if tables else "unrated"),
        "quality": prop("missing"),
        "operationStatus": prop("test" if drill else "normal"),
        "sensorHeight": metres(station["sensorHeight"]),
        "staleAfterSeconds": prop(station["staleAfterSeconds"]),
        **{name: metres(level) for name, level in levels.items() if level is not None},
        "stageTable": {"type": "JsonProperty", "json": tables},
        "refDevice": relation(urn("Device", f"gauge-{station['local']}")),
        "location": position(station["position"], approximate=True),
    }


def _device(station: dict[str, Any], *, drill: bool) -> Entity:
    return {
        "id": urn("Device", f"gauge-{station['local']}"),
        "type": "Device",
        "deviceCategory": prop(["sensor"]),
        "controlledProperty": prop(["waterLevel"]),
        "adapter": prop("river_gauge"),
        "devEui": prop(station["drillDevEui"] if drill else station["devEui"]),
        "simulated": prop(True),
        "controlledAsset": relation(urn("RiverLevelStation", station["local"])),
        "operationStatus": prop("test" if drill else "normal"),
    }


def _group(bridge: dict[str, Any]) -> Entity:
    return {
        "id": urn("StreetlightGroup", bridge["local"]),
        "type": "StreetlightGroup",
        "name": texts(bridge["name"]),
        "location": position(bridge["position"], approximate=True),
    }


def _light(bridge: dict[str, Any], tables: list[dict[str, Any]], *, drill: bool) -> Entity:
    """Return the bridge light, dark: the alerts app, which knows the hour, lights it."""
    look = tables[-1]["looks"]["normal"]
    return {
        "id": urn("IlluminationControl", bridge["local"]),
        "type": ["Streetlight", "IlluminationControl"],
        "name": texts(bridge["name"]),
        "locationCategory": prop("bridge"),
        "status": prop("ok"),
        "mode": prop("ordinary"),
        "colour": prop(look["colour"]),
        "effect": prop("off"),
        "brightness": prop(look["brightness"]),
        "step": prop("normal"),
        "commandStatus": prop("pending"),
        "operationStatus": prop("test" if drill else "normal"),
        "protocol": prop("sacn"),
        "schedule": {"type": "JsonProperty", "json": bridge["schedule"]},
        "lookTable": {"type": "JsonProperty", "json": tables},
        "refStreetlightGroup": relation(urn("StreetlightGroup", bridge["local"])),
        "refStation": relation(urn("RiverLevelStation", bridge["station"])),
        "location": position(bridge["position"], approximate=True),
    }


def _shelter(shelter: dict[str, Any]) -> Entity:
    return {
        "id": urn("EvacuationShelter", shelter["local"]),
        "type": ["PointOfInterest", "EvacuationShelter"],
        "name": texts(shelter["name"]),
        "shelterKind": prop(shelter["shelterKind"]),
        **({"hazardTypes": prop(shelter["hazardTypes"])} if shelter["hazardTypes"] else {}),
        "openState": prop("closed"),
        "municipalityCode": prop(CITY),
        "openDataId": prop(shelter["openDataIds"]),
        "location": position(shelter["position"], approximate=False),
    }
