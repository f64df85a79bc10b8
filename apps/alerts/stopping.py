"""Being stopped while something fails."""

from __future__ import annotations

import asyncio


def stop_if_told() -> None:
    """Raise CancelledError where the running task was told to stop.

    A TaskGroup that is cancelled while one of its tasks fails raises that failure only (before
    Python 3.13): whoever catches it and goes on must ask.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
