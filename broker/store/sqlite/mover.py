"""Moves index rows that wait into the file, one slice after another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

from broker.errors import ServiceUnavailable
from broker.store.sqlite.connection import Run
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.pending import Pending

Submit: TypeAlias = Callable[[Callable[[Effects], Any]], Awaitable[Any]]
"""Runs a job in the writing transaction, perhaps more than once."""


class Mover:
    """Moves what waits in `pending`, in jobs of its own.

    A slice may hold rows of the open transaction, with which it is committed or rolled back.
    `bring` writes rows of one attribute, `newest` is the newest committed change.
    """

    def __init__(
        self,
        pending: Pending,
        bring: Callable[..., None],
        run: Run,
        newest: Callable[[], int],
        submit: Submit,
    ) -> None:
        self._pending = pending
        self._bring = bring
        self._run = run
        self._newest = newest
        self._submit = submit
        self._moved = False
        self.task: asyncio.Task[None] | None = None
        """Moves what is overdue, until it has done so."""

    async def until(self, seq: int) -> None:
        """Move the rows of all changes up to `seq`."""
        while self._pending.indexed < seq:
            await self.move()

    async def move(self) -> None:
        """Move one slice; of those who ask at once, one does it for all."""
        await self._submit(self._move)

    def _move(self, effects: Effects) -> None:
        # What was moved is in `pending` until its group is committed.
        if self._moved:
            return
        self._moved = True
        effects.undo.append(self._end)
        indexed, forget = self._pending.move(self._bring, self._newest())
        self._run("UPDATE meta SET value = ? WHERE key = 'indexed'", (indexed,))
        effects.publish += (forget, self._end)

    def _end(self) -> None:
        self._moved = False

    def look(self) -> None:
        """Begin to move rows where too many wait, unless that goes on already."""
        if self._pending.overdue(self._newest()) and (self.task is None or self.task.done()):
            self.task = asyncio.get_running_loop().create_task(self._overdue())

    async def _overdue(self) -> None:
        with suppress(ServiceUnavailable):
            while self._pending.overdue(self._newest()):
                await self.move()
