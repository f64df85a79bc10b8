"""The private doors of lock adapters: grants are asked for there, since a PIN is in no entity.

<adapters>/<adapter>/adapter.sock     a Unix socket that only its owner can open
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import orjson

from apps.keys.plan import Outcome, Rules

SOCKET: Final = "adapter.sock"
TIMEOUT: Final = aiohttp.ClientTimeout(total=40)
"""A lock may take 15 s to confirm, and a vendor's cloud 10 s for each of three answers."""
PASSING: Final = frozenset({429, 503})
"""Statuses of refusals that may pass by themselves."""
AWAY: Final = Outcome(reason="adapterAway")


class Doors:
    """The doors of the adapters whose folders are in one folder, for one tenant."""

    def __init__(self, folder: Path, tenant: str = "") -> None:
        self._folder = folder
        self._tenant = tenant
        self._rules: dict[str, Rules] = {}

    async def rules(self, adapter: str) -> Rules | None:
        """Return what an adapter's locks can; None where it has never answered."""
        if adapter not in self._rules:
            status, told, _ = await self._ask(adapter, "GET", "/locks")
            if status != 200:
                return None
            names = ("timed", "computes", "revocable", "digits")
            self._rules[adapter] = Rules(**{name: told[name] for name in names})
        return self._rules[adapter]

    async def put(self, adapter: str, lock: str, grant: str, body: dict[str, str]) -> Outcome:
        """Let a lock take a PIN."""
        return await self._grant(adapter, "PUT", lock, grant, body)

    async def look(self, adapter: str, lock: str, grant: str) -> Outcome:
        """Return how a grant stands at its lock."""
        return await self._grant(adapter, "GET", lock, grant)

    async def remove(self, adapter: str, lock: str, grant: str) -> Outcome:
        """Let a lock forget a PIN."""
        return await self._grant(adapter, "DELETE", lock, grant)

    async def block_pin(self, adapter: str, lock: str, grant: str) -> str:
        """Return the PIN that blocks a grant's at its box; empty where there is none."""
        path = f"/locks/{quote(lock)}/grants/{quote(grant)}/block"
        status, told, _ = await self._ask(adapter, "GET", path)
        return str(told["pin"]) if status == 200 else ""

    async def receipt(self, adapter: str, lock: str, body: dict[str, str]) -> str:
        """Return when a box showed a receipt; empty where it did not."""
        status, told, _ = await self._ask(adapter, "POST", f"/locks/{quote(lock)}/receipts", body)
        return str(told["at"]) if status == 200 else ""

    async def simulate(self, adapter: str, lock: str, pin: str, at: str) -> str:
        """Type a PIN at a simulated box, now or at a time; return what it made of it."""
        body = {"pin": pin, **({"at": at} if at else {})}
        path = f"/locks/{quote(lock)}/simulation"
        status, told, _ = await self._ask(adapter, "POST", path, body)
        return str(told["why"]) if status == 200 else ""

    async def _grant(
        self, adapter: str, method: str, lock: str, grant: str, body: dict[str, str] | None = None
    ) -> Outcome:
        path = f"/locks/{quote(lock)}/grants/{quote(grant)}"
        status, told, wait = await self._ask(adapter, method, path, body)
        if status == 0 or not isinstance(told, dict):
            return AWAY
        if status >= 400:
            reason = str(told.get("reason", "adapterAway"))
            return Outcome(reason=reason, passes=status in PASSING, wait=wait)
        return Outcome(
            str(told["state"]),
            str(told.get("reason", "")),
            pin=str(told.get("pin", "")),
            vendor=str(told.get("vendor", "")),
        )

    async def _ask(
        self, adapter: str, method: str, path: str, body: dict[str, str] | None = None
    ) -> tuple[int, Any, int]:
        """Return status, JSON and Retry-After; status 0 where nobody answers."""
        try:
            # The path of a Unix socket may have 107 bytes at most; a folder's number is short.
            number = os.open(self._folder / adapter, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return 0, None, 0
        try:
            connector = aiohttp.UnixConnector(f"/proc/self/fd/{number}/{SOCKET}")
            async with (
                aiohttp.ClientSession(connector=connector, timeout=TIMEOUT) as session,
                session.request(
                    method, f"http://door{path}", params={"tenant": self._tenant}, json=body
                ) as answer,
            ):
                content = await answer.read()
                wait = answer.headers.get("Retry-After", "")
                told = orjson.loads(content) if "json" in answer.content_type else None
                return answer.status, told, int(wait) if wait.isdigit() else 0
        except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError):
            return 0, None, 0
        finally:
            os.close(number)
