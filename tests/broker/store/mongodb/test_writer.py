"""What cannot be committed fails for whoever asked, and for nobody else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from broker.errors import PayloadTooLarge, ServiceUnavailable
from broker.store.mongodb import sizes
from broker.store.mongodb.draft import Writes
from broker.store.mongodb.store import MongoStore
from tests.broker.store.helpers import HandClock, create, entity, prop, replace
from tests.support.mongodb import database_name


@pytest.fixture
async def mongo(mongodb_url: str) -> AsyncIterator[MongoStore]:
    """Return a store, open, in a database of its own."""
    store = MongoStore(mongodb_url + database_name(), clock=HandClock())
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a document have 20,000 bytes at most."""
    monkeypatch.setattr(sizes, "LARGEST", 20_000)
    monkeypatch.setattr(sizes, "SUSPICIOUS", 2500)


@pytest.mark.usefixtures("small")
async def test_an_entity_the_server_cannot_hold_is_refused_and_its_neighbours_are_stored(
    mongo: MongoStore,
) -> None:
    sizes_of = {"urn:a": 10, "urn:b": 20_000, "urn:c": 3000}
    answers = await asyncio.gather(
        *(create(mongo, entity(name, level=prop("x" * n))) for name, n in sizes_of.items()),
        return_exceptions=True,
    )
    assert [type(each) for each in answers] == [type(None), PayloadTooLarge, type(None)]
    found = await mongo.get_many("", sizes_of)
    assert [record.id for record in found] == ["urn:a", "urn:c"]


@pytest.mark.usefixtures("small")
async def test_a_change_is_measured_with_what_was_and_what_is(mongo: MongoStore) -> None:
    await create(mongo, entity("urn:a", level=prop("x" * 7000)))
    with pytest.raises(PayloadTooLarge, match="changes by too much at once"):
        await replace(mongo, entity("urn:a", level=prop("y" * 7000)))
    await replace(mongo, entity("urn:a", level=prop("y")))


async def test_what_the_driver_cannot_encode_fails_and_others_go_on(mongo: MongoStore) -> None:
    async def unwritable(session: Any, writes: Writes, newest: int) -> None:
        writes.put("rules", {"_id": "one", "type": object()})

    with pytest.raises(ServiceUnavailable, match="could not commit"):
        await mongo._writer.submit(unwritable)
    await create(mongo, entity("urn:a"))
    assert mongo.span() == (1, 1)


async def test_where_memory_may_be_wrong_nothing_more_is_written(mongo: MongoStore) -> None:
    def fails() -> None:
        raise ValueError("no such line")

    async def half_known(session: Any, writes: Writes, newest: int) -> None:
        writes.after.append(fails)

    asked = [mongo._writer.submit(half_known, alone=True), create(mongo, entity("urn:a"))]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in answers] == [ServiceUnavailable] * 2
    with pytest.raises(ServiceUnavailable, match="closed"):
        await create(mongo, entity("urn:b"))
