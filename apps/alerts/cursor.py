"""The app's memory: its place in the change feed and the engine's states, kept as one entity."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from apps.alerts.stage import State, state_from_plain, state_to_plain
from broker.client import Entity, value

CURSOR_ID: Final = "urn:ngsi-ld:FeedCursor:alerts"


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of one station. `run` is the drill run the state belongs to."""

    state: State = field(default_factory=State)
    run: str | None = None
    alert: str | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Place in the feed and states by station. `version` is None until the entity exists.

    Every effect commits with the cursor and on condition of its version: of two instances of
    the app, or a restarted one, only one can have each effect.
    """

    seq: int | None = None
    version: str | None = None
    watches: dict[str, Watch] = field(default_factory=dict)

    def advanced(self, seq: int, station_id: str, watch: Watch) -> Cursor:
        """Return the cursor after an event of a station."""
        place = seq if self.seq is None else max(self.seq, seq)
        return Cursor(place, self.version, {**self.watches, station_id: watch})

    def operation(self) -> dict[str, Any]:
        """Return the operation that keeps this cursor, provided nobody else has moved it."""
        watches = {name: _plain(watch) for name, watch in self.watches.items()}
        attributes = {
            "seq": {"type": "Property", "value": self.seq or 0},
            "watches": {"type": "JsonProperty", "json": watches},
        }
        if self.version is None:
            entity = {"id": CURSOR_ID, "type": "FeedCursor", **attributes}
            return {"op": "create", "entity": entity, "ifNoneMatch": "*"}
        return {"op": "append", "id": CURSOR_ID, "attrs": attributes, "ifMatch": self.version}


def cursor_from(entity: Entity, version: str) -> Cursor:
    """Return the cursor that an entity keeps."""
    kept = value(entity, "watches", {})
    return Cursor(
        seq=int(value(entity, "seq", 0)),
        version=version,
        watches={
            name: Watch(state_from_plain(plain["state"]), plain.get("run"), plain.get("alert"))
            for name, plain in kept.items()
        },
    )


def _plain(watch: Watch) -> dict[str, Any]:
    plain: dict[str, Any] = {"state": state_to_plain(watch.state)}
    if watch.run is not None:
        plain["run"] = watch.run
    if watch.alert is not None:
        plain["alert"] = watch.alert
    return plain
