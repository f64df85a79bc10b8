"""Where index rows decide a condition by themselves, and where they are not taken at their word."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import apsw
import pytest

from broker.model.entity import DEFAULT
from broker.query.ast import And, Compare, EntityQuery, HasType, Op, Order, Range
from broker.query.ast import Path as QueryPath
from broker.store.contract import Committed, Store, Tx
from broker.store.sqlite import SqliteStore, probing
from broker.store.sqlite.budget import Budget
from broker.store.sqlite.conditions import Conditions, Test
from broker.store.sqlite.plan import Plan
from broker.store.sqlite.reader import Reader
from tests.broker.store.helpers import (
    LEVEL,
    NAME,
    RIVER,
    SHELTER,
    create,
    delete,
    entity,
    prop,
    replace,
)
from tests.support.patience import PATIENCE


@pytest.fixture(params=[probing.FEW, -1], autouse=True)
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Drive both ways: what is few is looked at by number, what is more by its newest change."""
    monkeypatch.setattr(probing, "FEW", request.param)
    return int(request.param)


async def having(store: Store, op: Op, *operands: object, tenant: str = "") -> list[str]:
    """Return the ids of the shelters whose level compares so."""
    level = Compare(QueryPath((LEVEL,)), op, operands)  # type: ignore[arg-type]
    page = await store.query(tenant, EntityQuery(And((HasType(SHELTER), level)), count=True))
    assert page.total == len(page.records)
    return [record.id for record in page.records]


async def settle(store: SqliteStore) -> None:
    """Move all index rows into the file."""
    await store._mover.until(store.span()[1])


async def test_a_plain_value_is_not_tested_again(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "FEW", 64)

    def tested(*_: object) -> Test:
        raise AssertionError("the document was tested")

    await create(sqlite, *(entity(f"urn:{n}", level=prop(n), name=prop("x" * n)) for n in range(9)))
    await settle(sqlite)
    monkeypatch.setattr(Conditions, "whole", tested)
    assert await having(sqlite, Op.GT, 6) == ["urn:7", "urn:8"]
    name = Compare(QueryPath((NAME,)), Op.LE, ("xx",))
    page = await sqlite.query("", EntityQuery(And((HasType(SHELTER), name))))
    assert [record.id for record in page.records] == ["urn:0", "urn:1", "urn:2"]


async def test_rows_of_a_change_that_waits_are_doubted(sqlite: SqliteStore) -> None:
    await create(sqlite, entity("urn:a", level=prop(1)), entity("urn:b", level=prop(1)))
    await settle(sqlite)
    await replace(sqlite, entity("urn:a", level=prop(5)))
    assert await having(sqlite, Op.LT, 3) == ["urn:b"]
    assert await having(sqlite, Op.GT, 3) == ["urn:a"]
    await replace(sqlite, entity("urn:b", RIVER, level=prop(1)))
    assert await having(sqlite, Op.LT, 3) == []
    await delete(sqlite, "urn:a")
    assert await having(sqlite, Op.GT, 3) == []


def first_in_thread(best: Any) -> Any:
    """Return what asks the indexes, and is cut short on the loop."""

    def asked(self: Plan, run: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            raise apsw.InterruptError
        return best(self, run)

    return asked


async def test_rows_that_go_into_the_file_while_a_query_goes_on_in_a_thread_are_doubted(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_thread = Reader._in_thread
    loop = asyncio.get_running_loop()

    def settled_before(reader: Reader, read: Any) -> Any:
        asyncio.run_coroutine_threadsafe(settle(sqlite), loop).result(PATIENCE)
        return in_thread(reader, read)

    def leave(self: Plan, run: Any, best: Any, budget: Budget) -> None:
        budget.leave_loop()

    monkeypatch.setattr(Reader, "_in_thread", settled_before)
    monkeypatch.setattr(Plan, "_leave_loop", leave)
    monkeypatch.setattr(probing, "FEW", -1)
    await create(sqlite, *(entity(f"urn:{n}", level=prop(n)) for n in range(5)))
    await create(sqlite, entity("urn:x", level=prop([1, 2])))
    await settle(sqlite)
    await replace(sqlite, entity("urn:1", level=prop(9)))
    assert await having(sqlite, Op.EQ, Range(1, 3)) == ["urn:2", "urn:3", "urn:x"]
    await replace(sqlite, entity("urn:0", level=prop(2)))
    await replace(sqlite, entity("urn:0", level=prop(8)))
    monkeypatch.setattr(Plan, "_best", first_in_thread(Plan._best))
    assert await having(sqlite, Op.EQ, Range(1, 3)) == ["urn:2", "urn:3", "urn:x"]


@pytest.mark.parametrize("order", [(), (Order(QueryPath((NAME,))),)])
async def test_what_is_not_committed_yet_leads_to_nobody(
    sqlite: SqliteStore, order: tuple[Order, ...]
) -> None:
    def meanwhile(_: list[Committed]) -> None:
        with pytest.raises(StopIteration) as ended:
            sqlite.query("", query).send(None)
        seen.append([record.id for record in ended.value.value.records])

    seen: list[list[str]] = []
    high = And((HasType(SHELTER), Compare(QueryPath((LEVEL,)), Op.GT, (5,))))
    query = EntityQuery(high, 100, order=order)
    await create(sqlite, *(entity(f"urn:{n}", level=prop(n)) for n in range(9)))
    await settle(sqlite)
    sqlite.foresee(meanwhile)
    await replace(sqlite, entity("urn:0", level=prop(7)))
    assert seen == [["urn:6", "urn:7", "urn:8"]]


async def test_a_row_left_behind_does_not_lead_to_another_tenants_entity(
    sqlite: SqliteStore,
) -> None:
    await create(sqlite, entity("urn:0", level=prop(2)), tenant="one")
    await create(sqlite, entity("urn:a", level=prop(1)), tenant="one")
    await settle(sqlite)
    await delete(sqlite, "urn:a", tenant="one")
    await create(sqlite, entity("urn:b", level=prop(1)), tenant="two")
    assert await having(sqlite, Op.EQ, 1, tenant="one") == []
    level = Compare(QueryPath((LEVEL,)), Op.EQ, (1,))
    assert (await sqlite.query("one", EntityQuery(level))).records == []


async def test_elements_of_an_array_are_equal_but_not_ordered(sqlite: SqliteStore) -> None:
    await create(sqlite, entity("urn:a", level=prop(7)), entity("urn:b", level=prop([7, 8])))
    await settle(sqlite)
    assert await having(sqlite, Op.EQ, 7) == ["urn:a", "urn:b"]
    assert await having(sqlite, Op.GE, 7) == ["urn:a"]


async def test_an_array_in_an_array_is_neither(sqlite: SqliteStore) -> None:
    await create(sqlite, entity("urn:a", level=prop([7])), entity("urn:b", level=prop([[7]])))
    await settle(sqlite)
    assert await having(sqlite, Op.EQ, 7) == ["urn:a"]


async def test_the_texts_of_a_language_property_are_ordered(sqlite: SqliteStore) -> None:
    texts = {DEFAULT: {"type": "LanguageProperty", "languageMap": {"en": "a", "fr": ["z"]}}}
    await create(sqlite, entity("urn:a", level=texts))
    await settle(sqlite)
    assert await having(sqlite, Op.GT, "A") == ["urn:a"]
    assert await having(sqlite, Op.GT, "b") == []
    assert await having(sqlite, Op.EQ, "z") == ["urn:a"]


async def test_uris_are_equal_but_not_ordered(sqlite: SqliteStore) -> None:
    target = {DEFAULT: {"type": "Relationship", "object": "urn:x"}}
    await create(sqlite, entity("urn:a", level=target))
    await settle(sqlite)
    assert await having(sqlite, Op.EQ, "urn:x") == ["urn:a"]
    assert await having(sqlite, Op.GT, "urn:a") == []
    assert await having(sqlite, Op.EQ, Range("urn:a", "urn:z")) == []


async def test_a_text_longer_than_the_index_holds_is_compared_whole(sqlite: SqliteStore) -> None:
    start = "x" * 128
    await create(sqlite, *(entity(f"urn:{end}", level=prop(start + end)) for end in "abc"))
    await settle(sqlite)
    assert await having(sqlite, Op.EQ, start + "b") == ["urn:b"]
    assert await having(sqlite, Op.GT, start + "b") == ["urn:c"]
    assert await having(sqlite, Op.GT, start[:-1]) == ["urn:a", "urn:b", "urn:c"]


async def test_what_rows_decide_is_known_after_a_restart(tmp_path: Path) -> None:
    async def fail(tx: Tx) -> None:
        await tx.put(entity("urn:c", level=prop([1])), None)
        raise ValueError("undo")

    store = SqliteStore(tmp_path)
    await store.open()
    await create(store, entity("urn:a", level=prop(1)))
    with pytest.raises(ValueError, match="undo"):
        await store.write("", fail)
    await create(store, entity("urn:b", level=prop([1])))
    await store.close()
    again = SqliteStore(tmp_path)
    await again.open()
    assert await having(again, Op.GT, 0) == ["urn:a"]
    await again.close()


async def test_an_attribute_indexed_later_is_looked_at_anew(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, indexed=lambda type_iri, iri: False)
    await store.open()
    await create(store, entity("urn:a", level=prop([1])), entity("urn:b", level=prop(1)))
    await store.close()
    again = SqliteStore(tmp_path)
    await again.open()
    assert await having(again, Op.GT, 0) == ["urn:b"]
    assert await having(again, Op.EQ, 1) == ["urn:a", "urn:b"]
    await again.close()
