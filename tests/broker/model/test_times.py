"""Times: texts of a DateTime, and the integers history counts by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.times import is_datetime, is_plain, microseconds, sortable, timestamp

TIMES = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)
FRACTIONS = st.one_of(
    st.just(""),
    st.builds(
        lambda mark, digits: mark + digits,
        st.sampled_from(".,"),
        st.text("059", min_size=1, max_size=6),
    ),
)


@given(TIMES)
def test_a_timestamp_is_a_datetime_of_the_same_time(time: int) -> None:
    text = timestamp(time)
    assert is_datetime(text)
    assert microseconds(text) == time


@given(FRACTIONS)
def test_plain_is_what_a_timestamp_would_be(fraction: str) -> None:
    text = f"2020-07-04T06:00:00{fraction}Z"
    assert is_plain(text) == (timestamp(microseconds(text)) == text)


@given(TIMES, TIMES)
def test_integers_are_in_the_order_of_sortable_texts(one: int, other: int) -> None:
    assert (one < other) == (sortable(timestamp(one)) < sortable(timestamp(other)))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.5Z", 500_000),
        ("1970-01-01T00:00:01,000001Z", 1_000_001),
        ("1969-12-31T23:59:59Z", -1_000_000),
    ],
)
def test_microseconds_are_counted_from_1970(text: str, time: int) -> None:
    assert microseconds(text) == time
