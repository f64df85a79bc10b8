"""The compilers agree: for any entities and any query, SQL selects what the predicate selects."""

from collections.abc import Iterator
from typing import Any

import apsw
import orjson
from hypothesis import given
from hypothesis import strategies as st

from broker.model.entity import Entity
from broker.query.ast import And, Linked, Node, Not
from broker.query.plan import (
    TEXT_LENGTH,
    GeoTerm,
    IndexTerm,
    given_types,
    index_terms,
    required_ids,
    required_types,
    spine,
    without,
)
from broker.query.predicate import compile_predicate
from broker.query.rewrite import hide
from broker.query.sql import compile_sql, register_functions
from broker.store.sqlite.index import terms
from tests.support.queries import nodes
from tests.support.strategies import LOCATION, entities


@st.composite
def towns(draw: st.DrawFn) -> tuple[list[Entity], list[Node]]:
    """Some entities, and queries drawn with them in sight."""
    town = draw(st.lists(entities(), min_size=1, max_size=4))
    return town, draw(st.lists(nodes(town), min_size=1, max_size=5))


KNOWS = "https://example.org/knows"


class Rows:
    """An in-memory database that holds entities as the SQLite engine stores them."""

    def __init__(self, town: list[Entity]) -> None:
        self._names: dict[str, int] = {}
        self._connection = apsw.Connection(":memory:")
        register_functions(self._connection)
        self._connection.execute(
            "CREATE TABLE entity (eid INTEGER PRIMARY KEY, tid DEFAULT 1, id, doc)"
        )
        for entity in town:
            document = orjson.dumps(self._interned(entity))
            self._connection.execute(
                "INSERT INTO entity (id, doc) VALUES (?, ?)", (entity["id"], document)
            )

    def select(self, node: Node) -> list[int]:
        """Return the positions of the entities the compiled condition holds for."""
        condition, params = compile_sql(node, self._names.get)
        rows = self._connection.execute(
            f"SELECT eid - 1 FROM entity e WHERE {condition} ORDER BY eid", params
        )
        return [position for (position,) in rows]

    def nulls(self, node: Node) -> int:
        """Return for how many entities the condition is neither true nor false."""
        condition, params = compile_sql(node, self._names.get)
        statement = f"SELECT count(*) FROM entity e WHERE ({condition}) IS NULL"
        return int(self._connection.execute(statement, params).get)

    def _interned(self, owner: Any) -> Any:
        document = dict(owner)
        if "attrs" in owner:
            document["attrs"] = {
                str(self._names.setdefault(iri, len(self._names) + 17)): {
                    dataset: self._interned(instance) for dataset, instance in instances.items()
                }
                for iri, instances in owner["attrs"].items()
            }
        return document


@given(towns())
def test_sql_selects_what_the_predicate_selects(drawn: tuple[list[Entity], list[Node]]) -> None:
    town, queries = drawn
    rows = Rows(town)
    for node in queries:
        holds = compile_predicate(node)
        assert rows.select(node) == [n for n, entity in enumerate(town) if holds(entity)]


@st.composite
def webs(draw: st.DrawFn) -> tuple[list[Entity], list[Node]]:
    """Some entities with relationships to each other, and queries that follow these."""
    town = draw(st.lists(entities(), min_size=1, max_size=4, unique_by=lambda each: each["id"]))
    known = [entity["id"] for entity in town]
    targets = st.sampled_from([*known, "urn:nobody"])
    for entity in town:
        lists = {"type": "ListRelationship", "objectList": draw(st.lists(targets, max_size=2))}
        one = {"type": "Relationship", "object": draw(targets | st.lists(targets, max_size=2))}
        entity["attrs"] = {**entity["attrs"], **draw(st.sampled_from(
            [{}, {KNOWS: {"@none": one}}, {KNOWS: {"@none": lists, "urn:d": one}}]
        ))}  # fmt: skip
    inner = nodes(town)
    link = inner.map(lambda node: Linked(KNOWS, node))
    chain = link.map(lambda node: Linked(KNOWS, node))
    either = st.builds(lambda one, other: And((one, Not(other))), link, link)
    return town, draw(st.lists(link | chain | either, min_size=1, max_size=4))


@given(webs())
def test_sql_and_predicate_follow_relationships_alike(
    drawn: tuple[list[Entity], list[Node]],
) -> None:
    town, queries = drawn
    rows, by_id = Rows(town), {entity["id"]: entity for entity in town}
    for node in queries:
        holds = compile_predicate(node, by_id.get)
        assert rows.select(node) == [n for n, entity in enumerate(town) if holds(entity)]
        assert rows.nulls(node) == 0


@given(towns())
def test_sql_condition_is_never_null(drawn: tuple[list[Entity], list[Node]]) -> None:
    town, queries = drawn
    rows = Rows(town)
    for node in queries:
        assert rows.nulls(node) == 0


@given(towns())
def test_required_types_and_ids_hold_for_every_match(
    drawn: tuple[list[Entity], list[Node]],
) -> None:
    town, queries = drawn
    for node in queries:
        types, ids = required_types(node), required_ids(node)
        for entity in filter(compile_predicate(node), town):
            assert types is None or not types.isdisjoint(entity["type"])
            assert ids is None or entity["id"] in ids


@given(towns())
def test_given_types_change_nothing_for_entities_of_one_of_them(
    drawn: tuple[list[Entity], list[Node]],
) -> None:
    town, queries = drawn
    for node in queries:
        holds = compile_predicate(node)
        for entity in town:
            required = required_types(node) or frozenset()
            for iris in ({entity["type"][0]}, {entity["type"][0], *required}):
                rest = compile_predicate(given_types(node, iris))
                assert rest(entity) == holds(entity)


@given(towns())
def test_index_terms_cover_every_match(drawn: tuple[list[Entity], list[Node]]) -> None:
    town, queries = drawn
    for node in queries:
        for entity in filter(compile_predicate(node), town):
            for term in index_terms(node):
                instances = entity["attrs"].get(term.attribute, {}).values()
                assert _serves(term, list(instances))


@given(towns())
def test_exact_index_rows_decide_the_condition_they_serve(
    drawn: tuple[list[Entity], list[Node]],
) -> None:
    town, queries = drawn
    for node in queries:
        for term in index_terms(node):
            if isinstance(term, GeoTerm) or term.node is None:
                continue
            holds = compile_predicate(term.node)
            for entity in town:
                found = terms(entity["attrs"].get(term.attribute, {}))
                if found.exact >= term.needs:
                    rows = found.numbers if term.kind == "num" else found.texts
                    assert any(_within(term, value) for value in rows) == holds(entity)


@given(towns())
def test_what_is_left_beside_a_condition_that_holds(
    drawn: tuple[list[Entity], list[Node]],
) -> None:
    town, queries = drawn
    for node in queries:
        holds = compile_predicate(node)
        for met in spine(node):
            rest = compile_predicate(without(node, met))
            for entity in filter(compile_predicate(met), town):
                assert rest(entity) == holds(entity)


@given(towns())
def test_hiding_reads_as_if_the_attribute_were_absent(
    drawn: tuple[list[Entity], list[Node]],
) -> None:
    town, queries = drawn
    for node in queries:
        rewritten = compile_predicate(hide(node, SECRET.__contains__))
        holds = compile_predicate(node)
        for entity in town:
            assert rewritten(entity) == holds(_without(entity, SECRET))


SECRET = frozenset(("https://uri.etsi.org/ngsi-ld/default-context/speed", LOCATION))


def _without(owner: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    if "attrs" not in owner:
        return owner
    attributes = {
        iri: {dataset: _without(instance, names) for dataset, instance in instances.items()}
        for iri, instances in owner["attrs"].items()
        if iri not in names
    }
    return {**owner, "attrs": attributes}


def _serves(term: IndexTerm | GeoTerm, instances: list[Any]) -> bool:
    """Tell whether an index of all values of the instances would find them by `term`."""
    if isinstance(term, GeoTerm):
        places = [each["value"] for each in instances if each["type"] == "GeoProperty"]
        return _meets(term, list(_positions(places)))
    kinds: tuple[type, ...] = (int, float) if term.kind == "num" else (str,)
    return any(
        _within(term, each[:TEXT_LENGTH] if isinstance(each, str) else each)
        for each in _leaves(instances)
        if isinstance(each, kinds) and not isinstance(each, bool)
    )


def _within(term: IndexTerm, value: Any) -> bool:
    if isinstance(value, int) and value >= 2**63:
        value = float(value)
    if term.values:
        return value in term.values
    low: Any = term.low
    high: Any = term.high
    above = low is None or value > low or (term.low_inclusive and value == low)
    below = high is None or value < high or (term.high_inclusive and value == high)
    return above and below


def _meets(term: GeoTerm, positions: list[tuple[float, float]]) -> bool:
    xs, ys = [x for x, _ in positions], [y for _, y in positions]
    return any(
        min(xs) <= east and max(xs) >= west and min(ys) <= north and max(ys) >= south
        for west, south, east, north in term.boxes
    )


def _positions(value: Any) -> Iterator[tuple[float, float]]:
    if isinstance(value, dict):
        yield from _positions(value.get("coordinates"))
    elif isinstance(value, list) and value and not isinstance(value[0], (list, dict)):
        yield value[0], value[1]
    elif isinstance(value, list):
        for inner in value:
            yield from _positions(inner)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "attrs":
                yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value
