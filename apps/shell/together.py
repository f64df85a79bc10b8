"""Works that stand and fall together, for workers that begin again after a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Run works until one fails, end the others, and raise that failure as it is.

    Whoever is cancelled meanwhile is told so, whatever fails at that moment; and a failure leaves
    no trace of a cancellation. A TaskGroup does neither before Python 3.13: who caught its failure
    could not tell whether to go on or to stop.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        failed = [task for task in tasks if task.done() and not task.cancelled()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in failed:
        task.result()
