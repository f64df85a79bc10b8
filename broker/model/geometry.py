"""GeoJSON geometries (RFC 7946), checked for form and not for topology (§4.7)."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any, Final

import orjson

from broker.model.limits import check_value
from broker.model.place import At, bad, show

_NESTING = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
GEOMETRIES: Final = frozenset(_NESTING)

_EXAMPLE = (
    'For example {"type": "Point", "coordinates": [130.76, 32.21]}: longitude first, then latitude.'
)


def is_geometry(value: Any) -> bool:
    """Tell whether `value` reads as a geometry: a geometry `type` and `coordinates` (§4.5.2.3)."""
    return (
        type(value) is dict
        and "coordinates" in value
        and type(kind := value.get("type")) is str
        and kind in GEOMETRIES
    )


def parse_geometry(value: Any, at: At) -> dict[str, Any]:
    """Return a geometry, parsed where it came as a JSON string; refuse anything else.

    Checks the type, the nesting of the coordinates, that positions have 2 or 3 finite numbers
    with latitude within ±90 and longitude within ±180, and that rings are closed.
    """
    if type(value) is str:
        try:
            value = orjson.loads(value)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            raise bad(at, f"{show(value)} is not a GeoJSON geometry.", _EXAMPLE) from None
    if not is_geometry(value):
        kind = value.get("type") if type(value) is dict else None
        what = f"a geometry of type {show(kind)}" if type(kind) is str else show(value)
        raise bad(
            at,
            f"A geometry was expected, with its type and coordinates; this is {what}.",
            f"Use one of {', '.join(_NESTING)}. {_EXAMPLE}",
        )
    geometry: dict[str, Any] = value
    coordinates = geometry["coordinates"]
    kind = geometry["type"]
    here = (at, "coordinates")
    if kind == "Point":
        _check_position(coordinates, here)
    else:
        _check_positions(kind, coordinates, here)
    if len(geometry) > 2:
        check_value(geometry, at, nested_nulls=False)
    return geometry


def _check_positions(kind: str, coordinates: Any, at: At) -> None:
    level = [coordinates]
    for depth in range(_NESTING[kind], 0, -1):
        for item in level:
            if type(item) is not list or not item:
                raise _wrong_nesting(kind, at)
            if depth == 1:
                _check_line(kind, item, at)
        level = [item for items in level for item in items]


def _check_line(kind: str, line: list[Any], at: At) -> None:
    for position in line:
        _check_position(position, at)
    if kind.endswith("LineString") and len(line) < 2:
        raise bad(at, "A line needs at least two positions.", "Add a position, or send a Point.")
    if kind.endswith("Polygon") and (len(line) < 4 or line[0] != line[-1]):
        raise bad(
            at,
            "A ring of a polygon must be closed: four or more positions, the last like the first.",
            "Repeat the first position at the end of each ring.",
        )


def _check_position(position: Any, at: At) -> None:
    if type(position) is not list or not 2 <= len(position) <= 3:
        raise bad(
            at,
            f"A position must be an array of two or three numbers; this is {show(position)}.",
            _EXAMPLE,
        )
    for number in position:
        if type(number) not in _NUMBERS or not abs(number) < inf:
            raise bad(at, f"A coordinate must be a number; this is {show(number)}.", _EXAMPLE)
    if not (-180 <= position[0] <= 180 and -90 <= position[1] <= 90):
        raise bad(
            at,
            f"[{position[0]}, {position[1]}] is no place on Earth.",
            "Longitude (-180 to 180) comes first, then latitude (-90 to 90).",
        )


def _wrong_nesting(kind: str, at: At) -> Exception:
    depth = _NESTING[kind]
    return bad(
        at,
        f"The coordinates of a {kind} must be {'[' * (depth + 1)}longitude, latitude], …"
        f"{']' * depth}, with no empty array.",
        "Check the brackets around the coordinates.",
    )


_NUMBERS = frozenset((int, float))


def positions(geometry: Any) -> Iterator[tuple[float, float]]:
    """Yield the positions (longitude, latitude) of a GeoJSON geometry."""
    if not isinstance(geometry, dict):
        return
    for part in geometry.get("geometries", ()):
        yield from positions(part)
    yield from _positions(geometry.get("coordinates"))


def _positions(coordinates: Any) -> Iterator[tuple[float, float]]:
    if not isinstance(coordinates, list) or not coordinates:
        return
    if isinstance(coordinates[0], list):
        for part in coordinates:
            yield from _positions(part)
    elif len(coordinates) > 1:
        yield coordinates[0], coordinates[1]
