"""Distances on a sphere: that of large geometries is what comparing all with all would give."""

from collections.abc import Callable
from math import asin, cos, pi, sin
from typing import Any

import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st

from broker.query import sphere
from broker.query.great_circle import RADIUS
from broker.query.sphere import Outline, _to_arcs, _to_points, distance, outline

anywhere = st.tuples(st.floats(-180, 180, width=32), st.floats(-90, 90, width=32))
nearby = st.tuples(st.floats(130, 130.5, width=32), st.floats(32, 32.5, width=32))
lines = st.lists(nearby, min_size=2, max_size=12).map(shapely.LineString)
points = st.lists(anywhere | nearby, min_size=1, max_size=30).map(shapely.MultiPoint)
outlines = st.one_of(lines, lines, points).map(outline)


def plainly(one: Outline, other: Outline) -> float:
    """Return a distance by comparing all with all."""
    chords = [_to_points(one.points, other.points)]
    chords += [_to_arcs(one.points, other), _to_arcs(other.points, one)]
    return 2 * RADIUS * asin(min(1.0, min(chords) / 2))


@given(outlines, outlines, st.sampled_from([1, 3, 16]))
@example(
    outline(shapely.LineString([(0, 0), (12, 0), (12.5, 1)])),
    outline(shapely.LineString([(0, 80), (3, 89), (-3, 89)])),
    3,
)
def test_runs_tell_what_comparing_all_with_all_tells(
    one: Outline, other: Outline, run: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sphere, "_RUN", run)
        patch.setattr(sphere, "_ALL_AT_ONCE", 16)
        found = distance(one, other)
    assert found == pytest.approx(plainly(one, other), rel=1e-9, abs=1e-6)


def circle(x: float, number: int) -> Any:
    """Return a closed line around a place on the equator, of one degree radius."""
    turns = [2 * pi * n / number for n in range(number)]
    return shapely.LinearRing([(x + cos(turn), sin(turn)) for turn in turns])


def counted(patch: pytest.MonkeyPatch, name: str) -> list[int]:
    """Count the comparisons that a function makes."""
    compare: Callable[..., float] = getattr(sphere, name)
    made: list[int] = []

    def counting(points: Any, others: Any) -> float:
        made.append(len(points) * len(others.starts if isinstance(others, Outline) else others))
        return compare(points, others)

    patch.setattr(sphere, name, counting)
    return made


def test_of_large_geometries_little_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [counted(monkeypatch, name) for name in ("_to_points", "_to_arcs")]
    one, other = outline(circle(0, 20_000)), outline(circle(5, 2_000))
    assert distance(one, other) == pytest.approx(3 * 111_195, rel=1e-3)
    assert sum(map(sum, made)) < len(one.points) * len(other.points) / 10


def test_a_geometry_of_many_long_edges_is_not_cut_without_end() -> None:
    edges = shapely.LineString([(-170 if n % 2 else 170, n % 50) for n in range(5_000)])
    assert len(outline(edges).points) < 250_000
