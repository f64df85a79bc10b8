"""Waiting for what nobody tells of: a file, a page, the state of another process."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tests.support.patience import PATIENCE

T = TypeVar("T")
PAUSE = 0.02


async def until(look: Callable[[], Awaitable[T | None]], patience: float = PATIENCE) -> T:
    """Look again and again until there is something true, and return it.

    Raises TimeoutError after `patience` seconds.
    """
    async with asyncio.timeout(patience):
        while not (found := await look()):
            await asyncio.sleep(PAUSE)
        return found
