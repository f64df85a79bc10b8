"""Which messages an entity asks for, and how far each has come. Pure.

The entity's `channels` is a list of entries, one for each channel and message:
`{"channel", "message", "status", "attempts", "at", "detail"}`. `status` is `queued`, `sending`,
`sent`, `failed` or `superseded` (the alert ended before it went out); `message` is the identifier
of the CAP document.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from apps.alerts.cap import identifier, is_public
from apps.alerts.channels.config import Channel
from apps.alerts.moments import moment_of
from apps.alerts.texts import DRILL_MARK, Texts
from apps.alerts.tongues import by_language
from broker.client import Entity, timestamp, value

MOST_TRIES: Final = 8
FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 600.0
ABANDONED: Final = timedelta(minutes=2)
"""After so long somebody who was sending has been killed, and the message is sent again."""

Entry = dict[str, Any]


def kind_of(entity: Entity) -> str | None:
    """Return the kind of message an entity is: `alert`, `evacuation`, `technical`, or none."""
    types = entity["type"] if isinstance(entity["type"], list) else [entity["type"]]
    if "EvacuationInformation" in types:
        return "evacuation" if is_public(entity) else None
    if "Alert" not in types:
        return None
    return "technical" if value(entity, "subCategory") == "technical" else "alert"


def queued(entity: Entity, channels: Iterable[Channel], now: datetime) -> list[Entry] | None:
    """Return the entity's entries with those that are new, None where none is."""
    kind, message = kind_of(entity), identifier(entity)
    entries = entries_of(entity)
    known = {(entry["channel"], entry["message"]) for entry in entries}
    new = [
        {"channel": c.name, "message": message, "status": "queued", "attempts": 0, "at": _at(now)}
        for c in channels
        if kind in c.kinds and (c.name, message) not in known
    ]
    if not new:
        return None
    past = [{**one, "status": "superseded"} if _overtaken(one, message) else one for one in entries]
    return [*past, *new]


def due(entity: Entity, channel: str, now: datetime) -> Entry | None:
    """Return the first entry of a channel that is to be sent now."""
    for entry in entries_of(entity):
        if entry["channel"] != channel:
            continue
        age = now - datetime.fromisoformat(entry["at"])
        if age < -ABANDONED:
            # The clock was ahead when this was written.
            age = ABANDONED + timedelta(seconds=LONGEST_PAUSE)
        if entry["status"] == "sending" and age >= ABANDONED:
            return entry
        if entry["status"] == "queued" and age >= timedelta(seconds=_pause(entry["attempts"])):
            return entry
    return None


def waiting(entity: Entity) -> bool:
    """Say whether any message of an entity is still to be sent."""
    return any(entry["status"] in {"queued", "sending"} for entry in entries_of(entity))


def with_entry(entity: Entity, entry: Entry, **changes: Any) -> list[Entry]:
    """Return the entity's entries with one of them changed."""
    return [
        {**one, **changes}
        if (one["channel"], one["message"]) == (entry["channel"], entry["message"])
        else one
        for one in entries_of(entity)
    ]


def claimed(entry: Entry, now: datetime) -> Entry:
    """Return the changes that say that an entry is being sent."""
    return {"status": "sending", "attempts": entry["attempts"] + 1, "at": _at(now)}


def settled(entry: Entry, *, sent: bool, final: bool, detail: str, now: datetime) -> Entry:
    """Return the changes that say what became of a try; `entry` as it was before its claim."""
    if sent:
        status = "sent"
    else:
        status = "failed" if final or entry["attempts"] + 1 >= MOST_TRIES else "queued"
    return {"status": status, "at": _at(now), "detail": detail}


def said(entity: Entity, name: str) -> Texts:
    """Return a text (`headline`, `body`) by language; in a drill it begins with 【訓練】 always."""
    texts: Texts = by_language(entity, name)
    if value(entity, "operationStatus", "normal") == "normal":
        return texts
    return {
        language: text if text.startswith(DRILL_MARK) else DRILL_MARK + text
        for language, text in texts.items()
    }


def entries_of(entity: Entity) -> list[Entry]:
    """Return the entries of an entity; what is none, since somebody else wrote it, is left out."""
    found = value(entity, "channels", [])
    return [one for one in (found if isinstance(found, list) else [found]) if _is_entry(one)]


def _is_entry(found: Any) -> bool:
    if not isinstance(found, dict) or not isinstance(found.get("attempts"), int):
        return False
    try:
        moment_of(found.get("at"))
    except ValueError:
        return False
    return all(isinstance(found.get(name), str) for name in ("channel", "message", "status"))


def _overtaken(entry: Entry, message: str) -> bool:
    return bool(entry["status"] == "queued" and entry["message"] != message)


def _pause(attempts: int) -> float:
    if attempts == 0:
        return 0.0
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempts - 1)))


def _at(now: datetime) -> str:
    return timestamp(now)
