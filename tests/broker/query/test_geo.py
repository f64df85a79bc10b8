"""Geographic queries: parameters, relations, metric distance, boxes (§4.10)."""

from itertools import product
from math import cos, sin
from typing import Any

import pytest

from broker.errors import BadRequestData, TooComplexQuery
from broker.query.ast import Geo
from broker.query.geo import RELATIONS, bounding_boxes, parse_geo
from broker.query.shapes import geo_holds
from tests.broker.query.conftest import VOCAB, expand

POINT = {"type": "Point", "coordinates": [130.76, 32.21]}
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]]}
HOLED = {
    "type": "Polygon",
    "coordinates": [*SQUARE["coordinates"], [[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]],
}
BOW = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
DEGREE = 111_195.08
"""Metres of a degree on a great circle."""


def point(*position: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": list(position)}


def line(*positions: list[float]) -> dict[str, Any]:
    return {"type": "LineString", "coordinates": list(positions)}


def near(reference: Any, metres: float, target: Any) -> bool:
    return geo_holds(Geo("a", "near", reference, metres), target)


@pytest.mark.parametrize("relation", RELATIONS)
def test_relation_parses(relation: str) -> None:
    node = parse_geo(relation, "Point", "[130.76,32.21]", None, expand)
    assert node == Geo(VOCAB + "location", relation, POINT)


def test_near_parses_with_its_distance() -> None:
    node = parse_geo("near;maxDistance==2000", "Point", "[130.76,32.21]", "place", expand)
    assert node == Geo(VOCAB + "place", "near", POINT, 2000.0, True)


def test_near_parses_with_a_least_distance() -> None:
    node = parse_geo("near;minDistance==0.5", "Point", [130.76, 32.21], None, expand)
    assert (node.distance, node.maximum) == (0.5, False)


@pytest.mark.parametrize(
    "georel",
    [
        "",
        "near",
        "beside",
        "near;maxDistance==0",
        "near;maxDistance==-5",
        "near;maxDistance==1e400",
        "near;maxDistance==Infinity",
        "near;maxDistance==nan",
        "near;maxDistance=5",
        "near;maxDistance==5;minDistance==1",
        "near;maxDistance==1-2",
        "near;maxDistance==1e",
        "within;maxDistance==5",
    ],
)
def test_faulty_georel_is_refused(georel: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_geo(georel, "Point", "[0,0]", None, expand)
    assert caught.value.place == "query:georel"


@pytest.mark.parametrize("geometry", ["", "point", "Circle", "GeometryCollection"])
def test_faulty_geometry_is_refused(geometry: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_geo("within", geometry, "[0,0]", None, expand)
    assert caught.value.place == "query:geometry"


def test_faulty_geoproperty_is_refused() -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_geo("within", "Point", "[0,0]", "not_a_name", expand)
    assert caught.value.place == "query:geoproperty"


@pytest.mark.parametrize(
    ("geometry", "coordinates"),
    [
        ("Point", ""),
        ("Point", "0,0"),
        ("Point", "[0]"),
        ("Point", "[]"),
        ("Point", '["0","0"]'),
        ("Point", "[true,0]"),
        ("Point", "[1e400,0]"),
        ("Point", "[0,91]"),
        ("Point", "[181,0]"),
        ("Point", "[[0,0]]"),
        ("Point", "[0,0,0,0]"),
        ("LineString", "[[0,0]]"),
        ("LineString", "[0,0]"),
        ("Polygon", "[[0,0],[1,1],[1,0],[0,0]]"),
        ("Polygon", "[[[0,0],[1,1],[1,0]]]"),
        ("Polygon", "[[[0,0],[1,1],[1,0],[0,1]]]"),
        ("Polygon", "[]"),
        ("MultiPolygon", "[[[0,0],[1,1],[1,0],[0,0]]]"),
        ("Point", "[" * 2000 + "]" * 2000),
        ("Point", "{}"),
        ("Point", "null"),
    ],
)
def test_faulty_coordinates_are_refused(geometry: str, coordinates: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_geo("within", geometry, coordinates, None, expand)
    assert caught.value.place.startswith("query:coordinates")
    assert "coordinates/coordinates" not in caught.value.place
    assert caught.value.remedy


@pytest.mark.parametrize("missing", ["georel", "geometry", "coordinates"])
def test_the_three_parameters_are_needed_together(missing: str) -> None:
    given: dict[str, Any] = {"georel": "within", "geometry": "Point", "coordinates": "[0,0]"}
    given[missing] = None
    with pytest.raises(BadRequestData, match=f"^{missing} is missing") as caught:
        parse_geo(**given, geoproperty=None, expand=expand, place="body:/geoQ/")
    assert caught.value.place == f"body:/geoQ/{missing}"


def test_large_reference_is_too_complex() -> None:
    coordinates = [[0.001 * n, 0] for n in range(2001)]
    with pytest.raises(TooComplexQuery):
        parse_geo("intersects", "LineString", coordinates, None, expand)


@pytest.mark.parametrize(
    ("relation", "target", "expected"),
    [
        ("within", point(2, 2), True),
        ("within", point(0, 2), False),
        ("within", point(5, 5), False),
        ("intersects", point(0, 2), True),
        ("disjoint", point(5, 5), True),
        ("disjoint", point(0, 2), False),
        ("contains", point(2, 2), False),
        ("contains", SQUARE, True),
        ("equals", {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"]]}, True),
        ("equals", HOLED, False),
        ("overlaps", line([2, 2], [9, 9]), False),
        (
            "overlaps",
            {"type": "Polygon", "coordinates": [[[2, 2], [6, 2], [6, 6], [2, 6], [2, 2]]]},
            True,
        ),
        ("within", point(2, 2, 500), True),
    ],
)
def test_relation_reads_target_to_reference(relation: str, target: Any, expected: bool) -> None:
    assert geo_holds(Geo("a", relation, SQUARE), target) is expected


def test_hole_of_a_polygon_is_outside() -> None:
    assert not geo_holds(Geo("a", "within", HOLED), point(2, 2))


@pytest.mark.parametrize("relation", RELATIONS)
def test_polygon_that_crosses_itself_works(relation: str) -> None:
    expected = relation in ("within", "contains", "intersects", "equals")
    assert geo_holds(Geo("a", relation, BOW), BOW) is expected


def tangle(corners: int) -> dict[str, Any]:
    """Return a polygon of which nearly every edge crosses nearly all others."""
    places = [[n * 7919 % corners / corners, n * n % corners / corners] for n in range(corners)]
    return {"type": "Polygon", "coordinates": [[*places, places[0]]]}


def test_a_polygon_that_crosses_itself_at_every_turn_is_no_reference() -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_geo("within", "Polygon", tangle(1009)["coordinates"], None, expand)
    assert caught.value.place == "query:coordinates"


@pytest.mark.parametrize("relation", [*RELATIONS, "near"])
def test_a_polygon_that_crosses_itself_at_every_turn_satisfies_nothing(relation: str) -> None:
    one = tangle(1009)
    several: dict[str, Any] = {"type": "MultiPolygon", "coordinates": [one["coordinates"]]}
    for maximum, value in product((True, False), (one, several)):
        assert not geo_holds(Geo("a", relation, SQUARE, 5.0, maximum), value)


def test_a_long_outline_that_crosses_itself_once_is_made_valid() -> None:
    ring = [[2 + cos(turn / 800), 2 + sin(turn / 800)] for turn in range(5_026)]
    ring[5], ring[7] = ring[7], ring[5]
    target = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    assert geo_holds(Geo("a", "within", SQUARE), target)


@pytest.mark.parametrize(
    "value",
    [None, "here", 5, [], {}, {"type": "Point"}, {"type": "Point", "coordinates": ["x", 1]}],
)
@pytest.mark.parametrize("relation", [*RELATIONS, "near"])
def test_value_that_is_no_geometry_satisfies_nothing(relation: str, value: Any) -> None:
    assert not geo_holds(Geo("a", relation, SQUARE, 5.0), value)


@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [
        (point(0, 0), point(0, 1), DEGREE),
        (point(10, 60), point(11, 60), 55_595.0),
        (point(179.5, 0), point(-179.5, 0), DEGREE),
        (point(0, 89.5), point(180, 89.5), DEGREE),
        (point(0, 1), line([-5, 0], [5, 0]), DEGREE),
        (point(0, 90), SQUARE, 86 * DEGREE),
        (line([-1, 1], [1, 1]), line([-5, 0], [5, 0]), DEGREE),
        (line([179, 0], [180, 0]), line([-179, 0], [-178, 0]), DEGREE),
        (SQUARE, point(5, 4), 110_924.0),
        (HOLED, point(2, 2), 111_127.4),
        ({"type": "MultiPoint", "coordinates": [[0, 0], [9, 9]]}, point(0, 1), DEGREE),
        ({"type": "MultiLineString", "coordinates": [[[0, 0], [9, 0]]]}, point(0, 1), DEGREE),
    ],
)
def test_near_measures_on_the_sphere_to_the_closest_point(
    one: Any, other: Any, metres: float
) -> None:
    for reference, target in ((one, other), (other, one)):
        assert near(reference, metres * 1.0005, target)
        assert not near(reference, metres * 0.9995, target)


def test_edge_along_a_parallel_keeps_its_latitude() -> None:
    far_north = line([0, 80], [10, 80])
    assert near(far_north, DEGREE * 1.0001, point(5, 81))
    assert not near(far_north, DEGREE * 0.9999, point(5, 81))


def test_near_is_zero_inside_a_polygon() -> None:
    assert near(SQUARE, 0.001, point(2, 2))


def test_least_distance_is_strictly_beyond() -> None:
    node = Geo("a", "near", point(0, 0), DEGREE, maximum=False)
    assert geo_holds(node, point(0, 1.001))
    assert not geo_holds(node, point(0, 0.999))
    assert not geo_holds(node, point(0, 0))


def test_box_of_a_relation_is_that_of_the_reference() -> None:
    assert bounding_boxes(Geo("a", "within", SQUARE)) == ((0, 0, 4, 4),)


@pytest.mark.parametrize(
    "node",
    [
        Geo("a", "disjoint", SQUARE),
        Geo("a", "near", POINT, 5.0, maximum=False),
        Geo("a", "near", POINT, 1.1e7),
    ],
)
def test_no_box_narrows_these(node: Geo) -> None:
    assert bounding_boxes(node) is None


def test_box_of_near_is_widened_by_the_distance() -> None:
    boxes = bounding_boxes(Geo("a", "near", point(10, 60), DEGREE))
    assert boxes is not None
    ((west, south, east, north),) = boxes
    assert south == pytest.approx(59, abs=0.01)
    assert north == pytest.approx(61, abs=0.01)
    assert east - 10 == pytest.approx(2, abs=0.01)
    assert 10 - west == pytest.approx(2, abs=0.01)


def test_box_across_the_antimeridian_is_two() -> None:
    boxes = bounding_boxes(Geo("a", "near", point(-179.9, 0), DEGREE))
    assert boxes is not None
    assert [(round(west), round(east)) for west, _, east, _ in boxes] == [(179, 180), (-180, -179)]


def test_box_that_touches_a_pole_spans_all_longitudes() -> None:
    boxes = bounding_boxes(Geo("a", "near", point(10, 89.5), DEGREE))
    assert boxes is not None
    assert [(west, east, north) for west, _, east, north in boxes] == [(-180, 180, 90)]
