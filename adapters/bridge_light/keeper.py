"""One light: keeps it at the look it shall have, and says what it really shows."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from adapters.bridge_light.lamp import Lamp
from adapters.bridge_light.look import Look, Verdict
from adapters.contract import CommandFailed

log = logging.getLogger("adapters")

Report = Callable[[Verdict], Awaitable[bool]]
"""Shows a verdict in the broker; False where it could not be shown now."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: from a command to the first question, between questions until the light is
    right and after that, and between two reports of the same."""

    settle: float = 0.2
    soon: float = 1.0
    later: float = 10.0
    repeat: float = 60.0


class Keeper:
    """Drives one lamp. `want` sets the look; the light is commanded again whenever it differs."""

    def __init__(
        self,
        lamp: Lamp,
        report: Report,
        *,
        timing: Timing,
        monotonic: Callable[[], float],
    ) -> None:
        self._lamp = lamp
        self._report = report
        self._timing = timing
        self._monotonic = monotonic
        self._look: Look | None = None
        self._news = asyncio.Event()
        self._told: Verdict | None = None
        self._told_at = 0.0

    def want(self, look: Look, *, again: bool = False) -> None:
        """Set the look. `again` asks for a report even where nothing changes."""
        if again:
            self._told = None
        if look != self._look or self._told is None:
            self._look = look
            self._news.set()

    async def run(self) -> None:
        """Keep the light until cancelled, then let go of it."""
        try:
            await self._news.wait()
            while True:
                self._news.clear()
                verdict = await self._unless_news(self._command())
                if verdict is None:
                    continue
                await self._tell(verdict)
                right = verdict.status in {"confirmed", "sent"}
                pause = self._timing.later if right else self._timing.soon
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), pause)
        finally:
            await self._lamp.close()

    async def _unless_news(self, command: Coroutine[Any, Any, Verdict]) -> Verdict | None:
        """Return the command's verdict, or None where another look is wanted before it is in."""
        doing, news = asyncio.create_task(command), asyncio.create_task(self._news.wait())
        try:
            await asyncio.wait({doing, news}, return_when=asyncio.FIRST_COMPLETED)
            return doing.result() if doing.done() else None
        finally:
            for task in (doing, news):
                task.cancel()
            await asyncio.gather(doing, news, return_exceptions=True)

    async def _command(self) -> Verdict:
        look = self._look
        assert look is not None
        try:
            await self._lamp.show(look)
            await asyncio.sleep(self._timing.settle)
            return await self._lamp.read(look)
        except CommandFailed as fault:
            return Verdict("unreachable", info=str(fault))

    async def _tell(self, verdict: Verdict) -> None:
        now = self._monotonic()
        if verdict == self._told and now - self._told_at < self._timing.repeat:
            return
        if self._told is None or verdict.status != self._told.status:
            log.info("light %s: %s", verdict.status, verdict.colour or verdict.info)
        shown = await self._report(verdict)
        # Another command may have come while this was being shown: then it does not count for it.
        self._told = verdict if shown and not self._news.is_set() else None
        self._told_at = now


def report_attributes(verdict: Verdict, at: str) -> dict[str, Any]:
    """Return the normalized attributes that show a verdict; a colour only where one is known."""
    values = {
        "commandStatus": verdict.status,
        "commandInfo": verdict.info,
        "reportedColour": verdict.colour,
        "reportedEffect": verdict.effect,
        "reportedBrightness": verdict.brightness,
    }
    return {
        name: {"type": "Property", "value": value, "observedAt": at}
        for name, value in values.items()
        if value is not None
    }
