"""Engines under test, and the clock they share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.store.contract import Store
from broker.store.memory import MemoryStore
from broker.store.sqlite import SqliteStore
from tests.broker.store.helpers import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> AsyncIterator[Store]:
    """Return each engine, open."""
    engine: Store
    if request.param == "memory":
        engine = MemoryStore(clock=clock)
    else:
        engine = SqliteStore(tmp_path / "data", clock=clock)
    await engine.open()
    yield engine
    await engine.close()


@pytest.fixture
async def sqlite(tmp_path: Path, clock: HandClock) -> AsyncIterator[SqliteStore]:
    """Return the SQLite engine, open, on `tmp_path / "data"`."""
    engine = SqliteStore(tmp_path / "data", clock=clock)
    await engine.open()
    yield engine
    await engine.close()
