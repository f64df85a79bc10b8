"""Works that stand and fall together."""

import asyncio

import pytest

from apps.shell.together import together
from tests.support.patience import PATIENCE


async def fail() -> None:
    raise LookupError


async def wait_for_ever() -> None:
    await asyncio.Event().wait()


async def test_failure_ends_the_others_and_is_raised_as_it_is():
    ended = asyncio.Event()
    begun = asyncio.Event()

    async def until_ended() -> None:
        begun.set()
        try:
            await wait_for_ever()
        finally:
            ended.set()

    async def fail_then() -> None:
        await begun.wait()
        raise LookupError

    with pytest.raises(LookupError):
        await together(until_ended(), fail_then())
    assert ended.is_set()


async def test_who_lives_through_a_failure_was_not_told_to_stop():
    with pytest.raises(LookupError):
        await together(fail(), wait_for_ever())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_works_that_all_end_end_together():
    await together(asyncio.sleep(0), asyncio.sleep(0))


async def test_who_is_told_to_stop_while_a_work_fails_stops():
    began = asyncio.Event()

    async def fail_when_stopped() -> None:
        began.set()
        try:
            await wait_for_ever()
        finally:
            raise LookupError

    async def go_on_for_ever() -> None:
        while True:
            try:
                await together(fail_when_stopped(), wait_for_ever())
            except LookupError:
                continue

    task = asyncio.create_task(go_on_for_ever())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), PATIENCE)
    assert task.cancelled()
