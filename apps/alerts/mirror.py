"""What the app knows of its tenant: stations, lights and the drill, as the stream shows them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from apps.alerts.drill import drill_clock
from broker.client import Client, Entity, Event, NotFound, value

STATION: Final = "RiverLevelStation"
LIGHT: Final = "IlluminationControl"
DRILL: Final = "Drill"
TYPES: Final = ",".join((STATION, LIGHT, DRILL))


@dataclass(slots=True)
class Mirror:
    """Entities by id, each with its version; older news than what is known is dropped."""

    stations: dict[str, tuple[Entity, int]] = field(default_factory=dict)
    lights: dict[str, tuple[Entity, int]] = field(default_factory=dict)
    drills: dict[str, tuple[Entity, int]] = field(default_factory=dict)

    async def read(self, client: Client) -> None:
        """Read everything anew."""
        self.stations, self.lights, self.drills = {}, {}, {}
        for found in await client.query(type=TYPES):
            with contextlib.suppress(NotFound):
                entity, version = await client.retrieve_with_version(found["id"])
                self._shelf(entity)[entity["id"]] = (entity, int(version.removeprefix("v")))

    def take(self, event: Event) -> bool:
        """Take an event; False where it is older than what is known."""
        if event.entity is None:
            for shelf in (self.stations, self.lights, self.drills):
                shelf.pop(event.id, None)
            return True
        shelf = self._shelf(event.entity)
        known = shelf.get(event.id)
        if known is not None and event.version < known[1]:
            return False
        shelf[event.id] = (event.entity, event.version)
        return True

    async def read_light(self, client: Client, light_id: str) -> None:
        """Read a light anew; it may be gone."""
        self.lights.pop(light_id, None)
        with contextlib.suppress(NotFound):
            entity, version = await client.retrieve_with_version(light_id)
            self.lights[light_id] = (entity, int(version.removeprefix("v")))

    def lights_of(self, station_id: str) -> list[tuple[Entity, int]]:
        """Return the lights that follow a station, with their versions."""
        return [
            (light, version)
            for light, version in self.lights.values()
            if value(light, "refStation") == station_id
        ]

    def lights_of_nothing(self) -> list[tuple[Entity, int]]:
        """Return the lights that shall follow a station that is not there, with their versions."""
        return [
            (light, version)
            for light, version in self.lights.values()
            if value(light, "refStation") not in (None, *self.stations)
        ]

    def drill_time(self, now: datetime) -> datetime | None:
        """Return the time in the flood being played, its end once played; None without a drill."""
        for drill, _ in self.drills.values():
            clock = drill_clock(drill)
            if clock is not None and clock.state == "finished":
                return clock.played_until
            if clock is not None and clock.running(now):
                return clock.time(now)
        return None

    def _shelf(self, entity: Entity) -> dict[str, tuple[Entity, int]]:
        types = entity["type"] if isinstance(entity["type"], list) else [entity["type"]]
        if LIGHT in types:
            return self.lights
        return self.drills if DRILL in types else self.stations
