"""Batteries and clocks: how they are, and when somebody must go there."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.keys.watch import Need, battery, clock, reaches

NOW = datetime(2026, 12, 5, tzinfo=UTC)
DAY = timedelta(days=1)


def lock(seen: datetime = NOW, **values: Any) -> dict[str, Any]:
    return {name: {"value": part, "observedAt": seen.isoformat()} for name, part in values.items()}


def test_steady_fall_is_foretold():
    samples = [(NOW - n * DAY, 0.5 + n * 0.01) for n in range(30, -1, -1)]
    until = reaches(samples, 0.2)
    assert until is not None
    assert abs(until - (NOW + 30 * DAY)) < timedelta(minutes=1)


@given(st.floats(0.001, 0.05), st.integers(4, 60), st.floats(0.3, 1.0))
def test_forecast_of_a_straight_line_is_where_it_meets_the_limit(
    fall: float, days: int, first: float
):
    samples = [(NOW + n * DAY, first - fall * n) for n in range(days)]
    until = reaches(samples, 0.2)
    assert until is not None
    assert abs((until - NOW) / DAY - (first - 0.2) / fall) < 0.01


@pytest.mark.parametrize(
    "samples",
    [
        [],
        [(NOW, 0.5)],
        [(NOW - DAY, 0.9), (NOW, 0.1)],
        [(NOW - 9 * DAY, 0.5), (NOW, 0.5)],
        [(NOW - 9 * DAY, 0.5), (NOW, 0.9)],
    ],
    ids=["none", "one", "too short", "level", "rising"],
)
def test_what_does_not_fall_long_enough_foretells_nothing(samples: list[Any]):
    assert reaches(samples, 0.2) is None


@pytest.mark.parametrize(("level", "need"), [(0.9, Need.GOOD), (0.19, Need.SOON), (0.09, Need.NOW)])
def test_low_battery_is_wanted_soon_and_then_at_once(level: float, need: Need):
    assert battery(lock(batteryLevel=level), [], NOW).need is need


def test_battery_that_will_be_low_within_a_month_is_wanted_soon():
    samples = [(NOW - n * DAY, 0.4 + n * 0.01) for n in range(30, -1, -1)]
    assert battery(lock(batteryLevel=0.4), samples, NOW).need is Need.SOON


def test_lock_that_has_been_silent_for_a_day_is_unknown_and_not_well():
    assert battery(lock(NOW - 25 * timedelta(hours=1), batteryLevel=0.9), [], NOW).need is (
        Need.UNKNOWN
    )
    assert battery(lock(), [], NOW).need is Need.UNKNOWN


def test_box_without_network_is_believed_for_half_a_year_after_a_visit():
    box = lock(NOW - 170 * DAY, batteryLevel=0.9, connectivity="offlineAlgorithmic")
    assert battery(box, [], NOW).need is Need.GOOD
    assert battery(box, [], NOW + 11 * DAY).need is Need.UNKNOWN


def test_clock_drifts_on_as_between_the_last_visits():
    """Fifteen seconds in 180 days: 300 seconds are reached ten years after the last visit."""
    visits = [(NOW - 190 * DAY, 3.0), (NOW - 10 * DAY, 15.0)]
    box = lock(NOW - 10 * DAY, clockDriftSeconds=15, connectivity="offlineAlgorithmic")
    told = clock(box, visits, NOW)
    assert told is not None
    assert (told.need, told.value) == (Need.GOOD, 15)
    assert told.until is not None
    assert abs(told.until - (NOW + 3590 * DAY)) < DAY


def test_clock_that_will_be_too_wrong_within_a_month_is_wanted_soon():
    visits = [(NOW - 200 * DAY, 0.0), (NOW - 100 * DAY, -240.0)]
    told = clock(
        lock(NOW - 100 * DAY, clockDriftSeconds=-240, connectivity="offlineAlgorithmic"),
        visits,
        NOW,
    )
    assert told is not None
    assert told.need is Need.SOON
    late = clock(
        lock(NOW - 100 * DAY, clockDriftSeconds=-240, connectivity="offlineAlgorithmic"),
        visits,
        NOW + 26 * DAY,
    )
    assert late is not None
    assert late.need is Need.NOW


def test_lock_with_a_network_has_no_clock_to_set():
    assert clock(lock(connectivity="online"), [], NOW) is None
