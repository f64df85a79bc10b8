"""Index rows of attributes that are single numbers: they order, and they count, by themselves."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from broker.model.entity import DEFAULT, Entity
from broker.query.ast import And, Compare, EntityQuery, HasType, Op, Order
from broker.query.ast import Path as QueryPath
from broker.store.contract import Committed, Store
from broker.store.memory import MemoryStore
from broker.store.sqlite import SqliteStore, costs, plan, probing
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.plan import Plan
from tests.broker.store.helpers import (
    LEVEL,
    RIVER,
    SHELTER,
    create,
    delete,
    entity,
    prop,
    replace,
)

SPEED = "https://example.org/speed"
BY_LEVEL = (Order(QueryPath((LEVEL,))),)
BY_LEVEL_DOWN = (Order(QueryPath((LEVEL,)), descending=True),)
QUICK = Compare(QueryPath((SPEED,)), Op.LT, (60,))


def numbered(n: int, *kinds: str) -> Entity:
    """Return one of the entities; some have equal levels, and a few have none."""
    attributes: dict[str, Any] = {"speed": prop(n * 31 % 97)}
    if n % 11:
        attributes["level"] = prop(n * 37 % 20 + (0.5 if n % 4 == 0 else 0))
    return entity(f"urn:{n:03}", *kinds, **attributes)


@pytest.fixture(params=["loop", "thread"])
def where_it_runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer on the event loop, or in a thread."""
    if request.param == "thread":
        answer = Plan._answer

        def in_thread(plan: Plan, budget: Budget) -> Any:
            budget.leave_loop()
            return answer(plan, budget)

        monkeypatch.setattr(Plan, "_answer", in_thread)


@pytest.fixture
def long_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every index for a long one, and that of an order always."""
    monkeypatch.setattr(probing, "FEW", -1)
    monkeypatch.setattr(costs, "PROBE", 2)
    monkeypatch.setattr(plan, "order_index_is_shorter", lambda *figures: True)


@pytest_asyncio.fixture
async def engines(sqlite: SqliteStore) -> AsyncIterator[list[Store]]:
    """Return both engines with the same entities; of the file's index rows, some wait."""
    memory = MemoryStore()
    await memory.open()
    stores: list[Store] = [sqlite, memory]
    for store in stores:
        await create(store, *map(numbered, range(100)), *(numbered(n, RIVER) for n in (200, 201)))
    await sqlite._mover.until(sqlite.span()[1])
    for store in stores:
        await replace(store, entity("urn:003", level=prop(7), speed=prop(99)))
        await replace(store, entity("urn:004", level=prop(7.5), speed=prop(1)))
        await replace(store, entity("urn:005", speed=prop(1)))
        await replace(store, entity("urn:006", RIVER, level=prop(3), speed=prop(1)))
        await replace(store, entity("urn:200", SHELTER, level=prop(3), speed=prop(1)))
        await delete(store, "urn:007")
        await create(store, entity("urn:300", level=prop(-1), speed=prop(59)))
    yield stores
    await memory.close()


async def both(engines: list[Store], query: EntityQuery) -> tuple[list[str], int | None]:
    """Return the ids and the total, which both engines must agree on."""
    (ids, total), other = [
        ([record.id for record in page.records], page.total)
        for page in [await store.query("", query) for store in engines]
    ]
    assert (ids, total) == other
    return ids, total


@pytest.mark.usefixtures("where_it_runs", "long_indexes")
@pytest.mark.parametrize("order", [BY_LEVEL, BY_LEVEL_DOWN])
@pytest.mark.parametrize("where", [HasType(SHELTER), And((HasType(SHELTER), QUICK))])
async def test_every_page_is_as_the_documents_say(
    engines: list[Store], order: tuple[Order, ...], where: Any
) -> None:
    found: list[str] = []
    for offset in range(0, 110, 7):
        ids, _ = await both(engines, EntityQuery(where, 7, offset, order=order))
        found += ids
    assert len(found) == len(set(found)) > 50


@pytest.mark.usefixtures("where_it_runs", "long_indexes")
@pytest.mark.parametrize(
    "level",
    [
        Compare(QueryPath((LEVEL,)), Op.GE, (7,)),
        Compare(QueryPath((LEVEL,)), Op.LT, (7,)),
        Compare(QueryPath((LEVEL,)), Op.EQ, (7, 7.5, -1)),
    ],
)
async def test_rows_are_counted_and_those_that_wait_count_as_they_will_be(
    engines: list[Store], level: Compare
) -> None:
    query = EntityQuery(And((HasType(SHELTER), level)), limit=0, count=True)
    _, total = await both(engines, query)
    assert total


@pytest.mark.usefixtures("where_it_runs", "long_indexes")
async def test_who_gets_a_type_and_keeps_its_value_is_still_counted(engines: list[Store]) -> None:
    for store in engines:
        await replace(store, numbered(50, SHELTER, RIVER))
        await replace(store, numbered(51, RIVER))
    for kind, least in ((SHELTER, 90), (RIVER, 4)):
        where = And((HasType(kind), Compare(QueryPath((SPEED,)), Op.GE, (0,))))
        _, total = await both(engines, EntityQuery(where, 0, count=True))
        assert (total or 0) >= least


@pytest.mark.usefixtures("long_indexes")
async def test_what_is_not_committed_yet_is_not_counted(engines: list[Store]) -> None:
    sqlite, query = engines[0], EntityQuery(And((HasType(SHELTER), QUICK)), 0, count=True)
    totals: list[int | None] = []

    def meanwhile(_: list[Committed]) -> None:
        with pytest.raises(StopIteration) as ended:
            sqlite.query("", query).send(None)
        totals.append(ended.value.value.total)

    before = (await sqlite.query("", query)).total
    assert isinstance(sqlite, SqliteStore)
    sqlite.foresee(meanwhile)
    await create(sqlite, entity("urn:400", speed=prop(1)))
    await replace(sqlite, entity("urn:400", speed=prop(99)))
    after = (await sqlite.query("", query)).total
    assert before is not None
    assert (totals, after) == ([before, before + 1], before)


async def way(store: SqliteStore, order: tuple[Order, ...]) -> str:
    where = And((HasType(SHELTER), QUICK))
    return (await store.explain("", EntityQuery(where, 5, order=order))).way


@pytest.mark.usefixtures("long_indexes")
async def test_a_number_orders_by_its_index(engines: list[Store]) -> None:
    sqlite = engines[0]
    assert isinstance(sqlite, SqliteStore)
    assert await way(sqlite, BY_LEVEL) == "order index"
    assert await way(sqlite, (*BY_LEVEL, Order(QueryPath((SPEED,))))) == "order"


OTHER_VALUES: dict[str, Callable[[], dict[str, Any]]] = {
    "text": lambda: prop("high"),
    "truth": lambda: prop(True),
    "list": lambda: prop([1, 2]),
    "object": lambda: prop({"a": 1}),
    "two": lambda: prop(1) | {"urn:d": {"type": "Property", "value": 2}},
    "relationship": lambda: {DEFAULT: {"type": "Relationship", "object": "urn:x"}},
    "languages": lambda: {DEFAULT: {"type": "LanguageProperty", "languageMap": {"en": "a"}}},
}


@pytest.mark.usefixtures("long_indexes")
@pytest.mark.parametrize("kind", OTHER_VALUES)
async def test_one_other_value_ends_that(engines: list[Store], kind: str) -> None:
    for store in engines:
        await replace(store, entity("urn:010", level=OTHER_VALUES[kind](), speed=prop(1)))
    sqlite = engines[0]
    assert isinstance(sqlite, SqliteStore)
    assert await way(sqlite, BY_LEVEL) == "order"
    for order in (BY_LEVEL, BY_LEVEL_DOWN):
        for offset in (0, 5, 90):
            await both(engines, EntityQuery(HasType(SHELTER), 7, offset, True, order=order))
    level = Compare(QueryPath((LEVEL,)), Op.GT, (0,))
    await both(engines, EntityQuery(And((HasType(SHELTER), level)), 0, 0, True))


async def test_a_value_that_was_not_committed_does_not_end_it(
    engines: list[Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite = engines[0]
    assert isinstance(sqlite, SqliteStore)
    monkeypatch.setattr(probing, "FEW", -1)
    monkeypatch.setattr(plan, "order_index_is_shorter", lambda *figures: True)

    async def fails(tx: Any) -> None:
        await tx.put(entity("urn:new", level=prop("high")), None)
        raise LookupError

    with pytest.raises(LookupError):
        await sqlite.write("", fails)
    assert await way(sqlite, BY_LEVEL) == "order index"
    await create(sqlite, entity("urn:new", level=prop("high")))
    assert await way(sqlite, BY_LEVEL) == "order"
