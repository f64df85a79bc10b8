"""Which hot rows of history are merged into chunks (decision 0101)."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from broker.store.history import Entry, Fact
from broker.store.sqlite import SqliteStore
from broker.store.sqlite.connection import DATA_FILE, connect
from broker.store.sqlite.history import store as engine
from broker.store.sqlite.history.merging import FEWEST
from tests.broker.store.helpers import LEVEL, SHELTER
from tests.support.patience import PATIENCE

SELDOM = 4


def told(entity_id: str, at: int) -> Entry:
    return Entry(entity_id, (SHELTER,), at, (Fact(LEVEL, {"type": "Property", "value": at}),))


async def test_series_with_few_hot_rows_keep_them_while_fuller_ones_are_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "GROWTH", FEWEST + SELDOM)
    store = SqliteStore(tmp_path)
    await store.open()
    try:
        often = [told("urn:often", at) for at in range(FEWEST)]
        seldom = [told(f"urn:seldom:{number}", 0) for number in range(SELDOM)]
        await store.history.record("", [*often, *seldom], create_tenant=True)
        with closing(connect(tmp_path / DATA_FILE)) as reading:
            async with asyncio.timeout(PATIENCE):
                while not reading.execute("SELECT count(*) FROM chunk").get:
                    await asyncio.sleep(0.01)
            left = reading.execute("SELECT count(*) FROM moment").get
            chunks = reading.execute("SELECT n FROM chunk").fetchall()
        assert (left, chunks) == (SELDOM, [(FEWEST,)])
    finally:
        await store.close()
