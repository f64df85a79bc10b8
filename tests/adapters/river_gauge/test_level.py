"""From distance to level, quality and attributes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.contract import Reading
from adapters.river_gauge.level import (
    Mount,
    quality,
    station_attributes,
    water_level,
)


def test_level_is_sensor_height_less_distance():
    assert water_level(Mount(10.5), 6430) == 4.07


@given(height=st.integers(1, 20_000), level=st.integers(0, 20_000))
def test_levels_are_exact_to_the_millimetre(height: int, level: int):
    assert water_level(Mount(height / 1000), height - level) == level / 1000


@pytest.mark.parametrize(
    ("distance", "simulated", "expected"),
    [
        (6430, False, "good"),
        (6430, True, "simulated"),
        (279, False, "outOfRange"),
        (11_501, False, "outOfRange"),
    ],
)
def test_quality_knows_the_dead_band_and_the_river_bed(
    distance: int, simulated: bool, expected: str
):
    assert quality(distance, Mount(10.5, simulated)) == expected


def test_provenance_is_believed_of_simulated_devices_only():
    tags = {"provenance": "interpolated"}
    reading = Reading("eui", "k", "2020-07-03T20:50:00Z", {"distance_mm": 6430}, tags)
    simulated = station_attributes(reading, Mount(10.5, simulated=True))["waterLevel"]
    assert simulated["provenance"]["value"] == "interpolated"
    assert "provenance" not in station_attributes(reading, Mount(10.5))["waterLevel"]


def test_tilted_sensor_sees_farther_than_it_hangs():
    assert water_level(Mount(10.0, tilt=60.0), 8000) == 6.0
