"""Queries for several types: their entities are met in one order, at a cost linear in the types."""

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio

from broker.query.ast import And, Compare, EntityQuery, HasType, Node, Op, Or
from broker.query.ast import Path as QueryPath
from broker.store.sqlite import SqliteStore, budget, costs, planner, probing
from tests.broker.store.helpers import LEVEL, NAME, create, entity, prop

TYPES = [f"https://example.org/T{n:02}" for n in range(48)]
EACH = 10
IDS = [f"urn:{n * 7919 % 480:03}" for n in range(480)]
ABOVE = Compare(QueryPath((LEVEL,)), Op.GT, (3,))
UNINDEXED = Compare(QueryPath((NAME,)), Op.MATCH, ("x",))


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SqliteStore]:
    """Return a store with entities of many types, some of two; of their index rows none wait."""
    made = [
        entity(one, *TYPES[n % 48 : n % 48 + (2 if n % 5 == 0 else 1)], level=prop(n // 48))
        for n, one in enumerate(IDS)
    ]
    store = SqliteStore(tmp_path_factory.mktemp("town"))
    await store.open()
    await create(store, *made)
    await store._mover.until(store.span()[1])
    yield store
    await store.close()


def of(count: int, *conditions: Node) -> EntityQuery:
    """Return the query for entities of so many types that satisfy the conditions."""
    return EntityQuery(And((Or(tuple(map(HasType, TYPES[:count]))), *conditions)), 20)


def expected(count: int, least: int) -> list[str]:
    """Return the ids on the first page of the entities of so many types, from a level on."""
    return sorted(
        one
        for n, one in enumerate(IDS)
        if (n % 48 < count or (n % 5 == 0 and n % 48 + 1 < count)) and n // 48 >= least
    )[:20]


@pytest.mark.parametrize("most", [100, 3])
@pytest.mark.parametrize("many", [costs.PROBE, 2])
@pytest.mark.parametrize("count", [2, 5, 40])
async def test_entities_of_any_of_the_types_are_met_once_in_the_order_of_ids(
    town: SqliteStore, monkeypatch: pytest.MonkeyPatch, most: int, many: int, count: int
) -> None:
    monkeypatch.setattr(planner, "MOST_TYPES", most)
    monkeypatch.setattr(costs, "PROBE", many)
    for query, least in ((of(count), 0), (of(count, ABOVE), 4)):
        page = await town.query("", query)
        assert [record.id for record in page.records] == expected(count, least)


@pytest.mark.parametrize("condition", [(), (ABOVE,), (UNINDEXED,)])
async def test_twice_the_types_cost_about_twice_at_most(
    town: SqliteStore, monkeypatch: pytest.MonkeyPatch, condition: tuple[Node, ...]
) -> None:
    steps, texts = 0, 0

    def counted(_: Any) -> bool:
        nonlocal steps
        steps += 1
        return False

    def traced(_: Any, text: str, bindings: Any) -> bool:
        nonlocal texts
        texts += len(text)
        return True

    monkeypatch.setattr(probing, "FEW", -1)
    monkeypatch.setattr(budget, "STEPS", 1)
    monkeypatch.setattr(budget.Budget, "_spent", counted)
    town._reader.connection.exec_trace = traced
    spent = []
    for count in (6, 12, 24, 48):
        steps = texts = 0
        await town.query("", of(count, *condition))
        spent.append((steps, texts))
    town._reader.connection.exec_trace = None
    for (some, short), (twice, long) in pairwise(spent):
        assert 0 < twice < 2.5 * some
        assert 0 < long < 2.5 * short
