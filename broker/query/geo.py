"""Geographic conditions: parameters → AST, and the exact test (§4.10).

`within`, `contains`, `intersects`, `equals`, `disjoint` and `overlaps` are the OGC relations of
the entity's geometry to the reference, in the plane of longitude and latitude; touching the
border is not being within. `near` measures on the sphere (`broker.query.sphere`) to the closest
point of both geometries, zero where they meet; holes of polygons are outside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from math import asin, cos, degrees, inf, radians, sin
from typing import Any, Final, NoReturn, TypeAlias

import numpy as np
import orjson
import shapely
from shapely import errors as shapely_errors

from broker.errors import BadRequestData, MachiError, TooComplexQuery
from broker.model.geometry import GEOMETRIES, parse_geometry
from broker.query.ast import Geo
from broker.query.faults import refuse
from broker.query.sphere import RADIUS, distance, haversine, outline

Json: TypeAlias = Any
Box: TypeAlias = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

RELATIONS: Final = ("within", "contains", "intersects", "equals", "disjoint", "overlaps")
MAX_COORDINATES: Final = 200_000
"""Characters of `coordinates`."""
_ASKED: Final = 256
_TANGLED: Final = 20_000
_MEETING: Final = 20
"""Edges of a polygon that are looked at, and boxes of edges that may meet: in all, and by edge."""
MAX_POSITIONS: Final = 2_000

_NEAR = re.compile(r"near;(maxDistance|minDistance)==([0-9.eE+\-]+)")
_GEOREL_REMEDY = (
    f"Use near;maxDistance==<metres>, near;minDistance==<metres> or one of {', '.join(RELATIONS)}."
)
_SLACK = 1e-9
_BULGE = 2e-5
"""Radians by which the arcs of two long edges, as `sphere` measures them, leave their boxes."""


def parse_geo(
    georel: str | None,
    geometry: str | None,
    coordinates: str | list[Any] | None,
    geoproperty: str | None,
    expand: Callable[[str], str],
    *,
    place: str = "query:",
) -> Geo:
    """Parse the four parameters of a geographic query.

    `coordinates` is JSON text or, from a request body, the array itself. `geoproperty` is by
    default `location`. `place` is the prefix errors name parameters with. Raises BadRequestData.
    """
    given = {"georel": georel, "geometry": geometry, "coordinates": coordinates}
    for name, value in given.items():
        if value is None:
            refuse(
                f"{name} is missing.",
                place=place + name,
                remedy="A geographic query needs georel, geometry and coordinates together.",
            )
    relation, metres, maximum = _parse_georel(str(georel), place + "georel")
    if geometry not in GEOMETRIES:
        refuse(
            f"{str(geometry)[:60]!r} is no type of geometry.",
            place=place + "geometry",
            remedy=f"Use one of {', '.join(sorted(GEOMETRIES))}.",
        )
    reference = parse_reference(str(geometry), coordinates, place + "coordinates")
    try:
        attribute = expand("location" if geoproperty is None else geoproperty)
    except MachiError as error:
        refuse(error.detail, place=place + "geoproperty", remedy=error.remedy)
    return Geo(attribute, relation, reference, metres, maximum)


def _parse_georel(text: str, place: str) -> tuple[str, float | None, bool]:
    if text in RELATIONS:
        return text, None, True
    match = _NEAR.fullmatch(text)
    if match is None:
        refuse(f"{text[:60]!r} is no geographic relation.", place=place, remedy=_GEOREL_REMEDY)
    try:
        metres = float(match.group(2))
    except ValueError:
        metres = inf
    if not 0 < metres < inf:
        refuse(
            f"{match.group(2)[:60]!r} is no distance.",
            place=place,
            remedy="Give a positive number of metres: near;maxDistance==2000.",
        )
    return "near", metres, match.group(1) == "maxDistance"


def parse_reference(kind: str, coordinates: Any, place: str) -> dict[str, Any]:
    """Return a reference geometry from its type and its coordinates, an array or its JSON text.

    Raises BadRequestData, and TooComplexQuery for one of too many positions.
    """
    if kind not in GEOMETRIES:
        refuse(
            f"{kind[:60]!r} is no type of geometry.",
            place=place,
            remedy=f"Use one of {', '.join(sorted(GEOMETRIES))}.",
        )
    if isinstance(coordinates, str):
        if len(coordinates) > MAX_COORDINATES:
            _too_complex(place)
        try:
            coordinates = orjson.loads(coordinates)
        except ValueError:
            refuse(
                "the coordinates are no JSON array of finite numbers.",
                place=place,
                remedy="For example coordinates=[130.76,32.21] for a Point: longitude first.",
            )
    try:
        geometry = parse_geometry({"type": kind, "coordinates": coordinates}, place)
    except BadRequestData as error:
        # The geometry was put together here: the client knows only its coordinates.
        error.place = error.place.replace(place + "/coordinates", place, 1)
        raise
    if _count(geometry["coordinates"]) > MAX_POSITIONS:
        _too_complex(place)
    try:
        _shape(geometry)
    except Tangled:
        refuse(
            "the rings of the polygon cross each other, or themselves, too often.",
            place=place,
            remedy="Give the outline in order, corner after corner.",
        )
    return geometry


def _too_complex(place: str) -> NoReturn:
    raise TooComplexQuery(
        f"The reference geometry has more than {MAX_POSITIONS} positions.",
        place=place,
        remedy="Simplify the geometry.",
    )


def _count(coordinates: Any) -> int:
    return 1 if not isinstance(coordinates[0], list) else sum(map(_count, coordinates))


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
    reference = _shape(node.geometry)
    shapely.prepare(reference)
    match node.relation:
        case "within":
            return lambda value: bool(reference.contains(_shape(value)))
        case "contains":
            return lambda value: bool(reference.within(_shape(value)))
        case "intersects":
            return lambda value: bool(reference.intersects(_shape(value)))
        case "disjoint":
            return lambda value: bool(reference.disjoint(_shape(value)))
        case "overlaps":
            return lambda value: bool(reference.overlaps(_shape(value)))
        case "equals":
            return lambda value: bool(reference.equals(_shape(value)))
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
    shape = _shape(reference)
    shapely.prepare(shape)
    line = outline(shape)

    def measure(value: Json) -> float:
        if centre is not None and value["type"] == "Point":
            position = value["coordinates"]
            return haversine(centre[0], centre[1], position[0], position[1])
        try:
            other = _shape(value)
        except Tangled:
            return inf
        return 0.0 if shape.intersects(other) else distance(line, outline(other))

    return measure


def _shape(geometry: Json) -> Any:
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


@lru_cache(maxsize=64)
def metres_from_json(reference: bytes | str) -> Callable[[Json], float]:
    """Return what measures from a geometry, given as JSON text, in metres."""
    return metres_from(orjson.loads(reference))


@lru_cache(maxsize=256)
def holds_json(condition: bytes | str) -> Callable[[Json], bool]:
    """Return the test of a condition written by `to_json`; remembered for the next row."""
    return compile_geo(Geo(**orjson.loads(condition)))


def to_json(node: Geo) -> str:
    """Return a condition as JSON text, to travel as a parameter of an SQL statement."""
    return orjson.dumps(
        {
            "attribute": node.attribute,
            "relation": node.relation,
            "geometry": node.geometry,
            "distance": node.distance,
            "maximum": node.maximum,
        }
    ).decode()


def bounding_boxes(node: Geo) -> tuple[Box, ...] | None:
    """Return boxes one of which the box of every geometry that satisfies `node` meets.

    None where a box cannot narrow the search: `disjoint`, minDistance, or a reach that covers
    most of the Earth. A reach across the antimeridian gives two boxes; one that touches a pole
    spans all longitudes.
    """
    if node.relation == "disjoint" or (node.relation == "near" and not node.maximum):
        return None
    positions = list(_positions(node.geometry["coordinates"]))
    west, east = min(x for x, _ in positions), max(x for x, _ in positions)
    south, north = min(y for _, y in positions), max(y for _, y in positions)
    if node.relation != "near":
        return ((west, south, east, north),)
    reach = (node.distance or 0.0) / RADIUS * (1 + _SLACK) + _BULGE
    if reach >= radians(90):
        return None
    up = degrees(reach)
    furthest = max(abs(south), abs(north))
    south, north = max(-90.0, south - up), min(90.0, north + up)
    if furthest + up >= 90:
        return ((-180.0, south, 180.0, north),)
    aside = degrees(asin(min(1.0, sin(reach) / cos(radians(furthest))))) * (1 + _SLACK) + _SLACK
    west, east = west - aside, east + aside
    if east - west >= 360:
        return ((-180.0, south, 180.0, north),)
    if west < -180:
        return ((west + 360, south, 180.0, north), (-180.0, south, east, north))
    if east > 180:
        return ((west, south, 180.0, north), (-180.0, south, east - 360, north))
    return ((west, south, east, north),)


def _positions(coordinates: Any) -> Iterator[tuple[float, float]]:
    if isinstance(coordinates[0], list):
        for part in coordinates:
            yield from _positions(part)
    else:
        yield coordinates[0], coordinates[1]
