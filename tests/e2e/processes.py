"""Processes of a chain that a test kills at any point, started again as the supervisor does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

READY = "ready:"


class Process:
    """A command that is kept running. `kill` ends it by SIGKILL and starts it again at once."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str]) -> None:
        self._command = command
        self._environment = {**os.environ, **environment}
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the command."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdout=log,
                stderr=log,
                stdin=asyncio.subprocess.DEVNULL,
                env=self._environment,
            )

    async def ready(self) -> None:
        """Wait until it has said that it is ready, since it was first started."""
        async with asyncio.timeout(60):
            while READY not in self._log.read_text():
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """Kill it and start it again."""
        await self.end()
        await self.start()

    async def end(self) -> None:
        """End it by SIGKILL."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None


@contextlib.asynccontextmanager
async def running(
    folder: Path, environment: dict[str, str], **commands: list[str]
) -> AsyncIterator[dict[str, Process]]:
    """Run commands by name; their output goes to a file of that name in `folder`."""
    processes = {
        name: Process(command, folder / f"{name}.log", environment)
        for name, command in commands.items()
    }
    try:
        for process in processes.values():
            await process.start()
        yield processes
    finally:
        for process in processes.values():
            await process.end()


def module(name: str, *arguments: str) -> list[str]:
    """Return the command that runs a Python module."""
    return [sys.executable, "-m", name, *arguments]
