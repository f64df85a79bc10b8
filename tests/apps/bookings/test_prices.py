"""Prices: whole yen, the first that applies, reductions by right."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.bookings.core.prices import BadPrices, fee, needs_approval, read_prices
from apps.bookings.core.when import TOKYO, Span

TOLD = [
    {"amountJPY": 500, "days": ["Sa", "Su", "PH"]},
    {"amountJPY": 450, "from": "18:00", "to": "24:00"},
    {"amountJPY": 300},
]
RULES = {"reductions": {"minor": {"percent": 50}, "welfare": {"percent": 0}}}
PRICES = read_prices(TOLD, RULES)


def span(text: str, hours: float) -> Span:
    start = datetime.fromisoformat(text).replace(tzinfo=TOKYO)
    return Span(start, start + timedelta(hours=hours))


@pytest.mark.parametrize(
    ("when", "yen"),
    [
        (span("2026-12-01 09:00", 2), 600),
        (span("2026-12-01 17:00", 2), 750),
        (span("2026-12-01 17:30", 1), 370),
        (span("2026-12-05 18:00", 2), 1000),
        (span("2026-11-03 09:00", 1), 500),
        (span("2026-12-04 23:00", 2), 950),
    ],
)
def test_each_half_hour_costs_what_its_time_costs(when, yen):
    assert fee(PRICES, when) == yen


def test_reduction_is_of_the_whole_and_rounded_down():
    assert fee(PRICES, span("2026-12-01 17:30", 1), "minor") == 180
    assert fee(PRICES, span("2026-12-01 17:30", 1), "welfare") == 0
    with pytest.raises(BadPrices):
        fee(PRICES, span("2026-12-01 17:30", 1), "friend")


def test_reduction_is_agreed_to_by_staff_where_it_does_not_say_that_it_needs_no_proof():
    told = {"a": {"percent": 0}, "b": {"percent": 0, "approval": False}}
    prices = read_prices([], {"reductions": told})
    assert [needs_approval(prices, one) for one in ("a", "b", "")] == [True, False, False]
    with pytest.raises(BadPrices):
        read_prices([], {"reductions": {"a": {"percent": 0, "approval": "no"}}})


def test_price_for_a_booking_is_taken_once():
    prices = read_prices([{"amountJPY": 1200, "unit": "booking"}], {})
    assert fee(prices, span("2026-12-01 09:00", 3)) == 1200


def test_season_may_run_over_the_turn_of_the_year():
    prices = read_prices(
        [{"amountJPY": 400, "season": {"from": "12-01", "to": "03-31"}}, {"amountJPY": 100}], {}
    )
    days = ["2026-11-30", "2026-12-01", "2027-03-31", "2027-04-01"]
    assert [fee(prices, span(f"{day} 09:00", 1)) for day in days] == [100, 400, 400, 100]


@pytest.mark.parametrize(
    "told",
    [{"amountJPY": 1.5}, {"amountJPY": -1}, {"amountJPY": True}, {},
     {"amountJPY": 1, "unit": "day"},
     {"amountJPY": 1, "season": {"from": "02-30", "to": "03-01"}}],
)  # fmt: skip
def test_prices_that_cannot_be_are_refused(told):
    with pytest.raises(BadPrices):
        read_prices([told], {})


@given(st.integers(0, 40), st.integers(1, 12), st.integers(1, 12))
def test_two_bookings_cost_what_one_over_both_does_but_for_rounding(start, first, second):
    begin = span("2026-12-01 00:00", 1).start + timedelta(minutes=30 * start)
    middle = begin + timedelta(minutes=30 * first)
    end = middle + timedelta(minutes=30 * second)
    apart = fee(PRICES, Span(begin, middle)) + fee(PRICES, Span(middle, end))
    assert 0 <= fee(PRICES, Span(begin, end)) - apart < 2 * PRICES.round_to
