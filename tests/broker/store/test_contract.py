"""What every engine must do (`broker.store.contract`): one suite, run on each."""

import asyncio
from typing import Any

import pytest

from broker.errors import AlreadyExists, Conflict, NonexistentTenant, ServiceUnavailable
from broker.model.entity import DEFAULT
from broker.query.ast import And, Compare, EntityQuery, HasType, IdIn, Op, Path
from broker.store.contract import Answer, Committed, Kind, Store, Tx, TypeRules
from tests.broker.store.helpers import (
    LEVEL,
    RIVER,
    SHELTER,
    HandClock,
    create,
    delete,
    entity,
    prop,
    replace,
)


async def test_a_created_entity_is_read_back_as_it_was_written(store: Store) -> None:
    written = entity(level=prop(1.0), name=prop("人吉"))
    await create(store, written)
    record = await store.get("", "urn:a")
    assert record is not None
    assert (record.id, record.version, record.entity) == ("urn:a", 1, written)


async def test_integers_floats_and_booleans_stay_what_they_are(store: Store) -> None:
    values = [1, 1.0, True, 2**64 - 1, -(2**63), 1e300, 0.1, "1"]
    await create(store, entity(level=prop(values)))
    record = await store.get("", "urn:a")
    assert record is not None
    assert repr(record.entity["attrs"][LEVEL][DEFAULT]["value"]) == repr(values)


async def test_names_within_sub_attributes_and_look_alikes_in_values_survive(store: Store) -> None:
    instance = {
        "type": "JsonProperty",
        "json": {"attrs": {LEVEL: {DEFAULT: 1}}},
        "attrs": {LEVEL: prop({"attrs": {"x": {}}})},
    }
    written = entity(state={DEFAULT: instance, "urn:ds": {"type": "Property", "value": 1}})
    await create(store, written)
    record = await store.get("", "urn:a")
    assert record is not None
    assert record.entity == written


async def test_versions_rise_by_one_and_go_on_after_a_deletion(store: Store) -> None:
    await create(store, entity(level=prop(1)))
    assert (await replace(store, entity(level=prop(2)))).version == 2
    assert await delete(store, "urn:a") == 3
    assert await store.get("", "urn:a") is None
    await create(store, entity(level=prop(3)))
    record = await store.get("", "urn:a")
    assert record is not None
    assert record.version == 4


async def test_versions_start_again_once_the_feed_has_forgotten_the_deletion(store: Store) -> None:
    await create(store, entity())
    await delete(store, "urn:a")
    await store.prune("2100-01-01T00:00:00.000000Z")
    await create(store, entity())
    record = await store.get("", "urn:a")
    assert record is not None
    assert record.version == 1


async def test_creating_an_existing_id_is_refused_whatever_its_type(store: Store) -> None:
    await create(store, entity("urn:a", SHELTER))
    with pytest.raises(AlreadyExists):
        await create(store, entity("urn:a", RIVER))


async def test_an_equal_successor_is_no_change(store: Store) -> None:
    await create(store, entity(level=prop(1)))
    assert (await replace(store, entity(level=prop(1)))).version == 1
    assert store.span() == (1, 1)


async def test_a_successor_that_differs_only_in_number_type_is_a_change(store: Store) -> None:
    await create(store, entity(level=prop(1)))
    assert (await replace(store, entity(level=prop(1.0)))).version == 2


async def test_a_stale_predecessor_is_refused(store: Store) -> None:
    await create(store, entity(level=prop(1)))
    stale = await store.get("", "urn:a")
    await replace(store, entity(level=prop(2)))

    async def work(tx: Tx) -> None:
        await tx.put(entity(level=prop(3)), stale)

    with pytest.raises(ValueError, match="changed since it was read"):
        await store.write("", work)


async def test_a_unit_of_work_sees_what_it_has_written(store: Store) -> None:
    async def work(tx: Tx) -> list[Any]:
        record = await tx.put(entity(level=prop(1)), None)
        seen = [await tx.get("urn:a")]
        await tx.delete(record)
        return [*seen, await tx.get("urn:a")]

    first, second = await store.write("", work)
    assert first.entity == entity(level=prop(1))
    assert second is None


async def test_a_failed_unit_of_work_leaves_nothing(store: Store) -> None:
    await create(store, entity("urn:kept", level=prop(1)))

    async def work(tx: Tx) -> None:
        await tx.put(entity("urn:new"), None)
        await tx.put(entity("urn:kept", level=prop(2)), await tx.get("urn:kept"))
        await tx.remember("key", Answer(b"d", 201, b""))
        await tx.set_rules(RIVER, TypeRules(append_only=True))
        raise LookupError("stop")

    with pytest.raises(LookupError):
        await store.write("", work)
    assert await store.get("", "urn:new") is None
    kept = await store.get("", "urn:kept")
    assert kept is not None
    assert kept.version == 1
    assert store.span() == (1, 1)
    assert await store.rules("") == {}

    async def look(tx: Tx) -> Answer | None:
        return await tx.answer("key")

    assert await store.write("", look) is None


async def test_neighbours_of_a_failed_unit_of_work_are_untouched(store: Store) -> None:
    async def failing(tx: Tx) -> None:
        await tx.put(entity("urn:lost", unheard_of=prop(1)), None)
        raise LookupError("stop")

    results = await asyncio.gather(
        create(store, entity("urn:a")),
        store.write("", failing),
        create(store, entity("urn:b", unheard_of=prop(2))),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [type(None), LookupError, type(None)]
    records = await store.get_many("", ["urn:b", "urn:lost", "urn:a"])
    assert [record.id for record in records] == ["urn:b", "urn:a"]
    assert records[0].entity == entity("urn:b", unheard_of=prop(2))
    assert [change.seq for change in await store.changes(0)] == [1, 2]


async def test_a_unit_of_work_that_waits_for_something_else_is_refused(store: Store) -> None:
    async def work(tx: Tx) -> None:
        await tx.put(entity(), None)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="awaited something other"):
        await store.write("", work)
    assert await store.get("", "urn:a") is None


async def test_get_many_returns_each_entity_once_in_the_order_asked(store: Store) -> None:
    await create(store, entity("urn:a"), entity("urn:b"))
    records = await store.get_many("", ["urn:b", "urn:x", "urn:a", "urn:b"])
    assert [record.id for record in records] == ["urn:b", "urn:a"]


async def test_the_feed_tells_what_changed_and_what_was_before(
    store: Store, clock: HandClock
) -> None:
    first = entity(level=prop(1), name=prop("a"))
    second = entity(modified=1, level=prop(2))
    await create(store, first)
    clock.time = "2026-01-02T00:00:00.000000Z"
    await replace(store, second)
    await delete(store, "urn:a")
    made, changed, deleted = await store.changes(0)
    assert (made.kind, made.version, made.before, made.delta) == (Kind.CREATE, 1, None, first)
    assert (changed.kind, changed.version, changed.at) == (Kind.UPDATE, 2, clock.time)
    name = "https://example.org/name"
    assert changed.delta == {
        "modifiedAt": second["modifiedAt"],
        "attrs": {LEVEL: prop(2), name: {DEFAULT: None}},
    }
    assert changed.before == {
        "modifiedAt": first["modifiedAt"],
        "attrs": {LEVEL: prop(1), name: prop("a")},
    }
    assert (deleted.kind, deleted.version, deleted.delta) == (Kind.DELETE, 3, None)
    assert deleted.before == second


async def test_the_feed_is_read_by_place_tenant_and_entity(store: Store) -> None:
    await create(store, entity("urn:a"), entity("urn:b"))
    await create(store, entity("urn:a"), tenant="town")
    await delete(store, "urn:a")

    async def seqs(after: int, **options: Any) -> list[int]:
        return [change.seq for change in await store.changes(after, **options)]

    assert await seqs(0) == [1, 2, 3, 4]
    assert await seqs(1, until=3) == [2, 3]
    assert await seqs(0, limit=2) == [1, 2]
    assert await seqs(0, tenant="town") == [3]
    assert await seqs(0, tenant="", entity_id="urn:a") == [1, 4]
    assert await seqs(0, entity_id="urn:a") == [1, 3, 4]
    assert await seqs(4) == []


async def test_listeners_get_changes_in_order_until_they_are_stopped(store: Store) -> None:
    heard: list[Committed] = []
    stop = store.listen(heard.extend)
    await asyncio.gather(*(create(store, entity(f"urn:{n}", level=prop(n))) for n in range(5)))
    await replace(store, entity("urn:3", level=prop(9)))
    stop()
    await delete(store, "urn:3")
    assert [each.change.seq for each in heard] == [1, 2, 3, 4, 5, 6]
    assert heard[5].before == entity("urn:3", level=prop(3))
    assert heard[5].after == entity("urn:3", level=prop(9))


async def test_changes_are_foretold_before_they_show_and_told_after(store: Store) -> None:
    heard: list[tuple[str, list[int], int]] = []

    def note(when: str, changes: list[Committed]) -> None:
        heard.append((when, [each.change.seq for each in changes], store.span()[1]))

    stop = store.foresee(lambda changes: note("before", changes))
    store.listen(lambda changes: note("after", changes))
    await create(store, entity("urn:a"))
    stop()
    await create(store, entity("urn:b"))
    assert heard == [("before", [1], 0), ("after", [1], 1), ("after", [2], 2)]


async def test_a_failed_unit_of_work_is_not_heard(store: Store) -> None:
    heard: list[Committed] = []
    store.listen(heard.extend)

    async def work(tx: Tx) -> None:
        await tx.put(entity(), None)
        raise LookupError("stop")

    with pytest.raises(LookupError):
        await store.write("", work)
    assert heard == []


async def test_pruning_forgets_the_past_and_never_reuses_a_number(
    store: Store, clock: HandClock
) -> None:
    await create(store, entity("urn:a"), entity("urn:b"))

    async def remember(tx: Tx) -> None:
        await tx.remember("old", Answer(b"", 200, b""))

    await store.write("", remember)
    clock.time = "2026-01-09T00:00:00.000000Z"
    await create(store, entity("urn:c"))
    assert await store.prune("2026-01-05T00:00:00.000000Z") == 3
    assert store.span() == (3, 3)
    assert [change.seq for change in await store.changes(0)] == [3]
    assert await store.prune("2026-02-01T00:00:00.000000Z") == 1
    assert store.span() == (4, 3)
    await create(store, entity("urn:d"))
    assert store.span() == (4, 4)


async def test_pruning_keeps_the_numbers_of_a_dropped_tenant_as_long_as_those_of_others(
    store: Store, clock: HandClock
) -> None:
    await create(store, entity("urn:a"))
    clock.time = "2026-01-09T00:00:00.000000Z"
    await create(store, entity("urn:b"), tenant="town")
    await store.drop_tenant("town")
    await store.prune("2026-01-05T00:00:00.000000Z")
    assert store.span() == (2, 2)


async def test_pruning_stops_at_the_first_change_that_is_young_enough(
    store: Store, clock: HandClock
) -> None:
    for day in (3, 1, 2):
        clock.time = f"2026-01-0{day}T00:00:00.000000Z"
        await create(store, entity(f"urn:{day}"))
    assert await store.prune("2026-01-03T00:00:00.000000Z") == 0


async def test_an_answer_is_remembered_per_tenant_and_replaced(store: Store) -> None:
    async def remember(tx: Tx) -> None:
        await tx.remember("key", Answer(b"one", 201, b"{}"))
        await tx.remember("key", Answer(b"two", 204, b""))

    async def look(tx: Tx) -> Answer | None:
        return await tx.answer("key")

    await store.write("", remember)
    await create(store, entity(), tenant="town")
    assert await store.write("", look) == Answer(b"two", 204, b"")
    assert await store.write("town", look) is None


async def test_an_unknown_tenant_is_refused(store: Store) -> None:
    async def work(tx: Tx) -> None:
        await tx.put(entity(), None)

    with pytest.raises(NonexistentTenant):
        await store.write("town", work)
    with pytest.raises(NonexistentTenant):
        await store.get("town", "urn:a")
    with pytest.raises(NonexistentTenant):
        await store.query("town", EntityQuery())


async def test_a_tenant_is_created_only_with_work_that_succeeds(store: Store) -> None:
    async def failing(tx: Tx) -> None:
        await tx.put(entity(), None)
        raise LookupError("stop")

    with pytest.raises(LookupError):
        await store.write("town", failing, create_tenant=True)
    assert await store.tenants() == [""]
    await asyncio.gather(*(create(store, entity(f"urn:{n}"), tenant="town") for n in range(3)))
    assert await store.tenants() == ["", "town"]


async def test_tenants_do_not_see_each_other(store: Store) -> None:
    await create(store, entity("urn:a", level=prop(1)))
    await create(store, entity("urn:a", level=prop(2)), entity("urn:b"), tenant="town")
    page = await store.query("", EntityQuery(HasType(SHELTER), count=True))
    assert [record.entity for record in page.records] == [entity("urn:a", level=prop(1))]
    assert page.total == 1


@pytest.mark.parametrize("name", ["", "town"])
async def test_a_dropped_tenant_is_gone_whole(store: Store, name: str) -> None:
    await create(store, entity("urn:kept", level=prop(1)), tenant="other")
    many = [entity(f"urn:{n}", level=prop(n), name=prop("x")) for n in range(250)]
    await create(store, *many, tenant=name)

    async def more(tx: Tx) -> None:
        await tx.remember("key", Answer(b"", 200, b""))
        await tx.set_rules(SHELTER, TypeRules(append_only=True))

    await store.write(name, more)
    await store.drop_tenant(name)
    assert name == "" or name not in await store.tenants()
    await create(store, entity("urn:1"), tenant=name)
    assert [change.entity_id for change in await store.changes(0, tenant=name)] == ["urn:1"]
    assert await store.rules(name) == {}
    page = await store.query(name, EntityQuery(HasType(SHELTER), count=True))
    assert page.total == 1
    assert store.count()["entities"] == 2
    assert [change.entity_id for change in await store.changes(0)] == ["urn:kept", "urn:1"]
    assert store.span() == (1, 252)


async def test_dropping_an_unknown_tenant_is_refused(store: Store) -> None:
    with pytest.raises(NonexistentTenant):
        await store.drop_tenant("town")


async def test_pages_are_ordered_by_id_and_complete(store: Store) -> None:
    names = ["urn:b", "urn:a", "urn:é", "urn:人", "urn:z", "urn:A"]
    await create(store, *(entity(name) for name in names))
    first = await store.query("", EntityQuery(HasType(SHELTER), limit=4, count=True))
    second = await store.query("", EntityQuery(HasType(SHELTER), limit=4, offset=4))
    assert [r.id for r in first.records + second.records] == sorted(names)
    assert (first.total, second.total) == (6, None)
    after = await store.query("", EntityQuery(HasType(SHELTER), after="urn:b", count=True))
    assert [record.id for record in after.records] == sorted(names)[3:]
    assert after.total == 6


async def test_a_query_selects_by_type_value_and_id(store: Store) -> None:
    await create(
        store,
        entity("urn:a", SHELTER, level=prop(1)),
        entity("urn:b", SHELTER, RIVER, level=prop(5)),
        entity("urn:c", RIVER, level=prop(9)),
    )
    level = Path((LEVEL,))

    async def found(*nodes: Any) -> list[str]:
        return [r.id for r in (await store.query("", EntityQuery(And(nodes)))).records]

    assert await found(HasType(RIVER), Compare(level, Op.LT, (6,))) == ["urn:b"]
    assert await found(Compare(level, Op.GE, (5,))) == ["urn:b", "urn:c"]
    assert await found(IdIn(("urn:c", "urn:a", "urn:x"))) == ["urn:a", "urn:c"]
    assert await found(HasType("https://example.org/Unknown")) == []
    await replace(store, entity("urn:b", SHELTER, level=prop(7)))
    assert await found(HasType(RIVER)) == ["urn:c"]
    assert await found(HasType(SHELTER), Compare(level, Op.EQ, (5,))) == []


async def test_rules_are_set_changed_and_removed(store: Store) -> None:
    rules = TypeRules(
        writers=frozenset({"bank"}), balanced=LEVEL, balanced_by=RIVER, bounded=((LEVEL, 0, None),)
    )

    async def set_rules(tx: Tx) -> dict[str, TypeRules]:
        await tx.set_rules(SHELTER, rules)
        await tx.set_rules(RIVER, TypeRules(append_only=True))
        await tx.set_rules(RIVER, None)
        return await tx.rules()

    assert await store.write("", set_rules) == {SHELTER: rules}
    assert await store.rules("") == {SHELTER: rules}


async def test_rules_hold_from_the_moment_they_are_set(store: Store) -> None:
    async def work(tx: Tx) -> None:
        await tx.set_rules(SHELTER, TypeRules(append_only=True))
        record = await tx.put(entity(level=prop(1)), None)
        await tx.put(entity(level=prop(2)), record)

    with pytest.raises(Conflict):
        await store.write("", work)
    assert await store.rules("") == {}


async def test_an_unbalanced_unit_of_work_is_undone(store: Store) -> None:
    async def rule(tx: Tx) -> None:
        await tx.set_rules(SHELTER, TypeRules(balanced=LEVEL))

    await store.write("", rule)
    with pytest.raises(Conflict):
        await create(store, entity("urn:a", level=prop(0.1)), entity("urn:b", level=prop(-0.2)))
    assert await store.get("", "urn:a") is None
    postings = [entity(f"urn:{n}", level=prop(v)) for n, v in enumerate((0.1, 0.2, -0.3))]
    await create(store, *postings)
    assert store.span() == (1, 3)


async def test_a_closed_store_refuses_work(store: Store) -> None:
    await store.close()
    with pytest.raises(ServiceUnavailable):
        await create(store, entity())
    with pytest.raises(ServiceUnavailable):
        await store.get("", "urn:a")


async def test_figures_follow_what_is_stored(store: Store) -> None:
    await create(store, entity("urn:a"), entity("urn:b"))
    await delete(store, "urn:a")
    figures = store.count()
    assert (figures["entities"], figures["changes"], figures["queue"]) == (1, 3, 0)
