"""Something a broker does over and over on its database, until it is told to end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from pymongo.errors import PyMongoError

from broker.errors import MachiError

RETRY: Final = 1.0
"""Seconds until the next try where the server does not answer."""

log = logging.getLogger("machi.broker")


class Repeating:
    """Takes a step every so many seconds. Ends between steps: none is broken off.

    PyMongo may take the cancelling of a task for a connection that failed, and try again.
    """

    def __init__(self, every: float, step: Callable[[], Awaitable[None]], name: str) -> None:
        self._every = every
        self._step = step
        self._name = name
        self._over = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._serve(), name=self._name)

    async def end(self) -> None:
        """End, once the step that is being taken is done."""
        self._over.set()
        if self._task is not None:
            await self._task

    async def _serve(self) -> None:
        pause = self._every
        while not self._over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), pause)
                return
            try:
                await self._step()
                pause = self._every
            except (PyMongoError, MachiError) as error:
                log.warning("the database did not answer: %s", error)
                pause = RETRY
