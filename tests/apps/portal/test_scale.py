"""The gauge's scale."""

from hypothesis import given
from hypothesis import strategies as st

from apps.portal.scale import HEIGHT, gauge_scale

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
