"""What a stream says: one event with its data, in the two forms it travels in."""

from __future__ import annotations

from typing import Any, Final

import orjson


class Told:
    """An event of a stream.

    `name` is `open`, `enter`, `update`, `leave`, `delete`, `reset`, `synced` or `end`; `seq` the
    place to resume from once it has arrived, None where it is no such place. Both forms are made
    when they are first asked for, and shared by all who are told.
    """

    __slots__ = ("_sse", "data", "name", "seq")

    def __init__(self, name: str, seq: int | None, data: dict[str, Any]) -> None:
        self.name = name
        self.seq = seq
        self.data: bytes = orjson.dumps(data)
        self._sse: bytes | None = None

    def sse(self) -> bytes:
        """Return it as a Server-Sent Event (WHATWG HTML §9.2)."""
        if self._sse is None:
            place = b"" if self.seq is None else b"id: %d\n" % self.seq
            self._sse = b"%sevent: %s\ndata: %s\n\n" % (place, self.name.encode(), self.data)
        return self._sse

    def message(self, stream: bytes) -> str:
        """Return it as a WebSocket message; `stream` is the stream's name as JSON."""
        parts = (b'{"stream":', stream, b',"event":"', self.name.encode(), b'","data":', self.data)
        return b"".join((*parts, b"}")).decode()

    @property
    def weight(self) -> int:
        """Estimate the memory it holds in bytes, once it has been sent."""
        return 400 + 2 * len(self.data)


def opened(seq: int | None) -> Told:
    """Return the event a stream begins with."""
    return Told("open", seq, {} if seq is None else {"seq": seq})


FORGOTTEN: Final = "The feed no longer reaches back to that place."
TOO_LONG: Final = "What was asked for takes too long to look up: ask for fewer entities."
FAULT: Final = "The broker could not judge a change; its log says why."
STOPS: Final = "The broker stops."
DELETED: Final = "The tenant has been deleted."


def reset(seq: int | None, reason: str) -> Told:
    """Return the event that tells of changes missed for good, and why."""
    return Told("reset", seq, {"reason": reason} if seq is None else {"seq": seq, "reason": reason})


def synced(seq: int, entities: int) -> Told:
    """Return the event after a snapshot: from here on the reader is up to date."""
    return Told("synced", seq, {"seq": seq, "entities": entities})


def ended(reason: str, *, resume: bool = False) -> Told:
    """Return the last event of a stream the broker ends itself; `resume` says to come back."""
    return Told("end", None, {"reason": reason, "resume": resume})
