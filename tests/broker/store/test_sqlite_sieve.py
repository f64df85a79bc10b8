"""How often a query of thousands of index rows reads them: that is most of what it costs."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from broker.query.ast import And, Compare, EntityQuery, HasType, Op, Order
from broker.query.ast import Path as QueryPath
from broker.store.sqlite import SqliteStore, costs, plan
from tests.broker.store.helpers import LEVEL, SHELTER, create, entity, prop

SPEED = "https://example.org/speed"
COUNT = 600
LOW = And((HasType(SHELTER), Compare(QueryPath((LEVEL,)), Op.LT, (1,))))
"""Every fifth."""
RISING = (Order(QueryPath((SPEED,))),)


@pytest_asyncio.fixture
async def town(sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqliteStore]:
    """Return a store of which an index with a hundred rows is a long one."""
    monkeypatch.setattr(costs, "PROBE", 100)
    monkeypatch.setattr(costs, "WALK", (50, 400, 500))
    monkeypatch.setattr(plan, "index_is_shorter", lambda *figures: False)
    monkeypatch.setattr(plan, "sieve_first", lambda *figures: True)
    monkeypatch.setattr(plan, "order_index_is_shorter", lambda *figures: True)
    await create(
        sqlite,
        *(
            entity(f"urn:{n:03}", SHELTER, level=prop(n % 5), speed=prop(n // 100))
            for n in range(COUNT)
        ),
    )
    await sqlite._mover.until(sqlite.span()[1])
    yield sqlite


async def asked(town: SqliteStore, query: EntityQuery) -> tuple[list[str], list[str]]:
    """Return the ids of the answer, and the statements that were run."""
    statements: list[str] = []

    def traced(_: Any, text: str, bindings: Any) -> bool:
        statements.append(text)
        return True

    town._reader.connection.exec_trace = traced
    page = await town.query("", query)
    town._reader.connection.exec_trace = None
    return [record.id for record in page.records], statements


async def test_a_walk_that_sifts_from_its_start_makes_one_sieve_where_that_fills_the_page(
    town: SqliteStore,
) -> None:
    ids, statements = await asked(town, EntityQuery(LOW, 30))
    assert ids == [f"urn:{n:03}" for n in range(0, 150, 5)]
    assert sum("+t.eid IN (SELECT eid FROM anum" in each for each in statements) == 1


async def test_no_more_rows_are_handed_out_than_are_few_where_they_are_too_many_to_list(
    town: SqliteStore,
) -> None:
    _, statements = await asked(town, EntityQuery(LOW, 30))
    assert [each for each in statements if "json_group_array" in each] == [
        "SELECT json_group_array(eid), count(*) FROM (SELECT eid FROM (SELECT eid FROM anum "
        "WHERE value < ? AND type = ? AND path = ?) LIMIT 65)"
    ]


@pytest.mark.parametrize(("limit", "times"), [(20, 1), (19, 2)])
async def test_an_order_is_read_once_unless_the_page_ends_among_equal_values(
    town: SqliteStore, limit: int, times: int
) -> None:
    ids, statements = await asked(town, EntityQuery(LOW, limit, order=RISING))
    assert ids == [f"urn:{n:03}" for n in range(0, 100, 5)][:limit]
    assert sum("ORDER BY a.value" in each for each in statements) == times
