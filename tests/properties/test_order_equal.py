"""Both ways to order agree: SQL puts entities in the order that Python says is meant."""

from typing import Any

import apsw
import orjson
from hypothesis import given
from hypothesis import strategies as st

from broker.model.entity import Entity
from broker.query.ast import Order
from broker.query.ordering import sort_entities
from broker.query.sql_order import compile_keys, register_order_functions, terms
from tests.support.queries import paths
from tests.support.strategies import entities, geometries

POINT = {"type": "Point", "coordinates": [10.0, 40.0]}


@st.composite
def orders(draw: st.DrawFn, town: list[Entity]) -> Order:
    """An order by a path that some entity has most of the time."""
    path = draw(paths(town))
    near = draw(st.none() | st.just(POINT) | geometries())
    return Order(
        path, draw(st.booleans()), draw(st.sampled_from(["", "ja", "und-u-ks-level1"])), near
    )


@st.composite
def towns(draw: st.DrawFn) -> tuple[list[Entity], list[Order]]:
    """Some entities by id, and one to three orders drawn with them in sight."""
    town = draw(st.lists(entities(), min_size=2, max_size=6))
    for number, entity in enumerate(town):
        entity["id"] = f"urn:{number}"
    return town, draw(st.lists(orders(town), min_size=1, max_size=3))


class Rows:
    """An in-memory database that holds entities as the SQLite engine stores them."""

    def __init__(self, town: list[Entity]) -> None:
        self._names: dict[str, int] = {}
        self._connection = apsw.Connection(":memory:")
        register_order_functions(self._connection)
        self._connection.execute("CREATE TABLE entity (id, doc)")
        for entity in town:
            document = orjson.dumps(self._interned(entity))
            self._connection.execute("INSERT INTO entity VALUES (?, ?)", (entity["id"], document))

    def select(self, asked: list[Order]) -> list[str]:
        """Return the ids in order."""
        keys = compile_keys(asked, self._names.get)
        columns = [f"k{number}" for number in range(len(keys))]
        listed = ", ".join(f"{key.text} AS {c}" for key, c in zip(keys, columns, strict=True))
        rows = self._connection.execute(
            f"WITH m AS MATERIALIZED (SELECT e.id, {listed} FROM entity e) "
            f"SELECT id FROM m ORDER BY {terms(asked, columns)}, id",
            [value for key in keys for value in key.params],
        )
        return [entity_id for (entity_id,) in rows]

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
def test_sql_orders_as_is_meant(drawn: tuple[list[Entity], list[Order]]) -> None:
    town, asked = drawn
    meant = list(town)
    sort_entities(meant, asked, lambda entity: entity)
    assert Rows(town).select(asked) == [entity["id"] for entity in meant]
