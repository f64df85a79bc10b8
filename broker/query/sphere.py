"""Metric distances between geometries on a sphere.

Between positions the distance is the great-circle distance (haversine), exact to rounding. An
edge of a line or polygon is straight in longitude and latitude (RFC 7946 §3.1.1); it is cut
into great-circle arcs that lie within 0.1 m of it (within 45 m for edges so long that 1,024
arcs do not suffice, from about 13° on, and for geometries of so many long edges that 200,000 arcs
do not). The distance of two geometries that do not meet is the least from a position of one to an
arc of the other: exact for those arcs, at any latitude, over the poles and across the antimeridian.

Of large geometries runs of positions and of arcs are compared by the balls that hold them, and only
those looked into that can be nearest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import asin, inf, radians, sin, sqrt
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import shapely

from broker.query.great_circle import RADIUS

_DEVIATION: Final = 0.1
_MOST_ARCS: Final = 1024
_MOST_IN_ALL: Final = 200_000
_BLOCK: Final = 16_384
_ALL_AT_ONCE: Final = 16_384
"""Comparisons up to which nothing is gained by balls."""
_RUN: Final = 128
"""Consecutive positions, or arcs, that are held by one ball."""
_SLACK: Final = 1e-7
"""By how much a distance between centres, a root of a difference, may be too large."""

Vectors: TypeAlias = npt.NDArray[np.float64]


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

    def part(self, arcs: slice) -> Outline:
        """Return some of the arcs, without positions."""
        none = np.empty((0, 3))
        return Outline(none, self.starts[arcs], self.ends[arcs], self.normals[arcs])


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
    chord = _points_apart(one.points, other.points)
    for points, arcs in ((one.points, other), (other.points, one)):
        if len(arcs.starts):
            chord = _arcs_apart(points, arcs, chord)
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
    if counts.sum() > _MOST_IN_ALL:
        counts = np.maximum(1, counts * _MOST_IN_ALL // counts.sum())
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


def _points_apart(points: Vectors, others: Vectors) -> float:
    """Return the least chord between two sets of unit vectors."""
    if len(points) * len(others) <= _ALL_AT_ONCE:
        return _to_points(points, others)
    one, other = _Runs.of_points(points), _Runs.of_points(others)
    return _least(one, other, 4.0, lambda i, j: _to_points(points[i], others[j]))


def _arcs_apart(points: Vectors, arcs: Outline, chord: float) -> float:
    """Return the least chord from unit vectors to the insides of arcs, `chord` if that is less."""
    if len(points) * len(arcs.starts) <= _ALL_AT_ONCE:
        return min(chord, _to_arcs(points, arcs))
    one, other = _Runs.of_points(points), _Runs.of_arcs(arcs)
    return _least(one, other, chord, lambda i, j: _to_arcs(points[i], arcs.part(j)))


@dataclass(frozen=True, slots=True)
class _Runs:
    """Balls, by centre and radius, each of which holds a run of positions or arcs."""

    runs: list[slice]
    centres: Vectors
    radii: Vectors

    @classmethod
    def of_points(cls, points: Vectors) -> _Runs:
        return cls._around(points, np.zeros(len(points)))

    @classmethod
    def of_arcs(cls, arcs: Outline) -> _Runs:
        # An arc is never farther from the middle of its chord c than c/2, and c²/4 above it.
        chords = np.linalg.norm(arcs.ends - arcs.starts, axis=1)
        return cls._around((arcs.starts + arcs.ends) / 2, chords / 2 + chords**2 / 4)

    @classmethod
    def _around(cls, middles: Vectors, reach: Vectors) -> _Runs:
        starts = np.arange(0, len(middles), _RUN)
        sizes = np.diff(np.append(starts, len(middles)))
        centres = np.add.reduceat(middles, starts) / sizes[:, None]
        away = np.linalg.norm(middles - np.repeat(centres, sizes, axis=0), axis=1) + reach
        runs = [slice(start, start + _RUN) for start in starts.tolist()]
        return cls(runs, centres, np.maximum.reduceat(away, starts))


def _least(
    one: _Runs, other: _Runs, least: float, between: Callable[[slice, slice], float]
) -> float:
    """Return the least of `least` and what is `between` any two runs, the nearest balls first."""
    square = (one.centres**2).sum(1)[:, None] + (other.centres**2).sum(1)
    apart = np.sqrt(np.maximum(0.0, square - 2 * one.centres @ other.centres.T))
    gaps = (apart - one.radii[:, None] - other.radii - _SLACK).ravel()
    for pair in np.argsort(gaps).tolist():
        if gaps[pair] >= least:
            break
        row, column = divmod(pair, len(other.runs))
        least = min(least, between(one.runs[row], other.runs[column]))
    return least


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
