"""History: an engine says what the reference engine says, however rows were merged into chunks."""

import asyncio
from collections.abc import Sequence
from dataclasses import astuple
from math import isclose
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.model.entity import DEFAULT
from broker.model.times import timestamp
from broker.query.ast import HasType
from broker.store.contract import Store
from broker.store.history import (
    ALL,
    EVERYTHING,
    Aggregated,
    Entry,
    Fact,
    Search,
    TimeProperty,
    Which,
    Window,
)
from broker.store.keeping import Keeping, Step
from broker.store.memory import MemoryStore
from broker.store.sqlite import SqliteStore
from broker.store.sqlite.history import SqliteHistory, merging
from tests.broker.store.helpers import LEVEL, NAME, RIVER, SHELTER
from tests.support.runs import effort

TIMES = st.integers(0, 12)
IDS = st.sampled_from(["urn:a", "urn:b"])
DATASETS = st.sampled_from([DEFAULT, "urn:ds"])
ATTRIBUTES = st.sampled_from([LEVEL, NAME])
VALUES = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([0.5, 1.0, 2.25, True, "a", [1]]),
)


@st.composite
def facts(draw: Any) -> Fact:
    instance: dict[str, Any] = {"type": "Property", "value": draw(VALUES)}
    if draw(st.booleans()):
        instance["unitCode"] = draw(st.sampled_from(["MTR", "CMT"]))
    deleted = draw(st.integers(0, 9)) == 0
    if draw(st.integers(0, 4)) and not deleted:
        instance["observedAt"] = timestamp(draw(TIMES) * 1_000_000)
    name = draw(st.sampled_from([None] * 8 + ["urn:x", "urn:y"]))
    return Fact(draw(ATTRIBUTES), instance, draw(DATASETS), name, deleted)


ENTRIES = st.builds(
    Entry,
    IDS,
    st.sampled_from([(SHELTER,), (RIVER,), (RIVER, SHELTER)]),
    TIMES.map(lambda at: at * 1_000_000 + 7),
    st.lists(facts(), max_size=5).map(tuple),
    st.booleans(),
    st.integers(0, 9).map(lambda n: n == 0),
)

Deed = tuple[Any, ...]
"""The name of what is done, and what it needs."""

KEEPINGS = st.sampled_from(
    [
        Keeping(1_000_000),
        Keeping(1_000_000, (Step(2_000_000),)),
        Keeping(2_000_000, (Step(1_000_000, 4_000_000), Step(3_000_000, 7_000_000))),
    ]
)


SECONDS = TIMES.map(lambda at: at * 1_000_000)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("record"), st.lists(ENTRIES, min_size=1, max_size=4)),
        st.tuples(st.just("record"), st.lists(ENTRIES, min_size=1, max_size=4)),
        st.tuples(st.just("merge"), st.booleans()),
        st.tuples(st.just("modify"), IDS, st.integers(0, 30), facts(), SECONDS),
        st.tuples(st.just("delete_instance"), IDS, st.integers(0, 30)),
        st.tuples(st.just("delete_attribute"), IDS, ATTRIBUTES, st.one_of(st.none(), DATASETS)),
        st.tuples(st.just("delete_entity"), IDS),
        st.tuples(st.just("retain"), KEEPINGS, SECONDS),
    ),
    min_size=2,
    max_size=10,
)


async def do(history: Any, step: Deed) -> Any:
    """Do a step; return what came of it."""
    match step:
        case "record", entries:
            return await history.record("", entries)
        case "merge", whole:
            return await merge(history, whole)
        case "modify", entity_id, place, fact, at:
            found = await some(history, entity_id, place)
            if found is None:
                return None
            moved = Fact(found[0], fact.instance, fact.dataset, deleted=fact.deleted)
            return await history.modify("", entity_id, found[1], moved, at)
        case "delete_instance", entity_id, place:
            found = await some(history, entity_id, place)
            return found and await history.delete_instance("", entity_id, *found)
        case "retain", keeping, now:
            return await history.retain("", lambda types, attribute: keeping, now)
        case name, *values:
            return await getattr(history, name)("", *values)


async def merge(history: Any, whole: bool) -> None:
    """Merge hot rows, where the engine has them."""
    if not isinstance(history, SqliteHistory):
        return
    if whole:
        await history.compact()
    sids = [1, 2, 3, 4, 5, 6, 7, 8]
    while sids:
        await history.merge(sids, whole=False)


async def some(history: Any, entity_id: str, place: int) -> tuple[str, str] | None:
    """Return attribute and instanceId of one of the moments of an entity."""
    found = await history.read("", [entity_id])
    every = [(s.attribute, m.instance_id) for s in found.get(entity_id, []) for m in s.moments]
    return every[place % len(every)] if every else None


WINDOWS = st.builds(
    Window,
    st.one_of(st.none(), st.sampled_from(TimeProperty)),
    st.one_of(st.none(), TIMES.map(lambda at: at * 1_000_000)),
    st.one_of(st.none(), TIMES.map(lambda at: at * 1_000_000)),
    st.one_of(st.none(), st.integers(1, 4)),
)
WHICH = st.one_of(
    st.just(ALL),
    st.builds(
        Which, ATTRIBUTES.map(lambda a: (a,)), st.one_of(st.none(), DATASETS.map(lambda d: (d,)))
    ),
)
BOUNDS = st.lists(st.integers(0, 26), min_size=2, max_size=5, unique=True).map(
    lambda halves: [half * 500_000 for half in sorted(halves)]
)
LIMITS = st.one_of(st.none(), st.integers(1, 3))
Question = tuple[Window, Which, list[int], int | None]
QUESTIONS = st.lists(st.tuples(WINDOWS, WHICH, BOUNDS, LIMITS), min_size=1, max_size=4)


@settings(max_examples=effort(quick=30, long=600))
@given(STEPS, QUESTIONS)
def test_chunks_say_what_rows_say(steps: list[Deed], questions: list[Question]) -> None:
    with (
        TemporaryDirectory() as folder,
        patch.object(merging, "MOST", 4),
    ):
        compared = asyncio.run(compare(SqliteStore(Path(folder)), steps, questions))
    assert compared == 1 + len(questions)


async def compare(real: Store, steps: list[Deed], questions: list[Question]) -> int:
    """Hold an engine, not yet open, to what the reference engine says after these steps.

    Returns how many questions both were asked: the given ones, and one for everything.
    """
    asked = [(EVERYTHING, ALL, [0, 13_000_000], None), *questions]
    memory = MemoryStore()
    await memory.open()
    await real.open()
    try:
        for step in steps:
            assert await do(real.history, step) == await do(memory.history, step)
        for window, which, bounds, limit in asked:
            await _same_answers(real.history, memory.history, window, which, bounds, limit)
    finally:
        await real.close()
    return len(asked)


async def _same_answers(
    real: Any,
    memory: Any,
    window: Window,
    which: Which,
    bounds: Sequence[int],
    limit: int | None,
) -> None:
    ids = ["urn:b", "urn:a"]
    read = await real.read("", ids, which, window, limit=limit)
    assert read == await memory.read("", ids, which, window, limit=limit)
    assert await real.extent("", ids, which, window) == await memory.extent("", ids, which, window)
    for where in (HasType(RIVER), Search().where):
        search = Search(where, which, window, count=True)
        assert await real.search("", search) == await memory.search("", search)
    _alike(
        await real.aggregate("", ids, bounds, which, window),
        await memory.aggregate("", ids, bounds, which, window),
    )


def _alike(made: dict[str, list[Aggregated]], expected: dict[str, list[Aggregated]]) -> None:
    """Hold figures equal, but for the order in which numbers were added."""
    flat = [_flat(one) for one in (made, expected)]
    assert [len(each) for each in flat] == [len(flat[1])] * 2
    for one, other in zip(*flat, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            both_floats = type(mine) is float and type(theirs) is float
            assert isclose(mine, theirs) if both_floats else mine == theirs


def _flat(made: dict[str, list[Aggregated]]) -> list[list[Any]]:
    return [
        [entity_id, series.attribute, series.dataset, *astuple(bucket)]
        for entity_id, each in made.items()
        for series in each
        for bucket in series.buckets
    ]
