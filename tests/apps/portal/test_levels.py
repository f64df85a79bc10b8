"""Which levels the portal keeps of those it sees."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from apps.portal.levels import KEPT, SeenLevels
from broker.client import timestamp

START = datetime(2020, 7, 4, tzinfo=UTC)
STATION = "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"


def station(level: float, minutes: float, **parts: Any) -> dict[str, Any]:
    """Return a station with a level measured so many minutes after the start."""
    at = timestamp(START + timedelta(minutes=minutes))
    instance = {"type": "Property", "value": level, "observedAt": at}
    if origin := parts.pop("provenance", None):
        instance["provenance"] = {"type": "Property", "value": origin}
    attributes = {name: {"type": "Property", "value": part} for name, part in parts.items()}
    return {"id": STATION, "type": "RiverLevelStation", "waterLevel": instance, **attributes}


def test_late_level_finds_its_place_and_a_repeated_one_is_kept_once():
    seen = SeenLevels()
    for level, minutes in ((1.0, 0), (3.0, 20), (2.0, 10), (3.0, 20)):
        seen.take(station(level, minutes))
    assert [point.level for point in seen.points(STATION)] == [1.0, 2.0, 3.0]


def test_new_run_of_a_drill_begins_anew():
    seen = SeenLevels()
    seen.take(station(1.0, 0, drillRun="one"))
    seen.take(station(2.0, 10, drillRun="two"))
    assert [point.level for point in seen.points(STATION)] == [2.0]


def test_origin_is_kept_and_a_doubted_level_is_marked():
    seen = SeenLevels()
    seen.take(station(1.0, 0, provenance="interpolated"))
    seen.take(station(9.9, 10, quality="suspect"))
    seen.take(station(1.1, 20, quality="simulated"))
    origins = [point.origin for point in seen.points(STATION)]
    assert origins == ["interpolated", "doubted", "measured"]


@given(minutes=st.lists(st.floats(0, 3000), max_size=300))
def test_points_are_in_order_of_time_whatever_comes(minutes: list[float]):
    seen = SeenLevels()
    for each in minutes:
        seen.take(station(1.0, each))
    times = [point.at for point in seen.points(STATION)]
    assert times == sorted(set(times))


def test_one_level_a_second_costs_a_bounded_memory_and_the_newest_is_there():
    seen = SeenLevels()
    for second in range(20_000):
        seen.take(station(second / 1000, second / 60))
    points = seen.points(STATION)
    assert len(points) <= KEPT
    assert points[-1].level == 19.999
