"""Rows made of exchanges are those that each exchange would have by itself."""

from typing import Any

import apsw
from hypothesis import given
from hypothesis import strategies as st

from broker.model.entity import Instance
from broker.store.sqlite.exchanged import blocks, columns_of, note
from broker.store.sqlite.indexer import Indexer, Known
from broker.store.sqlite.schema import migrate
from broker.store.sqlite.waiting import Key, Row

NAMES = {"urn:type": 1, "urn:other": 2, "urn:a": 3, "urn:b": 4}
ATTRIBUTES = ["urn:a", "urn:b"]

VALUES = st.one_of(
    st.integers(-2, 2),
    st.sampled_from([-0.5, 1.0, 2.5, 2**70, 2**70 + 1]),
    st.sampled_from(["", "a", "b", "x" * 300, "x" * 300 + "y"]),
    st.booleans(),
    st.sampled_from([[1, 2], {"n": 1}]),
)
INSTANCES = st.one_of(
    VALUES.map(lambda value: {"type": "Property", "value": value}),
    st.sampled_from(["urn:x", "urn:y"]).map(lambda to: {"type": "Relationship", "object": to}),
    st.tuples(st.integers(0, 2), st.integers(0, 2)).map(
        lambda at: {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [*at]}}
    ),
)
SIDES = st.lists(INSTANCES, min_size=2, max_size=2)
EXCHANGES = st.lists(st.tuples(st.integers(1, 3), SIDES, SIDES), max_size=6)
TYPES = st.sampled_from([["urn:type"], ["urn:type", "urn:other"]])


def by_key(rows: list[Row]) -> dict[Key, list[Row]]:
    """Return rows by where they go, those of a change in an order of their own."""
    found: dict[Key, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row[4], repr(row))):
        found.setdefault(row[5], []).append(row)
    return found


@given(EXCHANGES, TYPES)
def test_rows_of_exchanges_are_those_of_each_by_itself(
    exchanges: list[tuple[int, list[Instance], list[Instance]]], types: list[str]
) -> None:
    connection = apsw.Connection("")
    migrate(connection)
    indexer, names = Indexer(connection, None), Known(NAMES.__getitem__)
    alone: list[Row] = []
    together: list[Row] = []
    noted: list[Any] = []
    nothing: list[Instance] = [{"type": "Property", "value": 0}] * 2
    indexer.exchange(1, types, ATTRIBUTES, nothing, nothing, names, 0)
    for seq, (eid, old, new) in enumerate(exchanges, 1):
        columns = columns_of(names.columns[tuple(types)], ATTRIBUTES)
        assert len(columns) == len(ATTRIBUTES)
        exchange, others = note(columns, eid, seq, old, new)
        noted.append(exchange)
        parts = [ATTRIBUTES[n] for n in others], [old[n] for n in others], [new[n] for n in others]
        together += indexer.exchange(eid, types, *parts, names, seq)
        alone += indexer.exchange(eid, types, ATTRIBUTES, old, new, names, seq)
    together += [row for block in blocks(noted) for row in block.rows()]
    assert by_key(together) == by_key(alone)


def test_an_attribute_that_is_not_known_yet_has_no_column() -> None:
    assert columns_of(None, ATTRIBUTES) == []
    assert columns_of({"urn:a": (3, [1], [1], (0, 3), (1, 3))}, ATTRIBUTES) == []
