"""What only a real MongoDB shows; `docs/mongodb.md` lists these tests. Run with `MACHI_MONGO_URL`.

The server has to be a replica set of MongoDB 4.4 or later.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from broker.model.entity import Entity
from broker.query.ast import EntityQuery, Geo, Node
from broker.query.predicate import compile_predicate
from broker.store.contract import Answer, Resource, Tx
from broker.store.mongodb.schema import INDEXES, SPHERE, TARGETS
from broker.store.mongodb.server import Capable
from broker.store.mongodb.store import MongoStore
from tests.broker.store.helpers import LOCATION, create, entity, point, prop
from tests.properties.test_query_equal import towns
from tests.support import effort
from tests.support.mongodb import REAL, database_name

pytestmark = pytest.mark.real_mongodb

AT = "2026-01-01T00:00:00.000000Z"
FEW = settings(max_examples=effort(quick=20, long=500))


@pytest.fixture
async def store() -> AsyncIterator[MongoStore]:
    """Return a store in a database of its own, which is dropped in the end."""
    name = database_name()
    engine = MongoStore(REAL + name)
    await engine.open()
    yield engine
    await engine.close()
    async with AsyncMongoClient[dict[str, Any]](REAL) as client:
        await client.drop_database(name)


async def test_the_server_answers_all_that_filters_ask(store: MongoStore) -> None:
    assert store._capable == Capable(targets=True, sphere=True)


async def test_every_index_is_there(store: MongoStore) -> None:
    for collection, models in INDEXES.items():
        more = [*TARGETS, *SPHERE] if collection == "entities" else []
        found = await store._database[collection].index_information()
        assert found.keys() == {"_id_", *(model.document["name"] for model in [*models, *more])}


async def _asked(town: list[Entity], asked: list[EntityQuery]) -> list[list[str]]:
    name = database_name()
    engine = MongoStore(REAL + name)
    await engine.open()
    try:
        await create(engine, *town)
        pages = [await engine.query("", each) for each in asked]
        return [[record.id for record in page.records] for page in pages]
    finally:
        await engine.close()
        async with AsyncMongoClient[dict[str, Any]](REAL) as client:
            await client.drop_database(name)


def _apart(town: list[Entity]) -> list[Entity]:
    return [{**each, "id": f"urn:{number}"} for number, each in enumerate(town)]


@FEW
@given(towns())
def test_filters_over_the_wire_select_what_the_predicate_selects(
    drawn: tuple[list[Entity], list[Node]],
) -> None:
    town, nodes = _apart(drawn[0]), drawn[1]
    found = asyncio.run(_asked(town, [EntityQuery(node) for node in nodes]))
    for node, ids in zip(nodes, found, strict=True):
        holds = compile_predicate(node)
        assert ids == [each["id"] for each in town if holds(each)]


async def test_points_are_found_by_the_index_on_the_sphere(store: MongoStore) -> None:
    far = {f"urn:far:{n}": point(100 + n / 10, 10) for n in range(300)}
    near = {f"urn:near:{n}": point(130.7 + n / 1e4, 32.2) for n in range(3)}
    for some in (far, near):
        await create(
            store, *({**entity(name), "attrs": {LOCATION: at}} for name, at in some.items())
        )
    asked = Geo(LOCATION, "near", {"type": "Point", "coordinates": [130.7, 32.2]}, 1000.0)
    page = await store.query("", EntityQuery(asked))
    assert [record.id for record in page.records] == list(near)
    circle = {"places.point": {"$geoWithin": {"$centerSphere": [[130.7, 32.2], 1e-3]}}}
    cursor = store._database["entities"].find(circle).hint("places_point")
    assert sorted([each["id"] async for each in cursor]) == list(near)


async def test_an_answer_and_a_resource_are_replaced(store: MongoStore) -> None:
    for body in (b"one", b"two"):

        async def work(tx: Tx, body: bytes = body) -> None:
            await tx.remember("key", Answer(body, 200, body))
            await tx.put_resource(Resource("kind", "urn:r", AT, body))

        await store.write("", work)
    found = await store.resource("", "kind", "urn:r")
    assert found is not None
    assert found.body == b"two"


async def test_a_transaction_that_meets_another_is_told_of_it(store: MongoStore) -> None:
    meta = store._database["meta"]
    async with meta.database.client.start_session() as one, await one.start_transaction():
        await meta.update_one({"_id": "feed"}, {"$inc": {"turn": 0}}, session=one)
        await meta.update_one({"_id": "feed"}, {"$set": {"met": 1}}, session=one)
        async with meta.database.client.start_session() as other:
            await other.start_transaction()
            with pytest.raises(OperationFailure) as told:
                await meta.update_one({"_id": "feed"}, {"$set": {"met": 2}}, session=other)
            assert told.value.has_error_label("TransientTransactionError")
            await other.abort_transaction()


async def test_a_commit_whose_answer_is_lost_is_done_once(store: MongoStore) -> None:
    admin = store._database.client["admin"]
    lost = {"failCommands": ["commitTransaction"], "closeConnection": True}
    try:
        await admin.command("configureFailPoint", "failCommand", mode={"times": 2}, data=lost)
    except OperationFailure:
        pytest.skip("the server was started without enableTestCommands")
    await create(store, entity("urn:a", level=prop(1)))
    assert store.span() == (1, 1)
    record = await store.get("", "urn:a")
    assert record is not None
    assert record.version == 1
