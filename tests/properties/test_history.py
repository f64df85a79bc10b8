"""History answers what its meaning says, whatever it holds, and shows it without loss."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.guard import ANYONE, OpenGuard
from broker.jsonld.core import CORE_CONTEXT
from broker.model.entity import DEFAULT, Entity, Instance
from broker.model.times import microseconds, timestamp
from broker.query.ast import (
    And,
    Compare,
    Exists,
    Geo,
    HasType,
    IdIn,
    IdMatches,
    Linked,
    Node,
    Not,
    Or,
    ScopeMatches,
)
from broker.query.predicate import compile_predicate
from broker.store.history import Entry, Fact, TimeProperty, Which, Window
from broker.store.memory import MemoryStore
from broker.temporal.aggregates import METHODS
from broker.temporal.amendments import Amendments
from broker.temporal.body import Told, parse_evolution
from broker.temporal.conditions import attributes_of
from broker.temporal.duration import WHOLE, Duration
from broker.temporal.evolution import Evolution
from broker.temporal.figures import Figures
from broker.temporal.render import Format, Look, render
from broker.temporal.service import Asked, Page, Past, Query
from broker.temporal.telling import null_instance
from tests.support import effort
from tests.support.queries import nodes
from tests.support.strategies import entities

few = settings(max_examples=effort(quick=15, long=1000))

NOW = "2026-01-02T03:04:05.000000Z"
BEGIN = microseconds("2020-07-03T12:00:00Z")
MINUTE = 60_000_000

Seen: TypeAlias = dict[str, dict[str, list[tuple[str, int, bool]]]]
"""id → attribute → (dataset, minute, whether it is a deletion)"""


@dataclass(frozen=True)
class Report:
    """One instance: when it was true, and whether it says that the attribute was deleted."""

    attribute: str
    dataset: str
    minute: int
    instance: Instance
    deleted: bool

    @property
    def fact(self) -> Fact:
        """What history is told."""
        instance = {**self.instance, "observedAt": timestamp(BEGIN + self.minute * MINUTE)}
        return Fact(self.attribute, instance, self.dataset, deleted=self.deleted)


@dataclass(frozen=True)
class Life:
    """An entity and what was told of it, at most one instance of a series at a time."""

    entity: Entity
    told: tuple[Report, ...]


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Draw an entity that was seen at a few times, and of which parts were deleted."""
    first = draw(entities(stored=False, max_attrs=3))
    told = []
    for minute in sorted(draw(st.sets(st.integers(0, 5), min_size=1, max_size=3))):
        snapshot = draw(st.just(first) | entities(stored=False, max_attrs=3))
        for iri, instances in snapshot["attrs"].items():
            for dataset, instance in instances.items():
                deleted = draw(st.integers(0, 7)) == 7
                shown = null_instance(instance["type"]) if deleted else instance
                told.append(Report(iri, dataset, minute, shown, deleted))
    return Life({"id": first["id"], "type": first["type"], "attrs": {}}, tuple(told))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    """Draw a time range on the minutes."""
    start = draw(st.none() | st.integers(0, 5))
    end = draw(st.none() | st.integers(start or 0, 6))
    return Window(
        TimeProperty.OBSERVED,
        None if start is None else BEGIN + start * MINUTE,
        None if end is None else BEGIN + end * MINUTE,
    )


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[Life], Node, Window]:
    """Draw histories and a query with them in sight."""
    town = draw(st.lists(lives(), min_size=1, max_size=3, unique_by=lambda life: life.entity["id"]))
    sight: list[Entity] = [
        {
            **life.entity,
            "createdAt": NOW,
            "modifiedAt": NOW,
            "attrs": {one.attribute: {one.dataset: one.fact.instance}},
        }
        for life in town
        for one in life.told
        if not one.deleted
    ] or [{**town[0].entity, "createdAt": NOW, "modifiedAt": NOW}]
    return town, draw(nodes(sight)), draw(windows())


async def filled(town: Iterable[Life]) -> Past:
    """Return the service of a store that holds these histories."""
    store = MemoryStore(clock=lambda: NOW)
    await store.open()
    entries = [
        Entry(
            life.entity["id"],
            tuple(life.entity["type"]),
            microseconds(NOW),
            tuple(one.fact for one in life.told),
        )
        for life in town
    ]
    await store.history.record("", entries, create_tenant=True)

    return Past(store, OpenGuard(), lambda: NOW, caught_up)


async def caught_up() -> None:
    """Do nothing: nothing is followed here."""


def amending(past: Past) -> Amendments:
    """Return what writes the histories that `past` reads."""
    return Amendments(past.store, past.guard, past.clock, caught_up)


def holds(node: Node, life: Life, told: list[Report]) -> bool:
    """Tell whether a condition holds of instances: where any of them satisfies it."""
    match node:
        case And(parts):
            return all(holds(part, life, told) for part in parts)
        case Or(parts):
            return any(holds(part, life, told) for part in parts)
        case Not(inner):
            return not holds(inner, life, told)
        case HasType() | IdIn() | IdMatches():
            return compile_predicate(node)(life.entity)
        case Linked() | ScopeMatches():
            return False
    test = compile_predicate(node)
    whole = {**life.entity, "createdAt": NOW, "modifiedAt": NOW}
    if isinstance(node, Compare | Exists) and not node.path.names:
        return test(whole)
    assert isinstance(node, Compare | Exists | Geo)
    return any(
        test({**whole, "attrs": {one.attribute: {one.dataset: one.fact.instance}}})
        for one in told
        if not one.deleted
    )


def expected(town: list[Life], node: Node, window: Window) -> Seen:
    """Return which entities and instances a query means, by trying each."""
    found: Seen = {}
    for life in town:
        within = [one for one in life.told if _within(one.minute, window)]
        if not holds(node, life, within):
            continue
        asked = attributes_of(node)
        kept: dict[str, list[tuple[str, int, bool]]] = {}
        for one in within:
            others = [each for each in within if each.attribute != one.attribute]
            if one.attribute in asked and (one.deleted or not holds(node, life, [*others, one])):
                continue
            kept.setdefault(one.attribute, []).append((one.dataset, one.minute, one.deleted))
        if kept:
            found[life.entity["id"]] = {iri: sorted(some) for iri, some in kept.items()}
    return found


def _within(minute: int, window: Window) -> bool:
    at = BEGIN + minute * MINUTE
    return (window.start is None or at >= window.start) and (window.end is None or at < window.end)


def seen(evolutions: Iterable[Evolution]) -> Seen:
    """Return what an answer holds."""
    return {
        one.head.id: {
            iri: sorted(
                (dataset, ((moment.observed or 0) - BEGIN) // MINUTE, moment.deleted is not None)
                for dataset, moment in told
            )
            for iri, told in one.attributes.items()
            if told
        }
        for one in evolutions
    }


@given(questions())
def test_a_query_selects_what_its_conditions_mean(drawn: tuple[list[Life], Node, Window]) -> None:
    town, node, window = drawn

    async def run() -> Page:
        past = await filled(town)
        return await past.query(ANYONE, "", Query(node, 10, count=True), Asked(window=window))

    page = asyncio.run(run())
    answer = seen(page.evolutions)
    assert answer == expected(town, node, window)
    assert page.total == len(answer)


@few
@given(questions(), st.integers(1, 2))
def test_pages_part_the_answer(drawn: tuple[list[Life], Node, Window], size: int) -> None:
    town, node, window = drawn

    async def run() -> list[list[str]]:
        past = await filled(town)
        asked = Asked(window=window)
        queries = [Query(node, 10), *(Query(node, size, offset) for offset in range(0, 4, size))]
        pages = [await past.query(ANYONE, "", query, asked) for query in queries]
        return [[one.head.id for one in page.evolutions] for page in pages]

    whole, *parts = asyncio.run(run())
    assert [one for part in parts for one in part] == whole == sorted(whole)


NAMES = CORE_CONTEXT
EVERYTHING = Window()


@few
@given(lives())
def test_a_normalized_history_can_be_given_again(life: Life) -> None:
    async def run() -> tuple[dict[str, Any], dict[str, Any]]:
        past = await filled([life])
        first = await past.retrieve(ANYONE, "", life.entity["id"], Asked())
        shown = render(first, NAMES, Look(), EVERYTHING)
        entity_id, told = parse_evolution(render(first, NAMES, Look(), EVERYTHING), NAMES)
        again = await filled([])
        await amending(again).upsert(ANYONE, "", entity_id, told)
        second = await again.retrieve(ANYONE, "", entity_id, Asked())
        return shown, render(second, NAMES, Look(), EVERYTHING)

    first, second = asyncio.run(run())
    assert second == first


@few
@given(lives())
def test_temporal_values_are_those_of_the_instances_with_their_times(life: Life) -> None:
    async def run() -> Evolution:
        past = await filled([life])
        return await past.retrieve(ANYONE, "", life.entity["id"], Asked())

    evolution = asyncio.run(run())
    normalized = render(evolution, NAMES, Look(), EVERYTHING)
    values = render(evolution, NAMES, Look(Format.VALUES), EVERYTHING)
    assert values.keys() == normalized.keys()
    for name in normalized.keys() - {"id", "type"}:
        groups = values[name] if isinstance(values[name], list) else [values[name]]
        pairs = [
            (group["type"], group.get("datasetId"), at)
            for group in groups
            for member, some in group.items()
            if member not in ("type", "datasetId")
            for _, at in some
        ]
        assert sorted(pairs, key=str) == sorted(
            ((one["type"], one.get("datasetId"), one["observedAt"]) for one in normalized[name]),
            key=str,
        )


@few
@given(lives())
def test_temporal_values_can_be_given_again(life: Life) -> None:
    look = Look(Format.VALUES)

    async def run() -> tuple[dict[str, Any], dict[str, Any]]:
        past = await filled([life])
        first = await past.retrieve(ANYONE, "", life.entity["id"], Asked())
        entity_id, told = parse_evolution(render(first, NAMES, look, EVERYTHING), NAMES)
        again = await filled([])
        await amending(again).upsert(ANYONE, "", entity_id, told)
        second = await again.retrieve(ANYONE, "", entity_id, Asked())
        return render(first, NAMES, look, EVERYTHING), render(second, NAMES, look, EVERYTHING)

    first, second = asyncio.run(run())
    assert second == first


@few
@given(lives(), st.integers(1, 3))
def test_the_last_of_each_attribute_are_the_newest(life: Life, last: int) -> None:
    async def run() -> tuple[Evolution, Evolution]:
        past = await filled([life])
        entity_id = life.entity["id"]
        whole = await past.retrieve(ANYONE, "", entity_id, Asked(Which()))
        newest = await past.retrieve(ANYONE, "", entity_id, Asked(window=Window(last=last)))
        return whole, newest

    whole, newest = asyncio.run(run())
    for iri, told in whole.attributes.items():
        times = [moment.time for _, moment in told]
        assert [moment.time for _, moment in newest.attributes[iri]] == times[-last:]


@st.composite
def measured(draw: st.DrawFn) -> Life:
    """Draw an entity with numbers, and at times other things among them."""
    numbers: st.SearchStrategy[Any] = st.integers(-1000, 1000) | st.floats(-1000, 1000)
    mixed: st.SearchStrategy[Any] = numbers | st.booleans() | st.just("no number")
    told = []
    for iri, values in (("urn:a", numbers), ("urn:b", mixed)):
        for dataset in (DEFAULT, "urn:d:1"):
            told += [
                Report(iri, dataset, minute, {"type": "Property", "value": value}, deleted=False)
                for minute, value in enumerate(draw(st.lists(values, max_size=5)))
            ]
    return Life({"id": "urn:x:1", "type": ["urn:t"], "attrs": {}}, tuple(told))


PERIODS = [WHOLE, Duration(0, MINUTE), Duration(0, 2 * MINUTE), Duration(1, 0)]


@few
@given(measured(), windows(), st.sampled_from(PERIODS))
def test_figures_of_the_store_are_those_of_the_instances(
    life: Life, window: Window, period: Duration
) -> None:
    methods = tuple(method for method in METHODS if method != "distinctCount")
    look = Look(Format.AGGREGATED, timeproperty=window.timeproperty, methods=methods, period=period)

    async def run() -> list[Figures]:
        past = await filled([life])
        found = []
        for bare in (True, False):
            asked = Asked(window=window, bare=bare)
            one = await past.retrieve(ANYONE, "", life.entity["id"], asked)
            found += await past.figures("", [one], asked, look)
        return found

    stored, counted = (list(leaves(one)) for one in asyncio.run(run()))
    assert [one for one in stored if isinstance(one, str)] == [
        one for one in counted if isinstance(one, str)
    ]
    assert [one for one in stored if not isinstance(one, str)] == pytest.approx(
        [one for one in counted if not isinstance(one, str)], rel=1e-6, abs=1e-2
    )


def leaves(value: Any) -> Iterator[Any]:
    """Yield what JSON holds, in the order of its names."""
    if isinstance(value, dict):
        for name in sorted(value):
            yield name
            yield from leaves(value[name])
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def test_what_is_told_of_nothing_changes_nothing() -> None:
    async def run() -> int:
        past = await filled([])
        await amending(past).upsert(ANYONE, "", "urn:a:b", Told(("urn:t",), ()))
        found = await past.retrieve(ANYONE, "", "urn:a:b", Asked())
        return len(found.attributes)

    assert asyncio.run(run()) == 0
