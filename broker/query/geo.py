"""Geographic conditions: parameters → AST, and the boxes that narrow a search (§4.10).

`within`, `contains`, `intersects`, `equals`, `disjoint` and `overlaps` are the OGC relations of
the entity's geometry to the reference, in the plane of longitude and latitude; touching the
border is not being within. `near` measures on the sphere to the closest point of both geometries,
zero where they meet; holes of polygons are outside. The exact test is in `broker.query.shapes`,
which is loaded when the first reference is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from math import asin, cos, degrees, inf, radians, sin
from typing import Any, Final, NoReturn, TypeAlias

import orjson

from broker.errors import BadRequestData, MachiError, TooComplexQuery
from broker.model.geometry import GEOMETRIES, parse_geometry
from broker.query.ast import Geo
from broker.query.faults import refuse
from broker.query.great_circle import RADIUS

Json: TypeAlias = Any
Box: TypeAlias = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

RELATIONS: Final = ("within", "contains", "intersects", "equals", "disjoint", "overlaps")
MAX_COORDINATES: Final = 200_000
"""Characters of `coordinates`."""
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
    if _is_tangled(geometry):
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


def _is_tangled(geometry: Json) -> bool:
    """Tell whether the rings of polygons cross too often to be made valid."""
    # Loaded for all references: it may not count as a part of the time of the query that is read.
    from broker.query.shapes import Tangled, shape

    if "Polygon" not in geometry["type"]:
        return False
    try:
        shape(geometry)
    except Tangled:
        return True
    return False


def _count(coordinates: Any) -> int:
    return 1 if not isinstance(coordinates[0], list) else sum(map(_count, coordinates))


@lru_cache(maxsize=64)
def metres_from_json(reference: bytes | str) -> Callable[[Json], float]:
    """Return what measures from a geometry, given as JSON text, in metres."""
    from broker.query.shapes import metres_from

    return metres_from(orjson.loads(reference))


@lru_cache(maxsize=256)
def holds_json(condition: bytes | str) -> Callable[[Json], bool]:
    """Return the test of a condition written by `to_json`; remembered for the next row."""
    from broker.query.shapes import compile_geo

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
