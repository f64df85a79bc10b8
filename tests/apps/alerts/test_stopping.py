"""Being stopped while something fails."""

import asyncio

import pytest

from apps.alerts.stopping import stop_if_told
from tests.support.patience import PATIENCE


async def test_task_that_is_stopped_while_its_group_fails_ends():
    began = asyncio.Event()

    async def fail_when_stopped() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise LookupError

    async def go_on_for_ever() -> None:
        while True:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(fail_when_stopped())
            except* LookupError:
                pass
            stop_if_told()

    task = asyncio.create_task(go_on_for_ever())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), PATIENCE)
    assert task.cancelled()


async def test_task_that_was_not_stopped_goes_on():
    stop_if_told()
