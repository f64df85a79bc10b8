"""The exact test of a geographic condition, by shapely (§4.10).

Loading this takes a tenth of a broker's start, so that it is imported where it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Final, TypeAlias

import numpy as np
import shapely
from shapely import errors as shapely_errors

from broker.query.ast import Geo
from broker.query.great_circle import haversine
from broker.query.sphere import distance, outline

Json: TypeAlias = Any

_ASKED: Final = 256
_TANGLED: Final = 20_000
_MEETING: Final = 20
"""Edges of a polygon that are looked at, and boxes of edges that may meet: in all, and by edge."""


def compile_geo(node: Geo) -> Callable[[Json], bool]:
    """Return the exact test of a geometry value against `node`.

    The test is false for a value that is no geometry, and never raises.
    """
    test = _near(node) if node.relation == "near" else _relation(node)

    def holds(value: Json) -> bool:
        try:
            return test(value)
        except (shapely_errors.ShapelyError, TypeError, ValueError, KeyError, IndexError):
            return False

    return holds


def geo_holds(node: Geo, value: Json) -> bool:
    """Tell whether the geometry `value` satisfies `node`. See `compile_geo`."""
    return compile_geo(node)(value)


def _relation(node: Geo) -> Callable[[Json], bool]:
    reference = shape(node.geometry)
    shapely.prepare(reference)
    match node.relation:
        case "within":
            return lambda value: bool(reference.contains(shape(value)))
        case "contains":
            return lambda value: bool(reference.within(shape(value)))
        case "intersects":
            return lambda value: bool(reference.intersects(shape(value)))
        case "disjoint":
            return lambda value: bool(reference.disjoint(shape(value)))
        case "overlaps":
            return lambda value: bool(reference.overlaps(shape(value)))
        case "equals":
            return lambda value: bool(reference.equals(shape(value)))
    raise ValueError(f"unknown relation {node.relation!r}")


def _near(node: Geo) -> Callable[[Json], bool]:
    metres = node.distance or 0.0
    metres_to = metres_from(node.geometry)
    if node.maximum:
        return lambda value: metres_to(value) <= metres
    return lambda value: metres < metres_to(value) < inf


def metres_from(reference: Json) -> Callable[[Json], float]:
    """Return the function that measures from `reference` to a geometry in metres.

    What is tangled is infinitely far.
    """
    centre = reference["coordinates"] if reference["type"] == "Point" else None
    measured = shape(reference)
    shapely.prepare(measured)
    line = outline(measured)

    def measure(value: Json) -> float:
        if centre is not None and value["type"] == "Point":
            position = value["coordinates"]
            return haversine(centre[0], centre[1], position[0], position[1])
        try:
            other = shape(value)
        except Tangled:
            return inf
        return 0.0 if measured.intersects(other) else distance(line, outline(other))

    return measure


def shape(geometry: Json) -> Any:
    """Return the shapely geometry, without heights; self-crossing polygons are made valid."""
    coordinates = geometry["coordinates"]
    match geometry["type"]:
        case "Point":
            return shapely.Point(coordinates[:2])
        case "MultiPoint":
            return shapely.MultiPoint(_flat(coordinates))
        case "LineString":
            return shapely.LineString(_flat(coordinates))
        case "MultiLineString":
            return shapely.MultiLineString([_flat(line) for line in coordinates])
        case "Polygon":
            return _valid(_polygon(coordinates))
        case "MultiPolygon":
            return _valid(shapely.MultiPolygon([_polygon(rings) for rings in coordinates]))
    raise ValueError(f"unknown geometry {geometry['type']!r}")


def _flat(positions: list[list[float]]) -> list[list[float]]:
    return [position[:2] for position in positions]


def _polygon(rings: list[list[list[float]]]) -> Any:
    return shapely.Polygon(_flat(rings[0]), [_flat(ring) for ring in rings[1:]])


class Tangled(ValueError):
    """The rings of a polygon cross so often that it would take very long to make it valid."""


def _valid(geometry: Any) -> Any:
    if geometry.is_valid:
        return geometry
    if _is_tangled(geometry):
        raise Tangled
    return shapely.make_valid(geometry, method="structure", keep_collapsed=True)


def _is_tangled(geometry: Any) -> bool:
    """Tell whether many edges may cross others, by the boxes around some of them."""
    rings = map(shapely.get_coordinates, shapely.get_rings(shapely.get_parts(geometry)))
    ends = [np.stack([ring[:-1], ring[1:]], axis=1) for ring in rings]
    if not ends:
        return False
    edges: Any = shapely.linestrings(np.concatenate(ends))
    asked = edges[:: max(1, len(edges) // _ASKED)]
    met = shapely.STRtree(edges).query(asked).shape[1] * len(edges) / len(asked)
    return bool(met > _TANGLED + _MEETING * len(edges))
