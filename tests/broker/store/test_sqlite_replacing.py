"""A replacement writes, tells and refuses exactly what the unit of work it stands for would."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from broker.entities.service import Entities
from broker.errors import Conflict
from broker.guard import ANYONE, OpenGuard
from broker.model.entity import DEFAULT, Entity
from broker.query.ast import And, Compare, EntityQuery, HasType, Op
from broker.query.ast import Path as QueryPath
from broker.store.contract import Tx, TypeRules
from broker.store.replacement import Replacement
from broker.store.sqlite import SqliteStore
from tests.broker.store.helpers import (
    LEVEL,
    LOCATION,
    NAME,
    SHELTER,
    HandClock,
    create,
    entity,
    point,
    prop,
)
from tests.broker.store.pair import Pair, compared, outcome

HALL = "https://example.org/Hall"
TIME = "2026-01-01T00:00:00.{:06}Z"
LATER = TIME.format(1)
LATEST = "2027-01-01T00:00:00Z"

values = st.one_of(
    st.sampled_from([0, 1, 1.0, 2.5, True, 2**63, 2**70, "", '}},"', "\n}}", '"attrs":', LATER]),
    st.integers(-3, 3),
    st.floats(-2, 2, width=16),
    st.text(max_size=3),
    st.sampled_from([[1, 2], {}, {"a": {}}, {"attrs": 1}, {"expiresAt": 1}, "long " * 40]),
)
properties = st.fixed_dictionaries(
    {"type": st.just("Property"), "value": values},
    optional={
        "unitCode": st.just("CEL"),
        "expiresAt": st.sampled_from([TIME.format(4), LATEST]),
        "attrs": st.just({NAME: prop(1)}),
    },
)
plain = st.builds(lambda value: {"type": "Property", "value": value}, values)
linked = st.builds(
    lambda target: {"type": "Relationship", "object": target},
    st.sampled_from(["urn:x", "urn:y", ["urn:x", "urn:y"]]),
)
places = st.builds(lambda x: point(x, 32.2)[DEFAULT], st.sampled_from([130.7, 130.8]))
instances = st.one_of(plain, plain, linked, places, properties)
attributes = st.one_of(
    st.fixed_dictionaries({LEVEL: instances, LOCATION: places, NAME: instances}).map(
        lambda each: {iri: {DEFAULT: instance} for iri, instance in each.items()}
    ),
    st.dictionaries(
        st.sampled_from([LEVEL, NAME]),
        st.dictionaries(st.sampled_from([DEFAULT, "urn:d"]), instances, min_size=1),
    ),
)
types = st.sampled_from([[SHELTER], [SHELTER], [SHELTER, HALL], [HALL, SHELTER]])
members = st.sampled_from([{}, {}, {}, {}, {"scope": ["/a"]}, {"expiresAt": LATEST}])
entities = st.builds(
    lambda kinds, more, attrs: {"type": kinds, **more, "attrs": attrs}, types, members, attributes
)
MOST = 5
ONWARD = list(range(MOST))
steps = st.lists(st.lists(entities, min_size=1, max_size=3), min_size=2, max_size=MOST)
clocks = st.one_of(st.just(ONWARD), st.lists(st.integers(0, 3), min_size=MOST, max_size=MOST))


class Clouded(OpenGuard):
    """Hides nothing, and does not say so: the store is never offered the short way."""

    transparent = False


async def run(pair: Pair, bursts: list[list[Entity]], times: Sequence[int]) -> None:
    """Do the same on both sides, and compare what is told. `times` is what the clock shows."""
    entity_id = f"urn:{next(pair.numbers)}"
    for burst, time in zip(bursts, times, strict=False):
        pair.clock.time = TIME.format(time)
        written = [{"id": entity_id, **each} for each in burst]
        working = Entities(pair.working.store, Clouded(), pair.clock)
        one, two = (
            [outcome(entities.upsert(ANYONE, "", each)) for each in written]
            for entities in (pair.short.entities, working)
        )
        assert await asyncio.gather(*one) == await asyncio.gather(*two)
    assert pair.short.told == pair.working.told


@pytest.fixture(scope="module")
def pair(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with compared(runner, tmp_path_factory.mktemp("replacing")) as pair:
        yield pair


def of(*kinds: str, **attrs: Any) -> list[Entity]:
    """Return one entity to be written, its attributes under https://example.org/."""
    each = {
        f"https://example.org/{name}": value
        if isinstance(value, dict) and DEFAULT in value
        else prop(value)
        for name, value in attrs.items()
    }
    return [{"type": list(kinds) or [SHELTER], "attrs": each}]


def one(value: Any, **more: Any) -> dict[str, Any]:
    return {DEFAULT: {"type": "Property", "value": value, **more}}


def link(uri: str) -> dict[str, Any]:
    return {DEFAULT: {"type": "Relationship", "object": uri}}


def scoped(**attrs: Any) -> list[Entity]:
    return [{**each, "scope": ["/a"]} for each in of(**attrs)]


SUB = {NAME: prop(1)}
LONG = "x" * 200


@example([of(level=1.5, name="a"), of(level=2.5, name="b"), of(name="b", level=2.5)], ONWARD)
@example([of(level=1.5), of(level=1.5), of(level=2), of(level=True), of(level="x")], ONWARD)
@example([of(level=1.5), of(level={"a": {}}), of(level={}), of(level=2**70)], ONWARD)
@example([of(level=1.5), of(name=1.5), of(level=1.5, name=1), of(level=2.5)], ONWARD)
@example([of(level=one(1, attrs=SUB)), of(level=1), of(level=one(2, attrs=SUB))], ONWARD)
@example([of(level=one(1, expiresAt=LATEST)), of(level=1), of(level=2)], ONWARD)
@example([of(level=1), of(level={**one(1), "urn:d": one(2)[DEFAULT]}), of(level=2)], ONWARD)
@example([scoped(level=1), of(level=2), scoped(level=3), scoped(level=4)], ONWARD)
@example([of(level=2**63), of(level=2**63 + 1), of(level=5), of(level=6)], ONWARD)
@example([of(level=LONG + "a"), of(level=LONG + "b"), of(level="c"), of(level="d")], ONWARD)
@example([of(level=link("urn:x")), of(level=link("urn:y")), of(level="urn:y")], ONWARD)
@example([of(a=point(1, 2)), of(a=point(3, 4)), of(a=point(3, 4)), of(a=1), of(a=2)], ONWARD)
@example([of(HALL, level=1), of(SHELTER, level=2), of(SHELTER, HALL, level=3)], ONWARD)
@example([of(level=1.5) + of(level=2.5) + of(level=1.5), of(level=1.5)], ONWARD)
@example([of(level=1.5), of(level=2.5), of(level=3.5), of(level=3.5), of(level=1)], [1, 3, 2, 3, 1])
@given(steps, clocks)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_replacement_equals_its_work(
    pair: Pair, runner: asyncio.Runner, bursts: list[list[Entity]], times: list[int]
) -> None:
    runner.run(run(pair, bursts, times))


async def never(_: Tx) -> bool:
    raise AssertionError("the work was run")


def allowed(before: Entity | None, after: Entity) -> None:
    return None


def sent(**attrs: Any) -> Entity:
    return {"id": "urn:a", **of(**attrs)[0]}


async def test_an_entity_of_the_same_shape_does_not_need_its_work(
    sqlite: SqliteStore, clock: HandClock
) -> None:
    await create(sqlite, entity(level=prop(1.5), name=prop("a")))
    clock.time = LATER
    replacement = Replacement(never, sent(name="b", level=2.5), allowed)
    assert await sqlite.write("", replacement) is False
    found = await sqlite.get("", "urn:a")
    assert found is not None
    assert found.version == 2
    assert list(found.entity["attrs"]) == [NAME, LEVEL]
    assert found.entity["attrs"][LEVEL][DEFAULT]["modifiedAt"] == LATER


async def test_a_replaced_value_is_found_by_queries_and_the_old_one_is_not(
    sqlite: SqliteStore, clock: HandClock
) -> None:
    await create(sqlite, entity(level=prop(1.5)))
    clock.time = LATER
    await sqlite.write("", Replacement(never, sent(level=2.5), allowed))
    found = {}
    for value in (1.5, 2.5):
        level = Compare(QueryPath((LEVEL,)), Op.EQ, (value,))
        page = await sqlite.query("", EntityQuery(And((HasType(SHELTER), level))))
        found[value] = [record.id for record in page.records]
    assert found == {1.5: [], 2.5: ["urn:a"]}


async def test_what_the_guard_refuses_is_not_replaced(
    sqlite: SqliteStore, clock: HandClock
) -> None:
    await create(sqlite, entity(level=prop(1)))
    clock.time = LATER

    def refuse(before: Entity | None, after: Entity) -> None:
        raise Conflict("no", place="here", remedy="none")

    with pytest.raises(Conflict):
        await sqlite.write("", Replacement(never, sent(level=2), refuse))
    assert sqlite.span() == (1, 1)


async def test_a_rule_by_type_is_asked_by_the_work(sqlite: SqliteStore, clock: HandClock) -> None:
    await create(sqlite, entity(level=prop(1)))
    clock.time = LATER

    async def rule(tx: Tx) -> None:
        await tx.set_rules(SHELTER, TypeRules(append_only=True))

    await sqlite.write("", rule)
    with pytest.raises(Conflict):
        await Entities(sqlite, OpenGuard(), HandClock()).upsert(ANYONE, "", sent(level=2))
