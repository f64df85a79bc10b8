"""How the SQLite engine answers queries: every way gives the same, within bounds of time."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from broker.errors import TooComplexQuery
from broker.model.entity import DEFAULT, Entity
from broker.query.ast import (
    And,
    Compare,
    EntityQuery,
    Geo,
    HasType,
    IdIn,
    IdMatches,
    Linked,
    Node,
    Not,
    Op,
    Or,
    Range,
)
from broker.query.ast import Path as QueryPath
from broker.query.predicate import compile_predicate
from broker.store.sqlite import SqliteStore, costs, feed, plan, probing
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.due import DUE
from broker.store.sqlite.plan import Plan
from broker.store.sqlite.walk import Walk
from tests.broker.store.helpers import (
    LEVEL,
    NAME,
    RIVER,
    SHELTER,
    create,
    entity,
    point,
    prop,
)

PLACE = "https://example.org/place"
NOTE = "https://example.org/note"
ABOVE = "https://example.org/above"


def numbered(n: int) -> Entity:
    """Return one of the entities that are queried."""
    attributes: dict[str, Any] = {
        "level": prop([n, n + 0.5] if n % 7 == 0 else n),
        "name": prop(f"{'long ' * 40}{n}" if n % 5 == 0 else f"name {n % 20}"),
    }
    if n % 3 == 0:
        above = f"urn:{(n + 1) * 37 % 300:03}"
        attributes["above"] = {DEFAULT: {"type": "Relationship", "object": above}}
    if n % 2:
        attributes["place"] = point(130 + n / 100, 32)
    if n in (50, 150, 250):
        attributes["note"] = prop(list(range(n)))
    types = [SHELTER, RIVER] if n % 10 == 0 else [RIVER if n % 3 else SHELTER]
    return entity(f"urn:{n * 37 % 300:03}", *types, **attributes)


ENTITIES = [numbered(n) for n in range(300)]


def level(op: Op, *operands: Any) -> Compare:
    return Compare(QueryPath((LEVEL,)), op, operands)


def name(op: Op, *operands: Any) -> Compare:
    return Compare(QueryPath((NAME,)), op, operands)


NEAR = Geo(PLACE, "near", {"type": "Point", "coordinates": [130.5, 32]}, 20_000.0)
AT = {"type": "Point", "coordinates": [131, 32]}

QUERIES: list[Node] = [
    And(()),
    HasType(SHELTER),
    And((HasType(SHELTER), HasType(RIVER))),
    Or((HasType(SHELTER), HasType(RIVER))),
    level(Op.EQ, 14.5),
    level(Op.EQ, 3, 5, Range(280, 290)),
    And((HasType(RIVER), level(Op.GE, 290))),
    And((HasType(RIVER), level(Op.GT, 10))),
    And((HasType(SHELTER), level(Op.LT, 40), name(Op.EQ, "name 3"))),
    And((Or((HasType(SHELTER), HasType(RIVER))), level(Op.LE, 25))),
    name(Op.EQ, "long " * 40 + "15"),
    name(Op.GT, "long " * 40 + "15"),
    name(Op.LE, "long " * 40 + "150"),
    name(Op.EQ, Range("name 1", "name 13")),
    Compare(QueryPath((NOTE,)), Op.EQ, (49,)),
    Compare(QueryPath((NOTE,)), Op.EQ, (200,)),
    Or((level(Op.EQ, 3), name(Op.EQ, "name 4"))),
    Not(level(Op.GT, 20)),
    NEAR,
    And((HasType(RIVER), NEAR)),
    Geo(PLACE, "equals", AT),
    Geo(PLACE, "near", AT, 50_000.0, maximum=False),
    And((HasType(SHELTER), IdIn(("urn:000", "urn:001", "urn:111", "urn:x")))),
    IdMatches("^urn:1.0$"),
    Linked(ABOVE, level(Op.EQ, 16)),
    Linked(ABOVE, level(Op.EQ, 17)),
    And((HasType(SHELTER), Linked(ABOVE, And((HasType(RIVER), level(Op.GE, 290)))))),
    And((HasType(SHELTER), Linked(ABOVE, level(Op.GT, 20)))),
    Linked(ABOVE, Linked(ABOVE, level(Op.EQ, 5))),
    Linked(ABOVE, name(Op.EQ, "nobody")),
    Not(Linked(ABOVE, level(Op.EQ, 16))),
    HasType("https://example.org/Unknown"),
    Compare(QueryPath(("https://example.org/unknown",)), Op.EQ, (1,)),
    IdIn(()),
]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SqliteStore]:
    """Return a store with all of ENTITIES."""
    store = SqliteStore(tmp_path_factory.mktemp("town"))
    await store.open()
    await create(store, *ENTITIES)
    yield store
    await store.close()


def only_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Plan, "_best", lambda self, run: None)


def only_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "FEW", -1)
    monkeypatch.setattr(plan, "index_is_shorter", lambda *figures: True)


def walk_then_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "FEW", -1)
    monkeypatch.setattr(plan, "index_is_shorter", lambda *figures: False)
    monkeypatch.setattr(costs, "WALK", (3, 7))


def walk_then_sift(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look a little way, and then at what a long index offers."""
    walk_then_index(monkeypatch)
    monkeypatch.setattr(costs, "PROBE", 2)
    monkeypatch.setattr(costs, "BOXES", 2)
    monkeypatch.setattr(costs, "COUNTED", 3)
    monkeypatch.setattr(plan, "sieve_first", lambda *figures: False)
    monkeypatch.setattr(plan, "boxes_are_shorter", lambda *figures: True)


def sift_first(monkeypatch: pytest.MonkeyPatch) -> None:
    walk_then_sift(monkeypatch)
    monkeypatch.setattr(plan, "sieve_first", lambda *figures: True)


WAYS = [only_walk, only_index, walk_then_index, walk_then_sift, sift_first, lambda patch: None]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("where", QUERIES)
async def test_every_way_selects_what_the_predicate_selects(
    town: SqliteStore, monkeypatch: pytest.MonkeyPatch, way: Any, where: Node
) -> None:
    way(monkeypatch)
    matches = compile_predicate(where, {each["id"]: each for each in ENTITIES}.get)
    expected = sorted(each["id"] for each in ENTITIES if matches(each))
    for limit, offset, after in ((1000, 0, None), (5, 0, None), (4, 3, "urn:120"), (0, 0, None)):
        page = await town.query("", EntityQuery(where, limit, offset, True, after))
        rest = [each for each in expected if after is None or each > after]
        assert [record.id for record in page.records] == rest[offset : offset + limit]
        assert page.total == len(expected)


async def test_a_selective_condition_is_answered_by_an_index(
    town: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_walk(*details: Any) -> None:
        raise AssertionError("walked")

    monkeypatch.setattr(Walk, "tested", no_walk)
    for where in (
        And((HasType(RIVER), level(Op.EQ, 17))),
        level(Op.EQ, 17),
        And((HasType(RIVER), Geo(PLACE, "equals", AT))),
        Linked(ABOVE, level(Op.EQ, 16)),
    ):
        await town.query("", EntityQuery(where, count=True))


async def test_a_broad_condition_is_answered_by_a_walk(
    town: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_index(*details: Any) -> None:
        raise AssertionError("used an index")

    monkeypatch.setattr(Plan, "_by_index", no_index)
    monkeypatch.setattr(Plan, "_by_few", no_index)
    page = await town.query("", EntityQuery(And((HasType(RIVER), level(Op.GT, 1))), limit=2))
    assert len(page.records) == 2


@pytest.mark.parametrize("where", QUERIES)
async def test_a_thread_selects_what_waits_to_be_indexed_too(
    town: SqliteStore, monkeypatch: pytest.MonkeyPatch, where: Node
) -> None:
    answer = Plan._answer

    def in_thread(plan: Plan, budget: Budget) -> Any:
        budget.leave_loop()
        return answer(plan, budget)

    monkeypatch.setattr(Plan, "_answer", in_thread)
    matches = compile_predicate(where, {each["id"]: each for each in ENTITIES}.get)
    page = await town.query("", EntityQuery(where, limit=1000))
    assert [record.id for record in page.records] == sorted(
        each["id"] for each in ENTITIES if matches(each)
    )


async def test_a_query_that_takes_long_leaves_the_loop_and_comes_to_the_same(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path, inline_seconds=0)
    await store.open()
    await create(store, *ENTITIES)
    page = await store.query("", EntityQuery(level(Op.NE, 5), limit=1000, count=True))
    assert page.total == len(page.records) == 299
    assert store.count()["reads_in_threads_total"] == 1
    await store.close()


async def test_a_query_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, inline_seconds=0, longest_seconds=0)
    await store.open()
    await create(store, *ENTITIES)
    with pytest.raises(TooComplexQuery) as caught:
        await store.query("", EntityQuery(level(Op.NE, 5), limit=1000, count=True))
    assert caught.value.remedy
    assert await store.get("", "urn:001") is not None
    await store.close()


async def test_a_query_holds_no_read_transaction_behind(town: SqliteStore) -> None:
    await town.query("", EntityQuery(level(Op.GT, 1), limit=1))
    assert town._reader.connection.txn_state() == 0


async def test_a_quiet_tenant_is_found_far_apart_in_the_feed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "WINDOW", 3)
    store = SqliteStore(tmp_path)
    await store.open()
    for n in range(4):
        await create(store, entity(f"urn:{n}"), tenant="quiet")
        await create(store, *(entity(f"urn:{n}:{m}") for m in range(7)))
    changes = await store.changes(1, tenant="quiet", limit=2)
    assert [change.seq for change in changes] == [9, 17]
    assert [change.seq for change in await store.changes(0, tenant="quiet")] == [1, 9, 17, 25]
    await store.close()


async def test_what_is_due_first_is_found_without_sorting_all_that_is(sqlite: SqliteStore) -> None:
    plan = sqlite._connection.execute(f"EXPLAIN QUERY PLAN {DUE}", ("9", 1, 0)).fetchall()
    assert "due_at" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


async def test_a_linked_condition_in_a_thread_looks_at_what_it_finds_only(
    town: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Plan._answer

    def in_thread(plan: Plan, budget: Budget) -> Any:
        budget.leave_loop()
        return answer(plan, budget)

    monkeypatch.setattr(Plan, "_answer", in_thread)
    told = await town.explain("", EntityQuery(Linked(ABOVE, level(Op.EQ, 16))))
    assert told.looked == told.found > 0
