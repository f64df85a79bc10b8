"""A broker per test, on each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.store.contract import Store
from broker.store.memory import MemoryStore
from broker.store.sqlite import SqliteStore
from tests.support.asgi import Client, Ticking, running


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return an engine that is not open yet."""
    clock = Ticking()
    if request.param == "memory":
        return MemoryStore(clock=clock)
    return SqliteStore(tmp_path / "data", clock=clock)


@pytest.fixture
async def client(store: Store) -> AsyncIterator[Client]:
    """Give a client of a running broker on each engine."""
    async with running(store) as started:
        yield started


@pytest.fixture
async def quick() -> AsyncIterator[Client]:
    """Give a client of a running broker in memory, for what does not depend on the engine."""
    async with running(MemoryStore(clock=Ticking())) as started:
        yield started
