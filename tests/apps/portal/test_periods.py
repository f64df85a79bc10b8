"""Which stretch of time a level page shows."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.portal.periods import LENGTHS, MOST, UnclearPeriod, moment_of, period_of

NOW = datetime(2026, 7, 4, 3, 7, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NAMED = [("day", "PT10M"), ("week", "PT30M"), ("month", "PT2H"), ("year", "P1D")]


@pytest.mark.parametrize(("name", "duration"), NAMED)
def test_named_period_ends_now_in_spans_that_fit_a_screen(name: str, duration: str):
    period = period_of({"period": name}, NOW)
    assert (period.end, period.duration) == (NOW, duration)
    assert timedelta() <= period.length - LENGTHS[name] < period.step


def test_named_period_may_end_or_begin_at_a_time_instead():
    ends = period_of({"period": "week", "to": "2020-07-08T00:00"}, NOW)
    begins = period_of({"period": "week", "from": "2020-07-01T00:00"}, NOW)
    assert (ends.start, ends.end) == (begins.start, begins.end)
    assert ends.end == datetime(2020, 7, 7, 15, tzinfo=UTC)


def test_days_are_those_of_japan():
    period = period_of({"period": "year"}, NOW)
    assert (period.start.hour, period.start.minute) == (15, 0)


def test_period_of_its_own_is_what_its_fields_say_in_japans_time():
    asked = {"from": "2020-07-04T00:00", "to": "2020-07-03T21:00:00Z"}
    period = period_of(asked, NOW)
    assert period.start == datetime(2020, 7, 3, 15, tzinfo=UTC)
    assert period.end == datetime(2020, 7, 3, 21, tzinfo=UTC)
    assert period.duration == "PT1M"


UNCLEAR = [
    ({"period": "own"}, "period_no_from"),
    ({"period": "decade"}, "period_unknown"),
    ({"from": "yesterday"}, "period_no_time"),
    ({"from": "0001-01-01T00:00"}, "period_no_time"),
    ({"from": "1700-01-01T00:00"}, "period_no_time"),
    ({"from": "2026-01-02T00:00", "to": "2026-01-01T00:00"}, "period_length"),
    ({"from": "2026-01-01T00:00", "to": "2026-01-01T00:09"}, "period_length"),
    ({"from": "1801-01-01T00:00"}, "period_length"),
]


@pytest.mark.parametrize(("asked", "why"), UNCLEAR)
def test_what_is_no_stretch_of_time_is_refused_with_a_reason(asked: dict[str, str], why: str):
    with pytest.raises(UnclearPeriod) as refusal:
        period_of(asked, NOW)
    assert refusal.value.why == why


def test_moment_to_come_is_taken_for_now():
    assert moment_of("2031-01-01T00:00", NOW) == NOW


TIMES = st.integers(0, 199 * 365 * 24 * 60).map(lambda n: (NOW - n * MINUTE).isoformat())


@given(TIMES, TIMES)
def test_no_period_has_more_spans_than_fit(one: str, two: str):
    asked = {"from": min(one, two), "to": max(one, two)}
    try:
        period = period_of(asked, NOW)
    except UnclearPeriod:
        return
    assert period.length / period.step <= MOST + 1
    assert period.start <= moment_of(asked["from"], NOW) < period.start + period.step
