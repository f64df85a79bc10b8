"""Looks at the door log whenever it grows, and now and then, and raises and ends its alerts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from apps.keys.doorlog import lines, since
from apps.keys.grants import TYPE as GRANT
from apps.keys.grants import read
from apps.keys.misuse import TYPE, Seen, due
from broker.client import Client, ClientError, Entity, NotFound, PreconditionFailed, timestamp

log = logging.getLogger("apps.keys")

DAYS: Final = 3
"""How far back the log is looked at: what a lock tells later than that raises no alert."""
PAUSE: Final = 30.0
"""Seconds between two looks while the log does not grow."""
REST: Final = 2.0
"""Seconds between two looks at least."""


class Sentry:
    """The sentry of one tenant."""

    def __init__(
        self,
        client: Client,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._clock = clock
        self._sleep = sleep
        self._grown = asyncio.Event()

    async def run(self) -> None:
        """Look at the log until cancelled; begin again after a failure."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            while True:
                self._grown.clear()
                try:
                    await self.step()
                except ClientError as fault:
                    log.warning("cannot look at the door log: %s", type(fault).__name__)
                await self._sleep(REST)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._grown.wait(), PAUSE)

    async def step(self) -> None:
        """Raise and end what is to be raised and ended now. Raises ClientError."""
        while True:
            written = False
            now = self._clock()
            for operations in due(await self._seen(now), now):
                written |= await self._wrote(operations)
            if not written:
                return

    async def _seen(self, now: datetime) -> Seen:
        at, earlier = timestamp(now), timestamp(now - timedelta(days=DAYS))
        events, grants, locks, alerts = await asyncio.gather(
            self._all("AccessEvent", since(now, DAYS)),
            self._all(GRANT, f'validTo>"{earlier}";validFrom<="{at}"'),
            self._all("SmartLock"),
            self._all(TYPE, f'(occurredAt>="{earlier}"|alertState=="active")'),
        )
        known = [read(grant) for grant in grants]
        return Seen(
            lines(events, known, now),
            known,
            {one["id"]: one for one in locks},
            {one["id"]: one for one in alerts},
        )

    async def _wrote(self, operations: list[dict[str, object]]) -> bool:
        """Write a transaction, and say whether it was; another may have been first."""
        try:
            await self._client.transactions(operations)
        except (PreconditionFailed, NotFound):
            return False
        return True

    async def _follow(self) -> None:
        while True:
            try:
                async for event in self._client.stream(type="AccessEvent"):
                    if event.kind in {"enter", "update", "reset"}:
                        self._grown.set()
            except ClientError as fault:
                log.warning("cannot follow the door log: %s", type(fault).__name__)
            await self._sleep(PAUSE)

    async def _all(self, kind: str, q: str | None = None) -> list[Entity]:
        try:
            return await self._client.query(type=kind, q=q)
        except NotFound:
            return []
