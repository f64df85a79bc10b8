"""The app's memory: its place in the change feed and what it knows, kept as one entity."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from apps.alerts.gate import Memory, memory_from_plain, memory_to_plain
from apps.alerts.stage import State, state_from_plain, state_to_plain
from broker.client import Entity, value

CURSOR_ID: Final = "urn:ngsi-ld:FeedCursor:alerts"


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of one station.

    `run` is the drill run the state belongs to, `seen` when the station was first seen, `quality`
    the last verdict of the gate, `doubts` the times of the last implausible samples, `faults`
    the technical alerts in force by kind, `alert` the one of the present step.
    """

    state: State = field(default_factory=State)
    run: str | None = None
    alert: str | None = None
    gate: Memory = field(default_factory=Memory)
    seen: datetime | None = None
    quality: str | None = None
    doubts: tuple[datetime, ...] = ()
    faults: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a light, since when, and the technical alert once there is one."""

    kind: str
    since: datetime
    alert: str | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Place in the feed, stations and faulty lights. `version` is None until the entity exists.

    Every effect commits with the cursor and on condition of its version: of two instances of
    the app, or a restarted one, only one can have each effect.
    """

    seq: int | None = None
    version: str | None = None
    watches: dict[str, Watch] = field(default_factory=dict)
    lights: dict[str, Fault] = field(default_factory=dict)

    def advanced(self, seq: int | None, station_id: str, watch: Watch) -> Cursor:
        """Return the cursor after an event of a station; `seq` is None where there was none."""
        known = [place for place in (self.seq, seq) if place is not None]
        return replace(
            self,
            seq=max(known) if known else None,
            watches={**self.watches, station_id: watch},
        )

    def operation(self) -> dict[str, Any]:
        """Return the operation that keeps this cursor, provided nobody else has moved it."""
        attributes = {
            "seq": {"type": "Property", "value": self.seq or 0},
            "watches": {
                "type": "JsonProperty",
                "json": {name: _plain(watch) for name, watch in self.watches.items()},
            },
            "lights": {
                "type": "JsonProperty",
                "json": {name: _plain_fault(fault) for name, fault in self.lights.items()},
            },
        }
        if self.version is None:
            entity = {"id": CURSOR_ID, "type": "FeedCursor", **attributes}
            return {"op": "create", "entity": entity, "ifNoneMatch": "*"}
        return {"op": "append", "id": CURSOR_ID, "attrs": attributes, "ifMatch": self.version}


def cursor_from(entity: Entity, version: str) -> Cursor:
    """Return the cursor that an entity keeps."""
    return Cursor(
        seq=int(value(entity, "seq", 0)),
        version=version,
        watches={name: _watch(plain) for name, plain in value(entity, "watches", {}).items()},
        lights={
            name: Fault(plain["kind"], datetime.fromisoformat(plain["since"]), plain.get("alert"))
            for name, plain in value(entity, "lights", {}).items()
        },
    )


def _watch(plain: dict[str, Any]) -> Watch:
    seen = plain.get("seen")
    return Watch(
        state=state_from_plain(plain["state"]),
        run=plain.get("run"),
        alert=plain.get("alert"),
        gate=memory_from_plain(plain.get("gate")),
        seen=None if seen is None else datetime.fromisoformat(seen),
        quality=plain.get("quality"),
        doubts=tuple(map(datetime.fromisoformat, plain.get("doubts", ()))),
        faults=plain.get("faults", {}),
    )


def _plain(watch: Watch) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "state": state_to_plain(watch.state),
        "run": watch.run,
        "alert": watch.alert,
        "gate": memory_to_plain(watch.gate),
        "seen": None if watch.seen is None else watch.seen.isoformat(),
        "quality": watch.quality,
        "doubts": [moment.isoformat() for moment in watch.doubts],
        "faults": watch.faults,
    }
    return {name: part for name, part in parts.items() if part is not None}


def _plain_fault(fault: Fault) -> dict[str, Any]:
    plain = {"kind": fault.kind, "since": fault.since.isoformat()}
    return plain if fault.alert is None else {**plain, "alert": fault.alert}
