"""The compilers agree: for any entities and any query, MongoDB selects what the predicate selects.

The judge of what a filter document selects is mongomock, which reads it as MongoDB documents it.
A filter that is exact selects the same as the predicate, one that is not at least that. What
mongomock lacks, `$geoWithin` with `$centerSphere`, is judged here by the manual: a point is within
where its angle from the centre is at most the radius, in radians.
"""

from collections.abc import Iterator
from math import acos, cos, radians, sin
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mongomock.filtering import _filterer_inst, filter_applies

from broker.model.entity import Entity
from broker.query.ast import Geo, Node, Not
from broker.query.great_circle import haversine
from broker.query.predicate import compile_predicate
from broker.store.mongodb.documents import to_document
from broker.store.mongodb.filters import compile_filter
from tests.broker.store.helpers import LOCATION, entity, point
from tests.properties.test_query_equal import towns, webs


class Collection:
    """Entities as MongoDB keeps them."""

    def __init__(self, town: list[Entity]) -> None:
        self.entities = {entity["id"]: entity for entity in town}
        self._documents: list[dict[str, Any]] = [
            to_document("", entity, 1) for entity in self.entities.values()
        ]

    def satisfying(self, node: Node) -> set[str]:
        """Return the ids of the entities the predicate holds for."""
        holds = compile_predicate(node, self.entities.get)
        return {entity_id for entity_id, entity in self.entities.items() if holds(entity)}

    def agree(self, node: Node, *, sphere: bool = False) -> bool:
        """Tell whether the filter selects what it should."""
        found = compile_filter(node, self.satisfying, sphere=sphere)
        selected = {
            document["id"]
            for document in self._documents
            if filter_applies(found.document, document)
        }
        wanted = self.satisfying(node)
        return selected == wanted if found.exact else selected >= wanted


@given(towns())
def test_mongodb_selects_what_the_predicate_selects(drawn: tuple[list[Entity], list[Node]]) -> None:
    town, queries = drawn
    collection = Collection(town)
    for node in queries:
        assert collection.agree(node), compile_filter(node, collection.satisfying)


@given(webs())
def test_mongodb_and_predicate_follow_relationships_alike(
    drawn: tuple[list[Entity], list[Node]],
) -> None:
    town, queries = drawn
    collection = Collection(town)
    for node in queries:
        assert collection.agree(node), compile_filter(node, collection.satisfying)


def within(found: Any, asked: dict[str, Any]) -> bool:
    """Tell whether a point is in a circle on the sphere."""
    if not isinstance(found, dict):
        return False
    assert asked.keys() == {"$centerSphere"}
    centre, most = asked["$centerSphere"]
    (east, north), (x, y) = (map(radians, each) for each in (centre, found["coordinates"]))
    cosine = sin(north) * sin(y) + cos(north) * cos(y) * cos(x - east)
    return acos(max(-1.0, min(1.0, cosine))) <= most + 1e-9


@pytest.fixture
def judge() -> Iterator[None]:
    """Let mongomock read circles on the sphere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(_filterer_inst._operator_map, "$geoWithin", within)
        yield


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[list[Entity], Node]:
    """Points around a place, anywhere on the Earth, and a query that just reaches one of them."""
    x, y = draw(st.floats(-180, 180)), draw(st.floats(-90, 90))
    away = st.tuples(st.floats(-1, 1), st.floats(-1, 1))
    town, reaches = [], []
    for number, (east, north) in enumerate(draw(st.lists(away, min_size=1, max_size=6))):
        longitude, latitude = (x + east + 180) % 360 - 180, max(-90.0, min(90.0, y + north))
        one = entity(f"urn:{number}")
        town.append({**one, "attrs": {LOCATION: point(longitude, latitude)}})
        reaches.append(haversine(x, y, longitude, latitude))
    metres = draw(st.sampled_from(reaches)) * 1.000_001 + 0.001
    at = {"type": "Point", "coordinates": [x, y]}
    return town, Geo(LOCATION, "near", at, metres, draw(st.booleans()))


@pytest.mark.usefixtures("judge")
@given(neighbours())
def test_circles_on_the_sphere_miss_no_neighbour(drawn: tuple[list[Entity], Node]) -> None:
    town, node = drawn
    for each in (node, Not(node)):
        assert Collection(town).agree(each, sphere=True)


@pytest.mark.usefixtures("judge")
@given(towns())
def test_on_the_sphere_mongodb_selects_what_the_predicate_selects(
    drawn: tuple[list[Entity], list[Node]],
) -> None:
    town, queries = drawn
    collection = Collection(town)
    for node in queries:
        assert collection.agree(node, sphere=True)
