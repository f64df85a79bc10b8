"""What a change of stage or a fault does: operations of one transaction. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apps.alerts.cap import listed, reference
from apps.alerts.lights import Command, light_attributes
from apps.alerts.stage import Step
from apps.alerts.texts import Texts, fault_headline, headline, over
from broker.client import Entity, timestamp, value

SEVERITIES: Final = {2: "medium", 3: "high", 4: "high", 5: "critical"}
"""Alert level → severity in the terms of the Alert model."""

Operation = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A station's new step, confirmed at a moment of the river's time by a level in metres."""

    station: Entity
    step: Step
    rising: bool
    at: datetime
    level: float
    drill: bool


def status_of(drill: bool) -> str:
    """Return the operation status that every entity touched carries."""
    return "test" if drill else "normal"


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


def quality_operation(station_id: str, quality: str, at: datetime) -> Operation:
    """Return the operation that shows the gate's verdict on the station."""
    attributes = {"judgedQuality": _observed(quality, at)}
    return {"op": "append", "id": station_id, "attrs": attributes}


def light_operation(
    light: Entity, version: str, command: Command, at: datetime, *, drill: bool
) -> Operation:
    """Return the operation that commands a light, provided nobody has changed it meanwhile."""
    attributes = light_attributes(command, at)
    attributes["operationStatus"] = _property(status_of(drill))
    return {"op": "append", "id": light["id"], "attrs": attributes, "ifMatch": version}


def alert_entity(change: Change, alert_id: str, previous: Entity | None) -> Entity:
    """Return the Alert for a step (https://smartdatamodels.org/dataModel.Alert/).

    It follows the alert of the step before, where that is still in force.
    """
    text = headline(
        step=change.step.name,
        stage=change.step.stage,
        station=name_of(change.station),
        level=change.level,
        rising=change.rising,
        drill=change.drill,
        early=change.rising and change.level < change.step.level,
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
        "operationStatus": _property(status_of(change.drill)),
        **_follows(previous),
        **_location(change.station),
    }


def end_operation(change: Change, alert: Entity) -> Operation:
    """Return the operation that ends the alert of the step before."""
    attributes = {
        "alertState": _property("superseded" if change.step.stage else "ended"),
        "validTo": _property(timestamp(change.at)),
    }
    if not change.step.stage:
        attributes["headline"] = _texts(over(value(alert, "headline", {}), technical=False))
    return {"op": "append", "id": alert["id"], "attrs": attributes}


def fault_entity(source: Entity, kind: str, alert_id: str, at: datetime, *, drill: bool) -> Entity:
    """Return the technical Alert for a fault of a gauge or a light."""
    return {
        "id": alert_id,
        "type": "Alert",
        "category": _property("environment"),
        "subCategory": _property("technical"),
        "severity": _property("informational"),
        "faultKind": _property(kind),
        "alertState": _property("active"),
        "alertSource": {"type": "Relationship", "object": source["id"]},
        "dateIssued": _property(timestamp(at)),
        "validFrom": _property(timestamp(at)),
        "headline": _texts(fault_headline(kind, name_of(source), drill=drill)),
        "operationStatus": _property(status_of(drill)),
        **_location(source),
    }


def fault_over_operation(alert: Entity, at: datetime) -> Operation:
    """Return the operation that ends a technical alert; its headline says so."""
    attributes = {
        "alertState": _property("ended"),
        "validTo": _property(timestamp(at)),
        "headline": _texts(over(value(alert, "headline", {}), technical=True)),
    }
    return {"op": "append", "id": alert["id"], "attrs": attributes}


def name_of(entity: Entity) -> Texts:
    """Return an entity's name in Japanese and English, its id where it has none."""
    names = value(entity, "name")
    if isinstance(names, dict):
        japanese = str(names.get("ja") or names.get("en") or entity["id"])
        return {"ja": japanese, "en": str(names.get("en") or japanese)}
    return {"ja": str(names or entity["id"]), "en": str(names or entity["id"])}


def _follows(previous: Entity | None) -> dict[str, Any]:
    if previous is None or value(previous, "alertState") != "active":
        return {"messageType": _property("alert")}
    earlier = [*listed(previous, "references"), reference(previous)]
    return {"messageType": _property("update"), "references": _property(earlier)}


def _location(entity: Entity) -> dict[str, Any]:
    return {"location": entity["location"]} if "location" in entity else {}


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}


def _texts(texts: Texts) -> dict[str, Any]:
    return {"type": "LanguageProperty", "languageMap": texts}


def _observed(content: Any, at: datetime) -> dict[str, Any]:
    return {"type": "Property", "value": content, "observedAt": timestamp(at)}
