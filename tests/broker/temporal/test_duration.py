"""Durations and the periods they make (§4.5.19.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import BadRequestData
from broker.model.times import microseconds, timestamp
from broker.temporal.duration import SECOND, Duration, parse_duration

DAY = 86400 * SECOND


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("P3Y6M4DT12H30M5S", Duration(42, 4 * DAY + (12 * 3600 + 30 * 60 + 5) * SECOND)),
        ("PT10M", Duration(0, 600 * SECOND)),
        ("P1M", Duration(1, 0)),
        ("P2W", Duration(0, 14 * DAY)),
        ("PT0S", Duration()),
        ("P0D", Duration()),
    ],
)
def test_a_duration_is_months_and_seconds(text: str, duration: Duration) -> None:
    assert parse_duration(text, place="query:aggrPeriodDuration") == duration


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "1D", "P1", "P1DT", "PT1D", "P1H", "P1WT1H", "P-1D", "P1.5D", "p1d", "P١D",
     "P0001-01-01T00:00:00", "P9999999D"],
)  # fmt: skip
def test_what_is_no_duration_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(BadRequestData) as refused:
        parse_duration(text, place="query:aggrPeriodDuration")
    assert refused.value.place == "query:aggrPeriodDuration"


@pytest.mark.parametrize(("text", "whole"), [("PT0S", True), ("P0Y", True), ("PT1S", False)])
def test_zero_is_the_whole_time_range(text: str, whole: bool) -> None:
    assert parse_duration(text, place="").whole is whole


def test_months_are_counted_from_the_origin_and_end_with_the_month() -> None:
    origin = microseconds("2020-01-31T06:00:00Z")
    month = Duration(1, 0)
    starts = [timestamp(month.after(origin, times))[:10] for times in range(5)]
    assert starts == ["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30", "2020-05-31"]


def test_periods_far_from_their_origin_are_found_at_once() -> None:
    origin, moment = microseconds("0001-01-01T00:00:00Z"), microseconds("9990-06-15T00:00:00Z")
    assert Duration(1, 0).index(origin, moment) == 9989 * 12 + 5
    assert Duration(12, 0).index(origin, moment) == 9989


instants = st.integers(0, microseconds("9990-01-01T00:00:00Z"))
durations = st.builds(Duration, st.integers(0, 30), st.integers(0, 40 * DAY)).filter(
    lambda duration: not duration.whole
)


@given(origin=instants, later=st.integers(0, 400 * 366 * DAY), duration=durations)
def test_each_moment_lies_in_the_period_it_is_said_to_lie_in(
    origin: int, later: int, duration: Duration
) -> None:
    moment = origin + later
    index = duration.index(origin, moment)
    assert index >= 0
    assert duration.after(origin, index) <= moment
    last = microseconds("9999-12-31T23:59:59Z")
    assert moment < duration.after(origin, index + 1) or duration.after(origin, index + 1) == last
