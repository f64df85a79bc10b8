"""A swap writes, tells and refuses exactly what the unit of work it stands for would."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from broker.entities.semantics import UpdateResult, append, update_attributes
from broker.entities.service import Entities, Target
from broker.errors import Conflict
from broker.guard import ANYONE, Caller, OpenGuard
from broker.model.entity import DEFAULT, Entity
from broker.store.contract import Committed, Record, Tx, TypeRules
from broker.store.sqlite import SqliteStore
from broker.store.swap import Swap
from tests.broker.store.helpers import LEVEL, SHELTER, HandClock, create, entity, point, prop
from tests.broker.store.pair import Pair, compared, outcome

IRIS = [f"https://example.org/{name}" for name in "ab"]
TIME = "2026-01-01T00:00:00.{:06}Z"
LATER = TIME.format(1)

values = st.one_of(
    st.sampled_from([0, 1, 1.0, True, 2**63, 2**70, "", '}},"', "\n}}", '"attrs":', '"expiresAt"']),
    st.integers(-3, 3),
    st.text(max_size=3),
    st.lists(st.integers(0, 2), max_size=2),
    st.dictionaries(st.sampled_from(["attrs", "expiresAt"]), st.integers(0, 1), max_size=1),
)
properties = st.fixed_dictionaries(
    {"type": st.just("Property"), "value": values},
    optional={
        "unitCode": st.sampled_from(["CEL", None]),
        "expiresAt": st.sampled_from(["2026-01-01T00:00:00.000004Z", "2027-01-01T00:00:00Z"]),
        "attrs": st.just({IRIS[0]: prop(1)}),
    },
)
instances = st.one_of(properties, st.just(point(130.7, 32.2)[DEFAULT]), st.none())
plain = st.builds(
    lambda iri, value: {"attrs": {iri: {DEFAULT: {"type": "Property", "value": value}}}},
    st.sampled_from(IRIS),
    values,
)
others = st.builds(
    lambda attrs, members: {**members, "attrs": attrs},
    st.dictionaries(
        st.sampled_from(IRIS),
        st.dictionaries(st.sampled_from([DEFAULT, DEFAULT, "urn:d"]), instances, min_size=1),
        min_size=1,
        max_size=2,
    ),
    st.sampled_from([{}, {}, {}, {"scope": ["/a"]}]),
)
fragments = st.one_of(plain, plain, others)
MOST = 5
bursts = st.lists(
    st.tuples(st.lists(fragments, min_size=1, max_size=3), st.booleans()), max_size=MOST
)
ONWARD = [number * 3 // 4 for number in range(MOST + 1)]
clocks = st.one_of(
    st.just(ONWARD), st.lists(st.integers(0, 3), min_size=MOST + 1, max_size=MOST + 1)
)


def edit(fragment: Entity, semantics: Any) -> Any:
    return lambda current, now: semantics(current, fragment, now)


async def run(
    pair: Pair, first: Entity, steps: list[tuple[list[Entity], bool]], times: Sequence[int]
) -> None:
    """Do the same on both sides, and compare what is told. `times` is what the clock shows."""
    at = iter(times)
    pair.clock.time = TIME.format(next(at))
    for side in (pair.short, pair.working):
        await create(side.store, first)
    for burst, adding in steps:
        pair.clock.time = TIME.format(next(at))
        edits = [
            (fragment, edit(fragment, append if adding else update_attributes))
            for fragment in burst
        ]
        target = Target(first["id"])
        write, change = pair.short.entities.write, pair.working.entities.change
        one = [outcome(write(ANYONE, "", target, fragment, edited)) for fragment, edited in edits]
        two = [outcome(change(ANYONE, "", target, edited)) for _, edited in edits]
        assert await asyncio.gather(*one) == await asyncio.gather(*two)
    assert pair.short.told == pair.working.told


@pytest.fixture(scope="module")
def pair(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with compared(runner, tmp_path_factory.mktemp("swap")) as pair:
        yield pair


def one(**members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": 1, **members}


def update(value: Any, **members: Any) -> tuple[list[Entity], bool]:
    return [{"attrs": {IRIS[0]: {DEFAULT: one(value=value, **members)}}}], False


def added(dataset: str, value: Any) -> tuple[list[Entity], bool]:
    return [{"attrs": {IRIS[0]: {dataset: one(value=value)}}}], True


def beside(**members: Any) -> tuple[list[Entity], bool]:
    """Return an update of an attribute with something beside its default instance."""
    others = {} if members else {"urn:d": one()}
    return [{**members, "attrs": {IRIS[0]: {DEFAULT: one(value=2), **others}}}], False


def other(value: Any) -> tuple[list[Entity], bool]:
    return [{"attrs": {IRIS[1]: {DEFAULT: one(value=value)}}}], False


LATEST = "2027-01-01T00:00:00Z"
SUB = {IRIS[1]: prop(1)}
BOTH = {IRIS[0]: one(), IRIS[1]: one()}


@example(
    {IRIS[0]: one()}, True, [update(1), update(1), update(1.0), update(True), update(2**70)], ONWARD
)
@example({IRIS[0]: one(attrs=SUB)}, False, [update(1), update(2), update(3)], ONWARD)
@example({IRIS[0]: one()}, False, [update(1), update(2, attrs=SUB), update(3), update(4)], ONWARD)
@example({IRIS[0]: one(expiresAt=LATEST)}, False, [update(1), update(2), update(3)], ONWARD)
@example(
    {IRIS[0]: one()}, False, [update(1), update(2, expiresAt=LATEST), update(3), update(4)], ONWARD
)
@example({IRIS[0]: one()}, False, [update(1), update(2, expiresAt=LATEST)], ONWARD)
@example(
    {IRIS[0]: one()}, False, [added("urn:d", 5), added(DEFAULT, 6), update(7), update(8)], ONWARD
)
@example({IRIS[0]: one()}, False, [added("urn:d", 5), added("urn:d", 6), added("urn:d", 7)], ONWARD)
@example({IRIS[0]: one()}, False, [update(1), beside(scope=["/a"]), update(3)], ONWARD)
@example({IRIS[0]: one()}, False, [update(1), beside(), update(3), update(4)], ONWARD)
@example(BOTH, False, [update(1), update("x"), update([1]), update(2)], ONWARD)
@example(BOTH, False, [update(1), update(2), other(2), update(2), update(3)], [0, 2, 1, 3, 1, 1])
@given(st.dictionaries(st.sampled_from(IRIS), properties), st.booleans(), bursts, clocks)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_swap_equals_its_work(
    pair: Pair,
    runner: asyncio.Runner,
    attrs: dict[str, Any],
    several: bool,
    steps: list[tuple[list[Entity], bool]],
    times: list[int],
) -> None:
    storable = {
        iri: {DEFAULT: {**each, "value": 5} if each["value"] == 2**70 else each}
        for iri, each in attrs.items()
    }
    types = [SHELTER, "https://example.org/Hall"] if several else [SHELTER]
    first = {**entity(f"urn:{next(pair.numbers)}", *types), "attrs": storable}
    runner.run(run(pair, first, steps, times))


async def never(_: Tx) -> tuple[Record, UpdateResult]:
    raise AssertionError("the work was run")


def allowed(before: Entity, after: Entity) -> None:
    return None


async def test_a_plain_exchange_does_not_need_its_work(
    sqlite: SqliteStore, clock: HandClock
) -> None:
    await create(sqlite, entity(level=prop(1)))
    clock.time = LATER
    told = UpdateResult([LEVEL])
    swap = Swap(never, "urn:a", LEVEL, prop(2)[DEFAULT], allowed, told)
    record, result = await sqlite.write("", swap)
    assert (record.version, result) == (2, told)
    found = await sqlite.get("", "urn:a")
    assert found is not None
    assert found.entity["attrs"][LEVEL][DEFAULT]["value"] == 2
    assert (record.id, record.entity) == (found.id, found.entity)


async def test_what_a_swap_tells_is_the_change_of_the_feed(
    sqlite: SqliteStore, clock: HandClock
) -> None:
    heard: list[Committed] = []
    sqlite.listen(heard.extend)
    await create(sqlite, entity(level=prop(1)))
    clock.time = LATER
    await sqlite.write("", Swap(never, "urn:a", LEVEL, prop(2)[DEFAULT], None, UpdateResult()))
    (stored,), told = await sqlite.changes(1), heard[-1].change
    assert told == stored == told
    assert replace(told, version=7) == replace(stored, version=7)
    assert told != replace(stored, before=None)


@pytest.mark.parametrize("types", [["urn:A"], ["urn:B", "urn:A"]])
async def test_what_a_swap_tells_has_the_types_of_the_entity(
    sqlite: SqliteStore, clock: HandClock, types: list[str]
) -> None:
    heard: list[Committed] = []
    sqlite.listen(heard.extend)
    await create(sqlite, {**entity(level=prop(1)), "type": types})
    clock.time = LATER
    await sqlite.write("", Swap(never, "urn:a", LEVEL, prop(2)[DEFAULT], None, UpdateResult()))
    assert list(heard[-1].types) == types


async def test_what_the_guard_refuses_is_not_swapped(sqlite: SqliteStore, clock: HandClock) -> None:
    await create(sqlite, entity(level=prop(1)))
    clock.time = LATER

    def refuse(before: Entity, after: Entity) -> None:
        raise Conflict("no", place="here", remedy="none")

    with pytest.raises(Conflict):
        await sqlite.write(
            "", Swap(never, "urn:a", LEVEL, prop(2)[DEFAULT], refuse, UpdateResult())
        )
    assert sqlite.span() == (1, 1)


class Refusing(OpenGuard):
    def may_write(
        self, caller: Caller, tenant: str, before: Entity | None, after: Entity | None
    ) -> None:
        raise Conflict("no", place="here", remedy="none")


async def test_a_guard_that_hides_nothing_is_asked_of_writes(sqlite: SqliteStore) -> None:
    await create(sqlite, entity(level=prop(1)))
    fragment = {"attrs": {LEVEL: prop(2)}}
    with pytest.raises(Conflict):
        await Entities(sqlite, Refusing(), HandClock()).write(
            ANYONE, "", Target("urn:a"), fragment, edit(fragment, update_attributes)
        )
    assert sqlite.span() == (1, 1)


async def test_a_rule_by_type_is_asked_by_the_work(sqlite: SqliteStore, clock: HandClock) -> None:
    await create(sqlite, entity(level=prop(1)))
    clock.time = LATER

    async def rule(tx: Tx) -> None:
        await tx.set_rules(SHELTER, TypeRules(append_only=True))

    await sqlite.write("", rule)
    entities = Entities(sqlite, OpenGuard(), HandClock())
    fragment = {"attrs": {LEVEL: prop(2)}}
    with pytest.raises(Conflict):
        await entities.write(
            ANYONE,
            "",
            Target("urn:a"),
            fragment,
            lambda current, now: update_attributes(current, fragment, now),
        )
