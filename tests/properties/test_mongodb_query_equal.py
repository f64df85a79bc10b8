"""The compilers agree: for any entities and any query, MongoDB selects what the predicate selects.

The judge of what a filter document selects is mongomock, which reads it as MongoDB documents it.
A filter that is exact selects the same as the predicate, one that is not at least that.
"""

from typing import Any

from hypothesis import given
from mongomock.filtering import filter_applies

from broker.model.entity import Entity
from broker.query.ast import Node
from broker.query.predicate import compile_predicate
from broker.store.mongodb.documents import to_document
from broker.store.mongodb.filters import compile_filter
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

    def agree(self, node: Node) -> bool:
        """Tell whether the filter selects what it should."""
        found = compile_filter(node, self.satisfying)
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
