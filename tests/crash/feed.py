"""The change feed, followed across all crashes: gapless, and true to the state."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from tests.crash.http import Api, attributes
from tests.crash.model import State


@dataclass(slots=True)
class Follower:
    """A reader that resumes where it stopped. `state` is what the events alone tell."""

    seq: int = 0
    state: State = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)
    log: list[tuple[str, str]] = field(default_factory=list)
    """Entity and time of each change, in order."""

    async def follow(self, api: Api) -> list[str]:
        """Read up to the newest change; return what is wrong."""
        newest = await api.newest()
        wrong: list[str] = []
        if newest == self.seq:
            return wrong
        async with api.events(self.seq) as events:
            async for event in events:
                if event.kind == "open":
                    continue
                if event.kind == "reset" or event.seq != self.seq + 1:
                    return [f"feed: {event.kind} {event.seq} follows {self.seq}"]
                wrong += self._take(event.kind, event.id, event.version, event.entity)
                self.log.append((event.id, event.at))
                self.seq = event.seq
                if self.seq >= newest:
                    break
        return wrong

    def _take(
        self, kind: str, entity_id: str, version: int, entity: dict[str, Any] | None
    ) -> list[str]:
        known = entity_id in self.state
        self.changes[entity_id] = self.changes.get(entity_id, 0) + 1
        if kind == "delete":
            self.state.pop(entity_id, None)
        else:
            self.state[entity_id] = attributes(entity or {})
        wrong = []
        if known != (kind != "enter"):
            wrong.append(f"feed: {kind} of {entity_id}, known before: {known}")
        if version != self.changes[entity_id]:
            wrong.append(
                f"feed: change {self.changes[entity_id]} of {entity_id} has version {version}"
            )
        return wrong


def gaps(data_file: Path) -> list[str]:
    """Read the feed's table itself; return what is wrong with its numbers."""
    connection = apsw.Connection(str(data_file), flags=apsw.SQLITE_OPEN_READWRITE)
    first, last, count = connection.execute(
        "SELECT coalesce(min(seq), 1), coalesce(max(seq), 0), count(*) FROM change"
    ).get
    connection.close()
    if (first, count) != (1, last):
        return [f"feed: {count} rows from {first} to {last} in the file"]
    return []
