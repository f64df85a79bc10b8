"""A narrowed query finds just the entities whose view meets it: nothing hidden can be probed."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broker.query.ast import EntityQuery, Linked, Node, Order, Path
from broker.query.predicate import compile_predicate
from consent.policies.rule import Rule
from consent.policies.sight import Sight
from tests.support.queries import nodes
from tests.support.strategies import entities, iris, type_iris


@st.composite
def rules(draw: st.DrawFn, town: list[dict[str, Any]]) -> Rule:
    """A rule that is mostly about something that is there."""
    types = [iri for entity in town for iri in entity["type"]]
    names = [iri for entity in town for iri in entity["attrs"]]

    def some(known: list[str], other: st.SearchStrategy[str]) -> frozenset[str] | None:
        one = st.one_of(st.sampled_from(known), other) if known else other
        return draw(st.one_of(st.none(), st.frozensets(one, min_size=1, max_size=3)))

    return Rule(
        "urn:p:1",
        permits=draw(st.sampled_from([True, True, False])),
        types=some(types, type_iris()),
        attributes=some(names, iris()),
        ids=draw(st.none() | st.frozensets(st.sampled_from([e["id"] for e in town]), min_size=1)),
        where=draw(st.one_of(st.just(Rule("").where), nodes(town))),
        veiled=some(names, iris()) or frozenset(),
    )


@st.composite
def towns(draw: st.DrawFn) -> tuple[list[dict[str, Any]], Sight, Node]:
    """Some entities, what a caller sees of them, and a condition."""
    town = draw(st.lists(entities(), min_size=1, max_size=4, unique_by=lambda each: each["id"]))
    sight = Sight(draw(st.lists(rules(town), max_size=4)))
    node = draw(nodes(town))
    names = [iri for entity in town for iri in entity["attrs"]]
    if names and draw(st.sampled_from([True, False])):
        node = Linked(draw(st.sampled_from(names)), node)
    return town, sight, node


@given(towns())
def test_narrowed_query_finds_what_the_query_finds_in_the_views(drawn: Any):
    town, sight, node = drawn
    there = {entity["id"]: entity for entity in town}
    views = {entity_id: sight.view(entity) for entity_id, entity in there.items()}
    narrowed = compile_predicate(sight.narrow(EntityQuery(node)).where, there.get)
    plain = compile_predicate(node, views.get)
    found = {entity_id for entity_id, entity in there.items() if narrowed(entity)}
    assert found == {
        entity_id for entity_id, view in views.items() if view is not None and plain(view)
    }


@given(towns())
def test_view_has_no_attribute_out_of_sight_and_all_that_is_in_it(drawn: Any):
    town, sight, _ = drawn
    for entity in town:
        reach = sight.attributes(entity)
        view = sight.view(entity)
        assert (view is None) is (reach is None)
        if view is not None and reach is not None:
            assert set(view["attrs"]) == {iri for iri in entity["attrs"] if iri in reach}


@given(towns())
def test_order_is_kept_only_by_what_every_entity_in_sight_shows(drawn: Any):
    town, sight, _ = drawn
    for entity in town:
        view = sight.view(entity)
        for iri in entity["attrs"]:
            kept = sight.narrow(EntityQuery(order=(Order(Path((iri,))),))).order
            if kept and view is not None:
                assert iri in view["attrs"]
