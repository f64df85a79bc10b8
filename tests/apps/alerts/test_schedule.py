"""When the lights burn in ordinary times."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.schedule import JST, lit
from apps.alerts.sun import sunset

BRIDGE = [130.766, 32.212]
SCHEME = {"from": "sunset", "to": "22:00"}


@given(day=st.dates(date(2020, 1, 1), date(2040, 1, 1)), second=st.integers(0, 86_399))
def test_bridge_burns_from_sunset_to_ten_at_night(day: date, second: int):
    now = datetime(day.year, day.month, day.day, tzinfo=JST) + timedelta(seconds=second)
    begin = sunset(day, *BRIDGE)
    assert begin is not None
    assert lit(SCHEME, BRIDGE, now) == (begin <= now and now.hour < 22)


@pytest.mark.parametrize(("hour", "burns"), [(17, False), (18, True), (23, True), (5, True)])
def test_span_may_cross_midnight(hour: int, burns: bool):
    schedule = {"from": "18:00", "to": "06:00"}
    assert lit(schedule, BRIDGE, datetime(2026, 7, 4, hour, 30, tzinfo=JST)) is burns


@pytest.mark.parametrize("schedule", [None, {}, {"from": "dusk", "to": "22:00"}, [1], "always"])
def test_without_a_schedule_that_can_be_read_the_light_burns(schedule: object):
    assert lit(schedule, BRIDGE, datetime(2026, 7, 4, 12, tzinfo=JST))
