"""What a broker process does beside answering."""

import asyncio
import resource
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uvicorn

from broker.api.limits import Limits
from broker.main import Server, keep_pruned, open_files
from broker.settings import Settings
from broker.store.memory import MemoryStore
from broker.store.refusals import not_committed
from tests.support.asgi import running

DAY = timedelta(days=1)


class Enough(Exception):
    """Ends the loop under test."""


class OldStore(MemoryStore):
    """A store whose changes were written eight days ago; each failure asked for comes once."""

    def __init__(self, failures: list[Exception]) -> None:
        old = (datetime.now(UTC) - 8 * DAY).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        super().__init__(clock=lambda: old)
        self.failures = failures

    async def prune(self, before: str) -> int:
        if self.failures:
            raise self.failures.pop()
        return await super().prune(before)


async def pruned(store: OldStore, times: int) -> tuple[int, int]:
    """Let the feed be pruned so often; return what of it is left."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == times:
            raise Enough

    async with running(store, Settings(feed_days=7)) as client:
        await client.post("/ngsi-ld/v1/entities", {"id": "urn:x:1", "type": "T", "a": 1})
        with pytest.raises(Enough):
            await keep_pruned(client.broker, sleep=sleep)
    assert pauses == [3600.0] * times
    return store.span()


def test_there_are_no_more_connections_than_files_may_be_open() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
        assert open_files(Limits(connections=400)).connections == 400
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 600
        assert open_files(Limits(connections=10**9)).connections == before[1] - 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_changes_past_the_retention_are_forgotten() -> None:
    assert await pruned(OldStore([]), 1) == (2, 1)


async def test_a_prune_that_fails_is_tried_again() -> None:
    assert await pruned(OldStore([not_committed("disk full")]), 2) == (2, 1)


async def test_chores_have_ended_when_the_store_is_closed() -> None:
    chore = asyncio.create_task(asyncio.sleep(3600))
    ended: list[bool] = []

    class Application:
        async def shutdown(self) -> None:
            ended.append(chore.done())

    nobody: Any = None
    server = Server(uvicorn.Config(nobody), nobody, [chore])
    server.servers, server.lifespan = [], Application()
    await server.shutdown()
    assert ended == [True]
