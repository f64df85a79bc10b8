"""Alerts and evacuation information as CAP 1.2 documents (OASIS Common Alerting Protocol). Pure.

Times carry a numeric offset and whole seconds, polygons and circles are latitude before
longitude, and there is one `info` for each language. Evacuation information asks for a response
by its level; an automatic alert only informs.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from xml.etree import ElementTree as ET

from apps.alerts.tongues import by_language
from broker.client import Entity, value

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
MEDIA_TYPE: Final = "application/cap+xml"
SENDER: Final = "machi.example"
JST: Final = timezone(timedelta(hours=9))

STATUSES: Final = {"normal": "Actual", "drill": "Exercise", "test": "Test"}
LEVELS: Final = {
    1: ("Future", "Minor", "Possible", "Monitor"),
    2: ("Future", "Moderate", "Possible", "Monitor"),
    3: ("Expected", "Severe", "Likely", "Prepare"),
    4: ("Immediate", "Severe", "Likely", "Evacuate"),
    5: ("Immediate", "Extreme", "Observed", "Shelter"),
}
"""Alert level → urgency, severity, certainty, response type of an evacuation information."""
EVENTS: Final = {"ja": "洪水", "en": "Flood"}
NOT_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def is_public(entity: Entity) -> bool:
    """Say whether an entity is published: a river alert, or what staff have published."""
    if "EvacuationInformation" in _types(entity):
        return bool(value(entity, "publicationState") == "published")
    return "Alert" in _types(entity) and value(entity, "subCategory") != "technical"


def identifier(entity: Entity) -> str:
    """Return the identifier of the document that tells an entity as it stands now."""
    return f"{entity['id']}:end" if value(entity, "alertState") == "ended" else str(entity["id"])


def sent(entity: Entity) -> str:
    """Return when the document that tells an entity as it stands now was sent."""
    ended = value(entity, "alertState") == "ended"
    return _time(value(entity, "validTo") if ended else _issued(entity))


def reference(entity: Entity) -> str:
    """Return how a later document refers to an entity's first one: sender, identifier, sent."""
    return f"{SENDER},{entity['id']},{_time(_issued(entity))}"


def document(entity: Entity) -> bytes:
    """Return the CAP document of a published alert or evacuation information.

    Raises ValueError where the entity names no time at which it was issued. An operation status
    that CAP does not know is no real event.
    """
    ended = value(entity, "alertState") == "ended"
    drill = value(entity, "operationStatus", "normal") != "normal"
    references = [str(one) for one in listed(entity, "references")]
    if ended:
        references.append(reference(entity))
    kind = "Cancel" if ended else str(value(entity, "messageType", "alert")).capitalize()
    ET.register_namespace("", NAMESPACE)
    alert = ET.Element(_name("alert"))
    _add(alert, "identifier", identifier(entity))
    _add(alert, "sender", SENDER)
    _add(alert, "sent", sent(entity))
    _add(alert, "status", STATUSES.get(str(value(entity, "operationStatus", "normal")), "Test"))
    _add(alert, "msgType", kind)
    _add(alert, "scope", "Public")
    if drill:
        _add(alert, "note", "訓練 / Drill: not a real event")
    if references:
        _add(alert, "references", " ".join(references))
    for language, text in by_language(entity, "headline").items():
        _info(alert, entity, language, text, over=kind == "Cancel")
    written: bytes = ET.tostring(alert, encoding="utf-8", xml_declaration=True)
    return written


def _info(alert: ET.Element, entity: Entity, language: str, text: str, *, over: bool) -> None:
    given = value(entity, "alertLevel")
    level = given if given in (1, 2, 3, 4, 5) else 1
    urgency, severity, certainty, response = LEVELS[level]
    if "Alert" in _types(entity):
        response = "Monitor"
    info = ET.SubElement(alert, _name("info"))
    _add(info, "language", language)
    _add(info, "category", "Met")
    _add(info, "event", EVENTS.get(language.partition("-")[0], EVENTS["en"]))
    _add(info, "responseType", "AllClear" if over else response)
    _add(info, "urgency", "Past" if over else urgency)
    _add(info, "severity", "Minor" if over else severity)
    _add(info, "certainty", "Observed" if over else certainty)
    _add(info, "effective", _time(_issued(entity)))
    with contextlib.suppress(ValueError):
        _add(info, "expires", _time(value(entity, "expiresAt")))
    _add(info, "headline", text)
    _add(info, "description", by_language(entity, "body").get(language, text))
    parameter = ET.SubElement(info, _name("parameter"))
    _add(parameter, "valueName", "alertLevel")
    _add(parameter, "value", str(level))
    for area in _areas(entity):
        info.append(area)


def _areas(entity: Entity) -> Iterator[ET.Element]:
    shape = value(entity, "areaGeometry") or value(entity, "location")
    named = [one for one in listed(entity, "areas") if isinstance(one, dict)]
    for number, one in enumerate(named or [{"name": entity["id"]}]):
        area = ET.Element(_name("area"))
        _add(area, "areaDesc", str(one.get("name", "")))
        if number == 0:
            _shape(area, shape)
        if one.get("geocode"):
            code = ET.SubElement(area, _name("geocode"))
            _add(code, "valueName", "JIS X 0402")
            _add(code, "value", str(one["geocode"]))
        yield area


def _shape(area: ET.Element, shape: Any) -> None:
    """Add a polygon or a circle; an area that is neither has its name alone."""
    kind = shape.get("type") if isinstance(shape, dict) else None
    try:
        if kind == "Polygon":
            ring = [(float(point[0]), float(point[1])) for point in shape["coordinates"][0]]
            _add(area, "polygon", " ".join(f"{north},{east}" for east, north in ring))
        elif kind == "Point":
            east, north = map(float, shape["coordinates"][:2])
            _add(area, "circle", f"{north},{east} 0")
    except (LookupError, TypeError, ValueError):
        return


def listed(entity: Entity, name: str) -> list[Any]:
    """Return what an attribute lists; nothing for one that is no list."""
    found = value(entity, name)
    return found if isinstance(found, list) else []


def _issued(entity: Entity) -> Any:
    return value(entity, "issuedAt") or value(entity, "dateIssued")


def _time(text: Any) -> str:
    try:
        moment = datetime.fromisoformat(str(text)).astimezone(JST)
    except OverflowError as error:
        raise ValueError(f"{text!r} is a time out of range") from error
    return moment.isoformat(timespec="seconds")


def _types(entity: Entity) -> list[str]:
    types = entity["type"]
    return types if isinstance(types, list) else [types]


def _name(local: str) -> str:
    return f"{{{NAMESPACE}}}{local}"


def _add(parent: ET.Element, local: str, text: str) -> None:
    ET.SubElement(parent, _name(local)).text = NOT_XML.sub("", text)
