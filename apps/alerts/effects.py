"""What a change of stage does: the operations of one transaction. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apps.alerts.lights import light_attributes, look_for
from apps.alerts.stage import Step
from apps.alerts.texts import headline
from broker.client import Entity, timestamp, value

SEVERITIES: Final = {2: "medium", 3: "high", 4: "high", 5: "critical"}
"""Alert level → severity in the terms of the Alert model."""

Operation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Light:
    """A light that follows the station, and the version it was read at."""

    entity: Entity
    version: str


@dataclass(frozen=True, slots=True)
class Change:
    """A station's new step, confirmed at a moment of the river's time by a level in metres."""

    station: Entity
    step: Step
    rising: bool
    at: datetime
    level: float
    drill: bool

    @property
    def status(self) -> str:
        """Return the operation status every entity touched carries."""
        return "test" if self.drill else "normal"


def station_operation(change: Change) -> Operation:
    """Return the operation that shows the stage on the station."""
    return {
        "op": "append",
        "id": change.station["id"],
        "attrs": {
            "stage": _observed(change.step.stage, change.at),
            "stageStep": _observed(change.step.name, change.at),
            "stageSince": _property(timestamp(change.at)),
        },
    }


def light_operations(change: Change, lights: Sequence[Light]) -> list[Operation]:
    """Return the operations that give the lights the step's look; a light run by hand is left."""
    operations = []
    for light in lights:
        if value(light.entity, "mode") == "manual":
            continue
        look = look_for(change.step.name, value(light.entity, "lookTable"), change.at)
        attributes = light_attributes(
            look, change.step.name, drill=change.drill, at=timestamp(change.at)
        )
        attributes["operationStatus"] = _property(change.status)
        operations.append(
            {
                "op": "append",
                "id": light.entity["id"],
                "attrs": attributes,
                "ifMatch": light.version,
            }
        )
    return operations


def alert_entity(change: Change, alert_id: str) -> Entity:
    """Return the Alert for a step (https://smartdatamodels.org/dataModel.Alert/)."""
    text = headline(
        step=change.step.name,
        stage=change.step.stage,
        station=_name(change.station),
        level=change.level,
        rising=change.rising,
        drill=change.drill,
    )
    at = timestamp(change.at)
    return {
        "id": alert_id,
        "type": "Alert",
        "category": _property("naturalDisaster"),
        "subCategory": _property("flood"),
        "severity": _property(SEVERITIES.get(change.step.stage, "informational")),
        "alertLevel": _property(change.step.stage),
        "stageStep": _property(change.step.name),
        "alertState": _property("active"),
        "alertSource": {"type": "Relationship", "object": change.station["id"]},
        "dateIssued": _property(at),
        "validFrom": _property(at),
        "headline": {"type": "LanguageProperty", "languageMap": text},
        "operationStatus": _property(change.status),
        **({"location": change.station["location"]} if "location" in change.station else {}),
    }


def end_operation(change: Change, alert_id: str) -> Operation:
    """Return the operation that ends the alert of the step before."""
    state = "superseded" if change.step.stage else "ended"
    attributes = {"alertState": _property(state), "validTo": _property(timestamp(change.at))}
    return {"op": "append", "id": alert_id, "attrs": attributes}


def _name(station: Entity) -> dict[str, str]:
    names = value(station, "name")
    if isinstance(names, dict):
        japanese = str(names.get("ja") or names.get("en") or station["id"])
        return {"ja": japanese, "en": str(names.get("en") or japanese)}
    return {"ja": str(names or station["id"]), "en": str(names or station["id"])}


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}


def _observed(content: Any, at: datetime) -> dict[str, Any]:
    return {"type": "Property", "value": content, "observedAt": timestamp(at)}
