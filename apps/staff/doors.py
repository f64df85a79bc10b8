"""The adapters' private doors: their health, and what is held in quarantine."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

SOCKET = "adapter.sock"
TIMEOUT = aiohttp.ClientTimeout(total=2)


MOST_SHOWN = 20
"""Held messages of an adapter that the page shows, newest first."""


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
class Adapter:
    """An adapter as its door tells it; not `open` where nobody answers there.

    `quarantine` counts all that is held by kind, `held` is the newest of it.
    """

    name: str
    open: bool
    connected: bool = False
    fault: str = ""
    quarantine: dict[str, int] = field(default_factory=dict)
    held: tuple[Held, ...] = ()


async def adapters(state: Path | None) -> list[Adapter]:
    """Return the adapters whose folders are in `state`."""
    return list(await asyncio.gather(*(_ask(folder) for folder in _folders(state))))


def _folders(state: Path | None) -> list[Path]:
    if state is None or not state.is_dir():
        return []
    return sorted(path for path in state.iterdir() if (path / SOCKET).exists())


async def _ask(folder: Path) -> Adapter:
    # The path of a Unix socket may have 107 bytes at most; a folder's own number is short.
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        connector = aiohttp.UnixConnector(f"/proc/self/fd/{number}/{SOCKET}")
        async with aiohttp.ClientSession(connector=connector, timeout=TIMEOUT) as session:
            health = (await _get(session, "/health"))["health"]
            held = await _get(session, "/quarantine")
    except (aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError):
        return Adapter(folder.name, open=False)
    finally:
        os.close(number)
    kinds = Counter(str(message.get("kind")) for message in held)
    return Adapter(
        folder.name,
        open=True,
        connected=bool(health.get("connected")),
        fault=str(health.get("last_fault") or ""),
        quarantine=dict(kinds),
        held=tuple(map(_held, held[:MOST_SHOWN])),
    )


def _held(message: dict[str, Any]) -> Held:
    kind, reason, place, received = (
        str(message.get(name, "")) for name in ("kind", "reason", "place", "received")
    )
    number, size = int(message.get("id", 0)), int(message.get("size", 0))
    return Held(number, kind, reason, place, received, size)


async def _get(session: aiohttp.ClientSession, path: str) -> Any:
    async with session.get(f"http://door{path}") as response:
        return orjson.loads(await response.read())
