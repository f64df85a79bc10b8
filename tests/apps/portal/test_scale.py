"""The gauge's scale and the sketch map."""

from hypothesis import given
from hypothesis import strategies as st

from apps.portal.scale import HEIGHT, WIDTH, Sketch, gauge_scale

STATION = {
    "id": "urn:a:b",
    "type": "RiverLevelStation",
    "cautionLevel": {"type": "Property", "value": 3.0},
    "dangerLevel": {"type": "Property", "value": 3.4},
}


@given(level=st.none() | st.floats(-5, 40))
def test_everything_drawn_lies_on_the_scale(level: float | None):
    scale = gauge_scale(STATION, level)
    assert 0 <= scale["waterY"] <= HEIGHT
    assert abs(scale["waterY"] + scale["waterHeight"] - HEIGHT) < 0.11
    assert all(0 <= mark["y"] <= HEIGHT for mark in scale["marks"])


def test_water_at_a_threshold_reaches_its_mark():
    scale = gauge_scale(STATION, 3.4)
    assert scale["waterY"] == next(m["y"] for m in scale["marks"] if m["step"] == "danger")


places = st.lists(
    st.tuples(st.floats(130.0, 131.0), st.floats(32.0, 33.0)), min_size=1, max_size=20
)


@given(places=places)
def test_every_place_lies_on_its_sketch(places: list[tuple[float, float]]):
    sketch = Sketch(places)
    for place in places:
        x, y = sketch.point(place)
        assert 0 <= x <= WIDTH
        assert 0 <= y <= sketch.height


def test_north_is_up():
    sketch = Sketch([(130.0, 32.0), (130.1, 32.1)])
    assert sketch.point((130.0, 32.1))[1] < sketch.point((130.0, 32.0))[1]
