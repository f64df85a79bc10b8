"""What staff do, as conditional writes to the broker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from apps.alerts.cap import listed
from apps.alerts.evacuation import text_version
from apps.alerts.texts import DRILL_MARK, Texts
from broker.client import Client, Entity, NotFound, PreconditionFailed, timestamp, value

TRIES: Final = 8
TWO_PERSONS_FROM: Final = 3
"""The alert level from which two persons must approve."""
HIGHEST: Final = 5
LONGEST: Final = 240
"""Minutes a person may run a light by hand."""
REASONS: Final = ("maintenance", "wrongColour", "emergency", "test", "event")
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "off": {"colour": "#FFB46B", "effect": "off"},
    "warmWhite": {"colour": "#FFB46B", "effect": "steady"},
    "white": {"colour": "#FFFFFF", "effect": "steady"},
    "red": {"colour": "#FF0000", "effect": "steady"},
    "blinkingRed": {"colour": "#FF0000", "effect": "blink"},
    "noInformation": {"colour": "#0000FF", "effect": "steady"},
}

ALERT_LOOKS: Final = frozenset(("white", "red", "blinkingRed", "noInformation"))
"""Looks that say something about the river: no event may borrow them."""

Attributes = dict[str, Any]


class ActRefused(Exception):
    """An act that is not possible; the text is a key of the page's words."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What an evacuation information shall say: one line and a text, by language."""

    headline: Texts
    body: Texts


@dataclass(frozen=True, slots=True)
class Override:
    """A look a person gives a light, for so many minutes, and why."""

    look: str
    minutes: int
    reason: str


def level_of(entity: Entity) -> int:
    """Return the alert level of an evacuation information, the highest where it says none."""
    given = value(entity, "alertLevel")
    return given if type(given) is int and 1 <= given <= HIGHEST else HIGHEST


def needed_for(level: int) -> int:
    """Return how many persons must approve what is of a level."""
    return 2 if level >= TWO_PERSONS_FROM else 1


async def approve(client: Client, entity_id: str, version: str, staff: str, now: datetime) -> str:
    """Approve a draft as seen at a version; return what became of it: `published`, `approved`.

    Raises ActRefused where it is no draft any more, has changed, or the same person approves twice.
    """
    entity = await _draft(client, entity_id)
    person = _person(staff)
    approvals = [str(one) for one in listed(entity, "approvals")]
    if person in approvals:
        raise ActRefused("same_person")
    approvals.append(person)
    needed = needed_for(level_of(entity))
    attributes: Attributes = {"approvals": _property(approvals)}
    outcome = "approved"
    if len(approvals) >= needed:
        outcome = "published"
        attributes["publicationState"] = _property("published")
        attributes["issuedAt"] = _property(timestamp(now))
        attributes["approvedBy"] = {"type": "Relationship", "object": approvals}
    await _write(client, entity_id, version, attributes)
    return outcome


async def reword(client: Client, entity_id: str, version: str, wording: Wording, staff: str) -> str:
    """Change the text of a draft as seen at a version; what was approved was another text.

    In a drill each text begins with 【訓練】, whatever is given. Raises ActRefused as `approve`
    does, and where a text that is no drill's says that it is one.
    """
    entity = await _draft(client, entity_id)
    drill = value(entity, "operationStatus", "normal") != "normal"
    attributes: Attributes = {
        "textVersion": _property(text_version(entity) + 1),
        "textBy": _property(_person(staff)),
        "approvals": _property([]),
    }
    for name, texts in (("headline", wording.headline), ("body", wording.body)):
        said = {language: text for language, text in texts.items() if text}
        marks = {text.startswith(DRILL_MARK) for text in said.values()}
        if not drill and True in marks:
            raise ActRefused("drill_mark")
        if drill:
            said = {n: t if t.startswith(DRILL_MARK) else DRILL_MARK + t for n, t in said.items()}
        if said:
            attributes[name] = {"type": "LanguageProperty", "languageMap": said}
    await _write(client, entity_id, version, attributes)
    return "reworded"


async def discard(client: Client, entity_id: str, version: str, staff: str) -> str:
    """Discard a draft as seen at a version. Raises ActRefused as `approve` does."""
    await _draft(client, entity_id)
    attributes = {
        "publicationState": _property("discarded"),
        "discardedBy": {"type": "Relationship", "object": _person(staff)},
    }
    await _write(client, entity_id, version, attributes)
    return "discarded"


async def override(client: Client, light: str, wish: Override, staff: str, now: datetime) -> str:
    """Give a light a look for a time.

    Raises ActRefused where there is no such light, and for an event in a look of the river's.
    """
    if wish.reason == "event" and wish.look in ALERT_LOOKS:
        raise ActRefused("alert_look")
    until = now + timedelta(minutes=wish.minutes)
    values = {
        "mode": "manual",
        **LOOKS[wish.look],
        "brightness": 100,
        "blinkPeriodMs": 2000 if LOOKS[wish.look]["effect"] == "blink" else 0,
        "commandStatus": "pending",
    }
    attributes: Attributes = {
        name: {**_property(part), "observedAt": timestamp(now)} for name, part in values.items()
    }
    attributes["overrideUntil"] = _property(timestamp(until))
    attributes["overrideReason"] = _property(wish.reason)
    attributes["overrideBy"] = {"type": "Relationship", "object": _person(staff)}
    await _upon(client, light, lambda entity: attributes)
    return "overridden"


async def release(client: Client, light: str, now: datetime) -> str:
    """End an override now; the alerts app then gives the light what the river asks for."""
    ended = {"overrideUntil": _property(timestamp(now))}
    await _upon(client, light, lambda entity: ended if value(entity, "mode") == "manual" else None)
    return "released"


async def _draft(client: Client, entity_id: str) -> Entity:
    try:
        entity = await client.retrieve(entity_id)
    except NotFound as error:
        raise ActRefused("gone") from error
    if entity["type"] != "EvacuationInformation" or value(entity, "publicationState") != "draft":
        raise ActRefused("no_draft")
    return entity


async def _write(client: Client, entity_id: str, version: str, attributes: Attributes) -> None:
    operation = {"op": "append", "id": entity_id, "attrs": attributes, "ifMatch": version}
    try:
        await client.transactions([operation])
    except PreconditionFailed as error:
        raise ActRefused("changed") from error


async def _upon(
    client: Client, light: str, attributes: Callable[[Entity], Attributes | None]
) -> None:
    """Write to a light as it stands; its adapter raises the version too, so try again on 412."""
    for _ in range(TRIES):
        try:
            entity, version = await client.retrieve_with_version(light)
        except NotFound as error:
            raise ActRefused("gone") from error
        if "IlluminationControl" not in entity["type"]:
            raise ActRefused("gone")
        wanted = attributes(entity)
        if wanted is None:
            return
        operation = {"op": "append", "id": light, "attrs": wanted, "ifMatch": version}
        try:
            await client.transactions([operation])
        except PreconditionFailed:
            continue
        return
    raise ActRefused("busy")


def _person(staff: str) -> str:
    return f"urn:ngsi-ld:Staff:{staff}"


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}
