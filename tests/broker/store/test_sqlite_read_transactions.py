"""Reads of the SQLite engine leave no read transaction behind."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from broker.query.ast import EntityQuery, HasType
from broker.store.contract import Store, Tx
from broker.store.sqlite import SqliteStore

KIND = "urn:t:Lamp"
TIME = "2026-01-01T00:00:00.000000Z"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Give an open store with one entity."""
    store = SqliteStore(tmp_path)
    await store.open()
    await create(store, "urn:lamp:0")
    yield store
    await store.close()


async def create(store: Store, entity_id: str, value: Any = 1) -> None:
    """Create an entity of one attribute."""
    instance = {"@none": {"type": "Property", "value": value}}
    times = {"createdAt": TIME, "modifiedAt": TIME}
    entity = {"id": entity_id, "type": [KIND], **times, "attrs": {"urn:t:on": instance}}

    async def work(tx: Tx) -> None:
        await tx.put(entity, None)

    await store.write("", work)


async def test_a_query_after_a_retrieval_sees_what_was_written_between(store: SqliteStore) -> None:
    await store.get("", "urn:lamp:0")
    await create(store, "urn:lamp:1")
    page = await store.query("", EntityQuery(HasType(KIND)))
    assert [record.entity["id"] for record in page.records] == ["urn:lamp:0", "urn:lamp:1"]


async def test_the_wal_begins_anew_although_an_entity_was_retrieved(
    store: SqliteStore, tmp_path: Path
) -> None:
    await store.get("", "urn:lamp:0")
    for number in range(1, 40):
        await create(store, f"urn:lamp:{number}", value="x" * 500_000)
    assert (tmp_path / "machi.sqlite-wal").stat().st_size < 16_000_000
