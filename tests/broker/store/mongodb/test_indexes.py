"""Every index, as MongoDB's manual says what it may index; and what is put where indexes look.

What the manual says is written out here and judged by it: an index over several fields takes one
array of each document only (multikey indexes), one on the sphere takes GeoJSON within its bounds
(2dsphere), and a document is BSON: its integers have 64 bits.
"""

from collections.abc import Iterator
from typing import Any

import bson
import pytest
from hypothesis import given, settings

from broker.model.entity import Entity
from broker.store.mongodb.documents import to_document
from broker.store.mongodb.schema import INDEXES, SPHERE, TARGETS
from tests.broker.store.helpers import entity
from tests.support import effort
from tests.support.strategies import entities, geometries

EACH = settings(max_examples=effort(quick=25, long=2000))

GOLDEN = {
    "entities": [
        {"name": "types", "key": {"tenant": 1, "types": 1, "id": 1}},
        {"name": "places", "key": {"tenant": 1, "places.p": 1, "places.west": 1}},
        {"name": "due", "key": {"due": 1}, "sparse": True},
        {"name": "large", "key": {"tenant": 1}, "partialFilterExpression": {"over": True}},
    ],
    "changes": [
        {"name": "entity", "key": {"tenant": 1, "id": 1}},
        {"name": "at", "key": {"at": 1}},
    ],
    "turns": [{"name": "at", "key": {"at": 1}}],
    "answers": [{"name": "at", "key": {"at": 1}}],
    "heads": [{"name": "id", "key": {"tenant": 1, "id": 1}}],
    "moments": [
        {
            "name": time,
            "key": {"tenant": 1, "entity": 1, "attribute": 1, "dataset": 1, time: 1},
        }
        for time in ("time", "observed")
    ],
    "outbox": [{"name": "queue", "key": {"sid": 1, "seq": 1}}],
    "dead": [{"name": "queue", "key": {"sid": 1, "seq": 1}}],
    "resources": [{"name": "kind", "key": {"tenant": 1, "kind": 1, "at": 1}}],
}


def documents(models: Any) -> list[dict[str, Any]]:
    """Return indexes as they are sent."""
    return [{**model.document, "key": dict(model.document["key"])} for model in models]


def test_the_indexes_are_these() -> None:
    assert {name: documents(models) for name, models in INDEXES.items()} == GOLDEN


def test_the_indexes_on_targets_are_these() -> None:
    assert documents(TARGETS) == [
        {"name": f"targets_{field}", "key": {"tenant": 1, "targets.p": 1, f"targets.{field}": 1}}
        for field in ("n", "s", "S", "i")
    ]


def test_the_index_on_the_sphere_is_this() -> None:
    assert documents(SPHERE) == [{"name": "places_point", "key": {"places.point": "2dsphere"}}]


ON_ENTITIES = [list(model["key"]) for model in documents([*INDEXES["entities"], *TARGETS])]


def arrays(document: Any, path: str, above: str = "") -> Iterator[str]:
    """Yield where the values a path of an index leads to lie in arrays."""
    if isinstance(document, list):
        yield above
        for each in document:
            if isinstance(each, dict):
                yield from arrays(each, path, above)
    elif isinstance(document, dict) and path:
        name, _, rest = path.partition(".")
        if name in document:
            yield from arrays(document[name], rest, f"{above}.{name}" if above else name)


def parallel(document: dict[str, Any], fields: list[str]) -> bool:
    """Tell whether an index over these fields refuses a document: arrays side by side in it."""
    found = [set(arrays(document, field)) for field in fields]
    return any(
        not (one == other or one.startswith(f"{other}.") or other.startswith(f"{one}."))
        for place, those in enumerate(found)
        for others in found[place + 1 :]
        for one in those
        for other in others
    )


@pytest.mark.parametrize(
    ("document", "refused"),
    [
        ({"a": [1, 2], "b": 1}, False),
        ({"a": [1, 2], "b": [1, 2]}, True),
        ({"a": [{"b": 1, "c": [1, 2]}]}, False),
        ({"a": [{"b": [3], "c": [1, 2]}]}, True),
    ],
    ids=str,
)
def test_the_judge_of_arrays_reads_the_manual_rightly(
    document: dict[str, Any], refused: bool
) -> None:
    fields = ["a.b", "a.c"] if isinstance(document["a"][0], dict) else ["a", "b"]
    assert parallel(document, fields) is refused


@EACH
@given(entities())
def test_no_index_meets_two_arrays_side_by_side(drawn: Entity) -> None:
    document = to_document("", drawn, 1)
    assert [fields for fields in ON_ENTITIES if parallel(document, fields)] == []


@EACH
@given(entities())
def test_every_entity_is_a_document_that_servers_take(drawn: Entity) -> None:
    document = to_document("", drawn, 1)
    assert bson.decode(bson.encode(document)) == document


def indexed(document: dict[str, Any]) -> list[Any]:
    """Return what the index on the sphere finds in a document."""
    return [place["point"] for place in document.get("places", []) if "point" in place]


@EACH
@given(geometries())
def test_the_sphere_gets_points_within_its_bounds_and_nothing_else(geometry: Any) -> None:
    value = {"@none": {"type": "GeoProperty", "value": geometry}}
    for point in indexed(to_document("", entity("urn:a", place=value), 1)):
        assert point.keys() == {"type", "coordinates"}
        assert point["type"] == "Point"
        longitude, latitude = point["coordinates"]
        assert -180 <= longitude <= 180
        assert -90 <= latitude <= 90


@pytest.mark.parametrize(
    ("geometry", "points"),
    [
        ({"type": "Point", "coordinates": [130.7, 32.2]}, [[130.7, 32.2]]),
        ({"type": "Point", "coordinates": [130.7, 32.2, 110]}, [[130.7, 32.2]]),
        ({"type": "Point", "coordinates": [-180, 90]}, [[-180, 90]]),
        ({"type": "Point", "coordinates": [190.5, 10]}, []),
        ({"type": "MultiPoint", "coordinates": [[130.7, 32.2]]}, [[130.7, 32.2]]),
        ({"type": "LineString", "coordinates": [[130.7, 32.2], [131, 33]]}, []),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}, []),
    ],
    ids=str,
)
def test_a_geometry_is_on_the_sphere_where_it_is_one_point(geometry: Any, points: Any) -> None:
    value = {"@none": {"type": "GeoProperty", "value": geometry}}
    document = to_document("", entity("urn:a", place=value), 1)
    assert indexed(document) == [{"type": "Point", "coordinates": each} for each in points]
