"""The adapters' private doors: their health, what is held in quarantine, and decisions on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson

from apps.staff.acts import ActRefused

SOCKET = "adapter.sock"
TIMEOUT = aiohttp.ClientTimeout(total=2)

MOST_SHOWN = 20
"""Held messages of an adapter that the page shows, newest first."""
DECISIONS_SHOWN = 5
HELD_REASONS: Final = ("deviceRegistered", "mended", "notOurs", "broken", "test")
"""Why staff try a message again or forget it."""


@dataclass(frozen=True, slots=True)
class Held:
    """A message an adapter could not use, and why. Its content stays behind the door.

    The topic stays there too: it may carry a device's key.
    """

    number: int
    kind: str
    reason: str
    place: str
    received: str
    size: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person, given by number, decided on a message (`retried`, `discarded`), and why."""

    number: int
    outcome: str
    reason: str
    person: str
    at: str


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter as its door tells it; not `open` where nobody answers there.

    `quarantine` counts all that is held by kind, `held` is the newest of it, `decisions` what was
    decided last.
    """

    name: str
    open: bool
    connected: bool = False
    fault: str = ""
    quarantine: dict[str, int] = field(default_factory=dict)
    held: tuple[Held, ...] = ()
    decisions: tuple[Decision, ...] = ()


async def adapters(state: Path | None) -> list[Adapter]:
    """Return the adapters whose folders are in `state`."""
    return list(await asyncio.gather(*(_ask(folder) for folder in _folders(state))))


def _folders(state: Path | None) -> list[Path]:
    if state is None or not state.is_dir():
        return []
    return sorted(path for path in state.iterdir() if (path / SOCKET).exists())


async def settle(
    state: Path | None, name: str, numbers: Sequence[int], *, retry: bool, reason: str, person: str
) -> str:
    """Try held messages again, or forget them; return `retried` or `forgotten`.

    Those that are held no more are passed over. Raises ActRefused where none is held, and where
    nobody answers at the adapter's door.
    """
    folder = next((folder for folder in _folders(state) if folder.name == name), None)
    if folder is None:
        raise ActRefused("door_closed")
    why = {"person": person, "reason": reason}
    done = 0
    try:
        async with _door(folder) as session:
            for number in numbers:
                path = f"/quarantine/{number}"
                asked = (
                    session.post(f"{path}/retry", params=why)
                    if retry
                    else session.delete(path, params=why)
                )
                async with asked as answer:
                    if answer.status != 404:
                        answer.raise_for_status()
                        done += 1
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ActRefused("door_closed") from error
    if not done:
        raise ActRefused("gone")
    return "retried" if retry else "forgotten"


@contextlib.asynccontextmanager
async def _door(folder: Path) -> AsyncIterator[aiohttp.ClientSession]:
    # The path of a Unix socket may have 107 bytes at most; a folder's own number is short.
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        connector = aiohttp.UnixConnector(f"/proc/self/fd/{number}/{SOCKET}")
        async with aiohttp.ClientSession(
            "http://door", connector=connector, timeout=TIMEOUT
        ) as session:
            yield session
    finally:
        os.close(number)


async def _ask(folder: Path) -> Adapter:
    try:
        async with _door(folder) as session:
            health = (await _get(session, "/health"))["health"]
            held = await _get(session, "/quarantine")
            decisions = await _get(session, "/decisions")
    except (aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError):
        return Adapter(folder.name, open=False)
    kinds = Counter(str(message.get("kind")) for message in held)
    return Adapter(
        folder.name,
        open=True,
        connected=bool(health.get("connected")),
        fault=str(health.get("last_fault") or ""),
        quarantine=dict(kinds),
        held=tuple(map(_held, held[:MOST_SHOWN])),
        decisions=tuple(map(_decision, decisions[:DECISIONS_SHOWN])),
    )


def _held(message: dict[str, Any]) -> Held:
    kind, reason, place, received = (
        str(message.get(name, "")) for name in ("kind", "reason", "place", "received")
    )
    number, size = int(message.get("id", 0)), int(message.get("size", 0))
    return Held(number, kind, reason, place, received, size)


def _decision(told: dict[str, Any]) -> Decision:
    outcome, reason, person, at = (
        str(told.get(name, "")) for name in ("outcome", "reason", "person", "at")
    )
    return Decision(int(told.get("number", 0)), outcome, reason, person, at)


async def _get(session: aiohttp.ClientSession, path: str) -> Any:
    async with session.get(path) as response:
        response.raise_for_status()
        return orjson.loads(await response.read())
