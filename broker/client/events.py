"""The events of a live stream, and how they are read off the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import orjson

from broker.client.entity import Entity, Json


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a live stream.

    `kind`: `open` (connected), `enter`, `update`, `leave`, `delete`, `synced` (a snapshot is
    complete), `reset` (changes were missed for good: read the present state again), `end` (the
    broker ends the stream), `lost` (disconnected; the client goes on trying and will send `open`
    again); of the last three `reason` says why, as far as the broker does, and an `end` to `resume`
    after is told as `lost`. `seq` is the place in the change feed, 0 before the first; `changed`
    names the attributes that changed; `entity` is in the form asked for, None after `leave` and
    `delete`.
    """

    kind: str
    seq: int
    id: str = ""
    version: int = 0
    at: str = ""
    changed: tuple[str, ...] = ()
    entity: Entity | None = None
    reason: str = ""
    resume: bool = False


async def parse_events(
    chunks: AsyncIterator[bytes],
) -> AsyncIterator[tuple[int | None, Event | None]]:
    """Parse Server-Sent Events (WHATWG HTML §9.2.6): the place to resume from, and the event.

    The place is None before the first; the event is None where only the place moved on. `chunks`
    may be cut anywhere, and an event may be as long as the broker lets an entity be.
    """
    kind, data = "", b""
    place: int | None = None
    moved = False
    async for raw in _lines(chunks):
        line = raw.rstrip(b"\r")
        if not line:
            if kind:
                yield place, _event(kind, place or 0, orjson.loads(data) if data else {})
            elif moved:
                yield place, None
            kind, data, moved = "", b"", False
            continue
        field, _, text = line.partition(b":")
        text = text.removeprefix(b" ")
        if field == b"event":
            kind = text.decode()
        elif field == b"id" and text.isdigit():
            place, moved = int(text), True
        elif field == b"data":
            data += b"\n" + text if data else text


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield lines without their end. aiohttp's own way refuses those of half a megabyte."""
    begun: list[bytes] = []
    async for chunk in chunks:
        first, *further = chunk.split(b"\n")
        begun.append(first)
        if further:
            yield b"".join(begun)
            for line in further[:-1]:
                yield line
            begun = [further[-1]]


def _event(kind: str, seq: int, data: Json) -> Event:
    members = data if isinstance(data, dict) else {}
    return Event(
        kind=kind,
        seq=seq,
        id=members.get("id") or "",
        version=members.get("version") or 0,
        at=members.get("at") or "",
        changed=tuple(members.get("changed") or ()),
        entity=members.get("entity"),
        reason=members.get("reason") or "",
        resume=bool(members.get("resume")),
    )
