"""One process of the town: start it, pass its lines on, know when it is ready, stop it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

READY = re.compile(r"\bready(:| on )")
GRACE = 8.0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Role:
    """What a process does: its short name in the log, its Python module and arguments.

    `environment` is added to that of this process: keys go there, never into the arguments.
    A process says a line with `ready:` or `ready on` when it can do its work.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def _end_with_parent() -> None:
    """Have the kernel stop this process when the supervisor is gone, however it ended (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _own_environment() -> dict[str, str]:
    """Return this process's environment without keys: each process is handed its own."""
    return {name: text for name, text in os.environ.items() if not name.startswith("MACHI_KEY")}


class Child:
    """A running process of a role. `say` gets each line it prints."""

    def __init__(self, role: Role, say: Callable[[str, str], None]) -> None:
        self.role = role
        self.ready = asyncio.Event()
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches the supervisor only."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self.role.module,
            *self.role.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**_own_environment(), "PYTHONUNBUFFERED": "1", **self.role.environment},
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        self._reader = asyncio.create_task(self._read())

    async def wait(self) -> int:
        """Wait for the end of the process and of its output; return its exit code."""
        if self._process is None or self._reader is None:
            raise RuntimeError("not started")
        code = await self._process.wait()
        await self._reader
        return code

    async def stop(self) -> None:
        """Ask the process to end; kill it where it does not within the grace time."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), GRACE)
        except TimeoutError:
            self._say(self.role.name, f"does not stop within {GRACE:.0f} s; killed")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _read(self) -> None:
        stream = self._process.stdout if self._process else None
        if stream is None:
            return
        while line := await stream.readline():
            text = line.decode(errors="replace").rstrip()
            if READY.search(text):
                self.ready.set()
            if text:
                self._say(self.role.name, text)
