"""GeoJSON geometries: form checked, topology not (§4.7, RFC 7946)."""

import copy

import pytest

from broker.model.geometry import parse_geometry
from tests.broker.model.bodies import refusal

RING = [[0, 0], [1, 0], [1, 1], [0, 0]]
BOW_TIE = [[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]
GOOD = [
    ("Point", [130.7, 32.2]),
    ("Point", [130, 32, 106.5]),
    ("MultiPoint", [[1, 2]]),
    ("LineString", [[1, 2], [3, 4]]),
    ("MultiLineString", [[[1, 2], [3, 4]]]),
    ("Polygon", [RING, RING]),
    ("Polygon", [BOW_TIE]),
    ("MultiPolygon", [[RING], [RING]]),
]
BAD = [
    ("Point", []),
    ("Point", [1]),
    ("Point", [1, 2, 3, 4]),
    ("Point", [[1, 2]]),
    ("Point", ["1", "2"]),
    ("Point", [True, 2]),
    ("Point", [None, 2]),
    ("Point", [float("nan"), 2]),
    ("Point", [1, 2, float("inf")]),
    ("Point", [10**400, 2]),
    ("Point", [32.2, 130.7]),
    ("Point", {"x": 1}),
    ("MultiPoint", [1, 2]),
    ("MultiPoint", []),
    ("LineString", [[1, 2]]),
    ("MultiLineString", [[1, 2], [3, 4]]),
    ("Polygon", RING),
    ("Polygon", []),
    ("Polygon", [[]]),
    ("Polygon", [RING[:3]]),
    ("Polygon", [[[0, 0], [1, 0], [1, 1], [0, 1]]]),
    ("MultiPolygon", [RING]),
    ("GeometryCollection", []),
    ("point", [1, 2]),
    (None, [1, 2]),
]


@pytest.mark.parametrize(("kind", "coordinates"), GOOD)
def test_a_geometry_of_the_right_form_is_kept(kind, coordinates):
    geometry = {"type": kind, "coordinates": coordinates}
    assert parse_geometry(copy.deepcopy(geometry), "body:") == geometry


@pytest.mark.parametrize(("kind", "coordinates"), BAD)
def test_a_geometry_of_the_wrong_form_is_refused(kind, coordinates):
    error = refusal(parse_geometry, {"type": kind, "coordinates": coordinates}, "body:/location")
    assert error.place.startswith("body:/location")


def test_swapped_coordinates_are_told_apart_in_the_remedy():
    error = refusal(parse_geometry, {"type": "Point", "coordinates": [32.2, 130.7]}, "body:")
    assert "Longitude" in error.remedy


def test_foreign_members_stay():
    geometry = {"type": "Point", "coordinates": [1, 2], "bbox": [1, 2, 1, 2]}
    assert parse_geometry(geometry, "body:") is geometry


@pytest.mark.parametrize("text", ["", "{", "POINT(1 2)", "[" * 2000, '{"type": "Point"}', "\ud800"])
def test_text_that_is_no_geometry_is_refused(text):
    refusal(parse_geometry, text, "body:")
