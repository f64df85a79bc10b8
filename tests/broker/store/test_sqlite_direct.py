"""Queries for a type and one comparison, answered by index rows alone: what is so, rows waiting."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import apsw
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker.model.entity import Entity
from broker.query.ast import And, Compare, EntityQuery, HasType, Op, Range
from broker.query.ast import Path as QueryPath
from broker.store.contract import Committed, Page, Record, Store
from broker.store.memory import MemoryStore
from broker.store.sqlite import SqliteStore, probing
from broker.store.sqlite.conditions import Conditions, Test
from broker.store.sqlite.direct import Direct
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


def having(op: Op, *operands: Any, **page: Any) -> EntityQuery:
    """Return the query for shelters whose level compares so."""
    level = Compare(QueryPath((LEVEL,)), op, operands)
    return EntityQuery(And((HasType(SHELTER), level)), **page)


def found(page: Page) -> tuple[list[tuple[str, int, Any]], int | None]:
    """Return ids, versions and levels of a page, and the total."""
    return [(r.id, r.version, r.entity["attrs"].get(LEVEL)) for r in page.records], page.total


async def settle(store: SqliteStore) -> None:
    """Move all index rows into the file."""
    await store._mover.until(store.span()[1])


@pytest.fixture
def planless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no query be answered by a plan."""

    def answered(*_: object) -> Any:
        raise AssertionError("this was answered by a plan")

    monkeypatch.setattr(Plan, "_answer", answered)


@pytest.fixture
def untested(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no document be tested."""

    def tested(*_: object) -> Test:
        raise AssertionError("a document was tested")

    monkeypatch.setattr(Conditions, "whole", tested)


@pytest.mark.usefixtures("planless", "untested")
async def test_neither_rows_in_the_file_nor_rows_that_wait_need_a_look_at_a_document(
    sqlite: SqliteStore,
) -> None:
    await create(sqlite, *(entity(f"urn:{n}", level=prop(n)) for n in range(9)))
    await settle(sqlite)
    await replace(sqlite, entity("urn:7", level=prop(1)))
    await replace(sqlite, entity("urn:2", level=prop(8.5)))
    await replace(sqlite, entity("urn:6"))
    await delete(sqlite, "urn:5")
    page = await sqlite.query("", having(Op.GE, 5, count=True))
    assert found(page) == ([("urn:2", 2, prop(8.5)), ("urn:8", 1, prop(8))], 2)


@pytest.mark.usefixtures("planless")
async def test_pages_are_cut_from_the_ids_in_order(sqlite: SqliteStore) -> None:
    await create(sqlite, *(entity(f"urn:{n:02}", level=prop(-n)) for n in range(20)))
    await settle(sqlite)
    page = await sqlite.query("", having(Op.LE, -10, limit=3, offset=2, count=True))
    assert ([r.id for r in page.records], page.total) == (["urn:12", "urn:13", "urn:14"], 10)
    page = await sqlite.query("", having(Op.LE, -10, limit=3, after="urn:16"))
    assert ([r.id for r in page.records], page.total) == (["urn:17", "urn:18", "urn:19"], None)
    page = await sqlite.query("", having(Op.EQ, Range(-8, -7), limit=0, count=True))
    assert (page.records, page.total) == ([], 2)


@pytest.mark.usefixtures("planless")
async def test_what_the_caller_has_is_on_the_page_as_it_is(sqlite: SqliteStore) -> None:
    await create(sqlite, *(entity(f"urn:{n}", level=prop(n)) for n in range(3)))
    had, asked = Record(entity("urn:1"), 1), []

    def kept(rows: Any) -> dict[str, Record]:
        asked.extend(rows)
        return {"urn:1": had}

    page = await sqlite.query("", having(Op.GT, 0), kept)
    assert page.records[0] is had
    assert [record.id for record in page.records] == ["urn:1", "urn:2"]
    assert [row[:2] for row in asked] == [("urn:1", 1), ("urn:2", 1)]


async def test_a_change_that_is_not_committed_yet_is_not_so_yet(sqlite: SqliteStore) -> None:
    await create(sqlite, *(entity(f"urn:{n}", level=prop(n)) for n in range(4)))
    query, seen = having(Op.GE, 2), []

    def meanwhile(_: list[Committed]) -> None:
        with pytest.raises(StopIteration) as ended:
            sqlite.query("", query).send(None)
        seen.append(found(ended.value.value)[0])

    before = found(await sqlite.query("", query))[0]
    for settled in (False, True):
        if settled:
            await settle(sqlite)
        stop = sqlite.foresee(meanwhile)
        await replace(sqlite, entity("urn:0", level=prop(7)))
        await replace(sqlite, entity("urn:2", level=prop(0)))
        stop()
        after = found(await sqlite.query("", query))[0]
        assert [row[0] for row in after] == ["urn:0", "urn:3"]
        assert seen == [before, [("urn:0", seen[1][0][1], prop(7)), *before]]
        seen.clear()
        await replace(sqlite, entity("urn:0", level=prop(0)))
        await replace(sqlite, entity("urn:2", level=prop(2)))
        before = found(await sqlite.query("", query))[0]


async def test_where_the_index_offers_many_the_query_is_planned(sqlite: SqliteStore) -> None:
    await create(sqlite, *(entity(f"urn:{n:03}", level=prop(n)) for n in range(200)))
    for settled in (False, True):
        if settled:
            await settle(sqlite)
        page = await sqlite.query("", having(Op.LT, 150, limit=5, offset=100, count=True))
        assert [record.id for record in page.records] == [f"urn:{n}" for n in range(100, 105)]
        assert page.total == 150


async def test_a_read_that_is_cut_short_goes_on_in_a_thread(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(sqlite, *(entity(f"urn:{n}", level=prop(n)) for n in range(4)))
    threads = sqlite.count()["reads_in_threads_total"]

    def cut(*_: object) -> Any:
        raise apsw.InterruptError

    monkeypatch.setattr(Direct, "_answer", cut)
    monkeypatch.setattr(Plan, "_answer", in_thread(Plan._answer))
    page = await sqlite.query("", having(Op.GE, 2))
    assert [record.id for record in page.records] == ["urn:2", "urn:3"]
    assert sqlite.count()["reads_in_threads_total"] == threads + 1


def in_thread(answer: Any) -> Any:
    """Return a way for plans to answer that leaves the event loop first."""

    def answered(plan: Plan, budget: Any) -> Any:
        budget.leave_loop()
        return answer(plan, budget)

    return answered


# Any writes, any comparison

VALUES = st.sampled_from([0, 1, 1.0, 1.5, 2, -1])
ODD = st.sampled_from(["1", True, [1, 2], [], "a", {"a": 1}])
TYPES = st.sampled_from([(SHELTER,), (SHELTER,), (RIVER,), (RIVER, SHELTER), (SHELTER, RIVER)])
ID = st.integers(0, 3)
PUTS = st.tuples(st.just("put"), ID, TYPES, st.none() | VALUES)
STEPS = st.lists(
    PUTS
    | PUTS
    | st.tuples(st.just("put"), ID, TYPES, ODD)
    | st.tuples(st.just("delete"), ID, st.none(), st.none())
    | st.tuples(st.just("settle"), ID, st.none(), st.none()),
    max_size=12,
)
COMPARISONS: list[tuple[Any, ...]] = [
    *((op, value) for op in (Op.GT, Op.GE, Op.LT, Op.LE) for value in (0, 1, 1.5, "1")),
    *((Op.EQ, *each) for each in ((1,), (0, 2), (1, 2), (Range(0, 2),), ("1", "a"), (True,))),
]
QUERIES = [having(*each, count=count) for each in COMPARISONS for count in (False, True)]
TENANTS = itertools.count()


@pytest.fixture(scope="module")
def stores(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[asyncio.Runner, SqliteStore, MemoryStore]]:
    """Give both engines, opened once for all examples, of which each has its own tenant."""
    with asyncio.Runner() as runner:
        sqlite, memory = SqliteStore(tmp_path_factory.mktemp("direct")), MemoryStore()
        runner.run(sqlite.open())
        runner.run(memory.open())
        yield runner, sqlite, memory
        runner.run(sqlite.close())
        runner.run(memory.close())


@pytest.mark.parametrize("few", [probing.FEW, -1], ids=["direct", "planned"])
@given(STEPS)
@example([("put", 0, (SHELTER, RIVER), 1)])
def test_whatever_was_written_it_is_found_as_the_documents_say(
    stores: tuple[asyncio.Runner, SqliteStore, MemoryStore], few: int, steps: list[tuple[Any, ...]]
) -> None:
    runner, sqlite, memory = stores
    tenant = f"t{next(TENANTS)}"

    async def drive(store: Store) -> list[Any]:
        await create(store, entity("urn:0", level=prop(1)), tenant=tenant)
        there = {"urn:0"}
        await take(store, there, "settle", "urn:0", None, None)
        for kind, number, types, value in steps:
            await take(store, there, kind, f"urn:{number}", types, value)
        return [found(await store.query(tenant, query)) for query in QUERIES]

    async def take(
        store: Store, there: set[str], kind: str, one: str, types: Any, value: Any
    ) -> None:
        if kind == "put":
            new: Entity = entity(one, *types)
            new["attrs"] = {} if value is None else {LEVEL: prop(value)}
            await (replace if one in there else create)(store, new, tenant=tenant)
            there.add(one)
        elif kind == "delete" and one in there:
            await delete(store, one, tenant=tenant)
            there.discard(one)
        elif kind == "settle" and isinstance(store, SqliteStore):
            await settle(store)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probing, "FEW", few)
        assert runner.run(drive(sqlite)) == runner.run(drive(memory))
