"""A birth writes, tells and refuses exactly what the unit of work it stands for would."""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from broker.entities.service import Target
from broker.errors import AlreadyExists, Conflict, MachiError
from broker.guard import ANYONE
from broker.model.entity import DEFAULT, Entity
from broker.store.birth import Birth
from broker.store.contract import Record, Tx, TypeRules
from broker.store.sqlite import SqliteStore
from tests.broker.store.helpers import SHELTER, HandClock, create, entity, point, prop
from tests.broker.store.pair import Pair, Side, compared, shown

HALL = "https://example.org/Hall"
IRIS = [f"https://example.org/{name}" for name in "abc"]
PAST, LATER = "2025-01-01T00:00:00Z", "2027-01-01T00:00:00Z"

values = st.one_of(
    st.integers(-2, 2),
    st.sampled_from([0.5, True, 2**63, 2**70, "a", '}},"', '"attrs":', '"expiresAt"', "\ud800"]),
    st.lists(st.integers(0, 2), max_size=2),
    st.dictionaries(st.sampled_from(["attrs", "expiresAt"]), st.just({}), max_size=1),
)
properties = st.fixed_dictionaries(
    {"type": st.just("Property"), "value": values},
    optional={
        "expiresAt": st.sampled_from([PAST, LATER]),
        "attrs": st.just({IRIS[0]: prop(1)}),
    },
)
instances = st.one_of(properties, properties, st.just(point(130.7, 32.2)[DEFAULT]))
datasets = st.sampled_from([DEFAULT, DEFAULT, "urn:d"])
fragments = st.builds(
    lambda members, types, attrs: {"type": types, **members, "attrs": attrs},
    st.fixed_dictionaries(
        {}, optional={"scope": st.just(["/a"]), "expiresAt": st.sampled_from([PAST, LATER])}
    ),
    st.sampled_from([[SHELTER], [SHELTER], [HALL], [SHELTER, HALL]]),
    st.dictionaries(
        st.sampled_from(IRIS), st.dictionaries(datasets, instances, min_size=1, max_size=2)
    ),
)
steps = st.lists(
    st.lists(st.tuples(st.sampled_from("ab"), fragments | st.none()), min_size=1, max_size=3),
    max_size=4,
)
"""Bursts of creations, and of deletions (None), of two entities."""


@pytest.fixture(scope="module")
def pair(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with compared(runner, tmp_path_factory.mktemp("birth")) as pair:
        yield pair


async def outcome(writing: Awaitable[Any]) -> Any:
    try:
        record = await writing
    except MachiError as error:
        return type(error), str(error), error.place
    return (shown(record.entity), record.version) if isinstance(record, Record) else record


def worked(side: Side, fragment: Entity) -> Awaitable[Record]:
    """Create an entity by the unit of work."""

    def work(tx: Tx) -> Awaitable[Record]:
        return side.entities.create_in(tx, ANYONE, fragment)

    return side.store.write("", work, create_tenant=True)


async def run(pair: Pair, bursts: list[list[tuple[str, Entity | None]]]) -> None:
    """Do the same on both sides, and compare what is answered and told."""
    number = next(pair.numbers)
    for burst in bursts:
        outcomes = []
        for side, make in ((pair.short, None), (pair.working, worked)):
            writing: list[Awaitable[Any]] = []
            for name, parts in burst:
                entity_id = f"urn:{number}:{name}"
                if parts is None:
                    writing.append(side.entities.delete(ANYONE, "", Target(entity_id)))
                elif make is None:
                    writing.append(side.entities.create(ANYONE, "", {"id": entity_id, **parts}))
                else:
                    writing.append(make(side, {"id": entity_id, **parts}))
            outcomes.append(await asyncio.gather(*map(outcome, writing)))
        assert outcomes[0] == outcomes[1]
    assert pair.short.told == pair.working.told


def plain(value: Any, *types: str, **members: Any) -> Entity:
    return {
        "type": list(types) or [SHELTER],
        "attrs": {IRIS[0]: {DEFAULT: {"type": "Property", "value": value, **members}}},
    }


@example([[("a", plain(1)), ("a", plain(2)), ("b", plain(2))], [("a", plain(3))]])
@example([[("a", plain(1))], [("a", None)], [("a", plain(2))], [("a", None), ("a", plain(3))]])
@example([[("a", plain(1, expiresAt=PAST)), ("b", plain(1, expiresAt=LATER))], [("b", None)]])
@example([[("a", plain(2**70)), ("b", plain("x", SHELTER, HALL))], [("a", plain(True))]])
@example([[("a", plain(1)), ("a", plain(2**70))]])
@given(steps)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_birth_equals_its_work(
    pair: Pair, runner: asyncio.Runner, bursts: list[list[tuple[str, Entity | None]]]
) -> None:
    runner.run(run(pair, bursts))


async def never(_: Tx) -> Record:
    raise AssertionError("the work was run")


def allowed(one: Entity) -> None:
    return None


def parsed(one: Entity) -> Entity:
    """Return an entity as it is parsed, without system times."""
    return {name: value for name, value in one.items() if name not in ("createdAt", "modifiedAt")}


async def test_a_plain_creation_does_not_need_its_work(sqlite: SqliteStore) -> None:
    given = entity(level=prop(1))
    record = await sqlite.write("", Birth(never, parsed(given), allowed))
    assert (record.entity, record.version) == (given, 1)
    found = await sqlite.get("", "urn:a")
    assert found is not None
    assert found.entity == given


async def test_what_the_guard_refuses_is_not_born(sqlite: SqliteStore) -> None:
    def refuse(one: Entity) -> None:
        raise Conflict("no", place="here", remedy="none")

    with pytest.raises(Conflict):
        await sqlite.write("", Birth(never, parsed(entity(level=prop(1))), refuse))
    assert sqlite.span() == (1, 0)
    assert await sqlite.get("", "urn:a") is None


async def test_a_rule_by_type_is_asked_by_the_work(sqlite: SqliteStore) -> None:
    async def rule(tx: Tx) -> None:
        await tx.set_rules(SHELTER, TypeRules(writers=frozenset({"somebody"})))

    await sqlite.write("", rule)

    async def work(tx: Tx) -> Record:
        return await tx.put(entity(level=prop(1)), None)

    with pytest.raises(Conflict):
        await sqlite.write("", Birth(work, parsed(entity(level=prop(1))), allowed))


async def test_one_that_is_there_is_refused_and_its_neighbours_are_not(
    sqlite: SqliteStore, clock: HandClock
) -> None:
    await create(sqlite, entity(level=prop(1)))

    def birth(one: Entity) -> Birth:
        async def work(tx: Tx) -> Record:
            return await tx.put(one, None)

        return Birth(work, parsed(one), allowed)

    ids = ["urn:b", "urn:a", "urn:c"]
    writing = [sqlite.write("", birth(entity(each, HALL, size=prop(2)))) for each in ids]
    found = await asyncio.gather(*writing, return_exceptions=True)
    assert [isinstance(each, AlreadyExists) for each in found] == [False, True, False]
    assert [change.entity_id for change in await sqlite.changes(0)] == ["urn:a", "urn:b", "urn:c"]
