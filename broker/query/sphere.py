"""Metric distances between geometries on a sphere.

Between positions the distance is the great-circle distance (haversine), exact to rounding. An
edge of a line or polygon is straight in longitude and latitude (RFC 7946 §3.1.1); it is cut
into great-circle arcs that lie within 0.1 m of it (within 45 m for edges so long that 1,024
arcs do not suffice, from about 13° on). The distance of two geometries that do not meet is the
least from a position of one to an arc of the other: exact for those arcs, at any latitude,
over the poles and across the antimeridian.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import asin, cos, inf, radians, sin, sqrt
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import shapely

RADIUS: Final = 6_371_008.8
"""Mean radius of the Earth in metres (IUGG)."""

_DEVIATION: Final = 0.1
_MOST_ARCS: Final = 1024
_BLOCK: Final = 16_384

Vectors: TypeAlias = npt.NDArray[np.float64]


def haversine(
    longitude: float, latitude: float, other_longitude: float, other_latitude: float
) -> float:
    """Return the great-circle distance of two positions (degrees) in metres."""
    north, other_north = radians(latitude), radians(other_latitude)
    half_north = sin((other_north - north) / 2)
    half_east = sin(radians(other_longitude - longitude) / 2)
    chord = half_north * half_north + cos(north) * cos(other_north) * half_east * half_east
    return 2 * RADIUS * asin(min(1.0, sqrt(chord)))


@dataclass(frozen=True, slots=True)
class Outline:
    """A geometry's positions and arcs as vectors of the unit sphere.

    `points` is (n, 3). Arc i runs from `starts[i]` to `ends[i]`; `normals[i]` is the unit normal
    of its plane.
    """

    points: Vectors
    starts: Vectors
    ends: Vectors
    normals: Vectors


def outline(geometry: Any) -> Outline:
    """Return the outline of a shapely geometry in degrees."""
    none = np.empty((0, 3))
    points, starts, ends = [none], [none], [none]
    for each in _lines(geometry):
        line = _cut(shapely.get_coordinates(each))
        points.append(line)
        starts.append(line[:-1])
        ends.append(line[1:])
    first, last = np.concatenate(starts), np.concatenate(ends)
    normals = np.cross(first, last)
    length = np.linalg.norm(normals, axis=1)
    real = length > 0
    return Outline(
        np.concatenate(points), first[real], last[real], normals[real] / length[real, None]
    )


def distance(one: Outline, other: Outline) -> float:
    """Return the least distance in metres between two outlines that do not cross."""
    if not len(one.points) or not len(other.points):
        return inf
    chord = min(_to_points(one.points, other.points), _to_arcs(one.points, other))
    if len(one.starts):
        chord = min(chord, _to_arcs(other.points, one))
    return 2 * RADIUS * asin(min(1.0, chord / 2))


def _lines(geometry: Any) -> Iterator[Any]:
    """Yield the points, lines and rings a geometry is made of."""
    if geometry.geom_type == "Polygon":
        yield from shapely.get_rings(geometry)
    elif geometry.geom_type.startswith(("Multi", "Geometry")):
        for part in shapely.get_parts(geometry):
            yield from _lines(part)
    else:
        yield geometry


def _cut(line: Vectors) -> Vectors:
    """Return a line's positions and those of its arcs' ends as unit vectors.

    An arc strays from its edge by at most R/8 (Δλ²/2 + 2ΔλΔφ), on which the number of arcs
    rests; no arc spans more than 30° of latitude.
    """
    steps = np.abs(np.radians(np.diff(line, axis=0)))
    east, north = steps[:, 0], steps[:, 1]
    stray = RADIUS / 8 * east * (east / 2 + 2 * north)
    arcs = np.maximum(np.sqrt(stray / _DEVIATION), north / radians(30))
    counts = np.clip(np.ceil(arcs), 1, _MOST_ARCS).astype(int)
    if counts.size and counts.max() > 1:
        edge = np.repeat(np.arange(len(counts)), counts)
        within = (np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)) / (
            counts[edge]
        )
        cut = line[edge] + (line[edge + 1] - line[edge]) * within[:, None]
        line = np.concatenate([cut, line[-1:]])
    east, north = np.radians(line[:, 0]), np.radians(line[:, 1])
    return np.column_stack(
        [np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)]
    )


def _blocks(points: Vectors, width: int) -> list[Vectors]:
    rows = max(1, _BLOCK // max(1, width))
    return [points[at : at + rows] for at in range(0, len(points), rows)]


def _to_points(points: Vectors, others: Vectors) -> float:
    """Return the least chord between two sets of unit vectors."""
    least = 4.0
    for block in _blocks(points, len(others)):
        square = np.zeros((len(block), len(others)))
        for axis in range(3):
            square += (block[:, axis, None] - others[None, :, axis]) ** 2
        least = min(least, float(square.min()))
    return sqrt(least)


def _to_arcs(points: Vectors, arcs: Outline) -> float:
    """Return the least chord from unit vectors to the insides of arcs; 2 where none is abreast.

    The height over an arc's plane is taken from the arc's start, not from the centre: so the
    normals of short arcs, which are known less exactly, do no harm.
    """
    least = 2.0
    if not len(arcs.starts):
        return least
    forth = np.cross(arcs.normals, arcs.starts)
    back = np.cross(arcs.ends, arcs.normals)
    own = np.einsum("ij,ij->i", arcs.starts, arcs.normals)
    for block in _blocks(points, len(arcs.starts)):
        abreast = (block @ forth.T >= 0) & (block @ back.T >= 0)
        if abreast.any():
            height = np.abs(block @ arcs.normals.T - own)[abreast].min()
            least = min(least, 2 * sin(asin(min(1.0, float(height))) / 2))
    return least
