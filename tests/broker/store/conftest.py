"""Engines under test, and the clock they share."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import apsw
import pytest

from broker.store.contract import Store
from broker.store.memory import MemoryStore
from broker.store.mongodb.store import MongoStore
from broker.store.sqlite import SqliteStore, connection
from tests.broker.store.helpers import HandClock
from tests.support.mongodb import database_name, mongodb


@pytest.fixture(scope="package", autouse=True)
def mutex() -> Iterator[None]:
    """Have apsw report where two threads use a writing connection at once."""
    without = connection.WRITING & ~apsw.SQLITE_OPEN_NOMUTEX
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "WRITING", without | apsw.SQLITE_OPEN_FULLMUTEX)
        yield


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def mongodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a server of MongoDB's wire protocol."""
    with mongodb(tmp_path_factory.mktemp("mongodb")) as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "mongodb"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> AsyncIterator[Store]:
    """Return each engine, open."""
    engine: Store
    if request.param == "memory":
        engine = MemoryStore(clock=clock)
    elif request.param == "mongodb":
        engine = MongoStore(request.getfixturevalue("mongodb_url") + database_name(), clock=clock)
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


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """Give an event loop that lasts as long as the examples of a module."""
    with asyncio.Runner() as runner:
        yield runner
