"""Answers of the broker that many pages want at once: asked for once, and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Final, TypeVar

SECONDS: Final = 60.0
MOST: Final = 200
AT_ONCE: Final = 4
"""Questions that the broker is asked at the same time."""

Answer = TypeVar("Answer")


class Kept:
    """Answers by what was asked, at most `MOST` and none older than `SECONDS` of `clock`."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._answers: dict[object, tuple[float, asyncio.Task[Any]]] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def get(self, key: object, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer to `key`; all who want it meanwhile wait for the same question.

        A failure is told to all who wait, and forgotten.
        """
        at, task = self._answers.get(key, (0.0, None))
        if task is None or self._clock() - at >= SECONDS:
            task = asyncio.create_task(self._ask(ask))
            self._answers.pop(key, None)
            self._answers[key] = self._clock(), task
            task.add_done_callback(lambda done: self._forget_failed(key, done))
            while len(self._answers) > MOST:
                del self._answers[next(iter(self._answers))]
        found: Answer = await asyncio.shield(task)
        return found

    async def _ask(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        async with self._turn:
            return await ask()

    def _forget_failed(self, key: object, task: asyncio.Task[Any]) -> None:
        if (task.cancelled() or task.exception()) and self._answers.get(key, (0, None))[1] is task:
            del self._answers[key]
