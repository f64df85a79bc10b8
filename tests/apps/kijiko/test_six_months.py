"""How long money is good: six months after the day of issue, by the calendar of Tokyo.

The Civil Code counts months by the calendar (民法 第143条): a period ends with the day before the
one that corresponds to its first day, or with the month where there is no such day. The day of an
event is no part of it unless it begins at midnight (第140条).
"""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.kijiko.ledger.lots import Lot, LotKind, today
from apps.kijiko.ledger.rules import Rules, rules_from

DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
AFTER, WITH = Rules(""), Rules("", first_day=True)
DAY = timedelta(days=1)


def _civil(first: date) -> date:
    """Return the last day of six months of which `first` is the first day (第143条)."""
    year, month = first.year + (first.month + 5) // 12, (first.month + 5) % 12 + 1
    length = monthrange(year, month)[1]
    if first.day > length:
        return date(year, month, length)
    return date(year, month, first.day) - DAY


@pytest.mark.parametrize(
    ("issued", "last"),
    [
        ("2026-11-27", "2027-05-27"),
        ("2026-08-31", "2027-02-28"),
        ("2027-08-31", "2028-02-29"),
        ("2027-08-30", "2028-02-29"),
        ("2027-08-29", "2028-02-29"),
        ("2027-08-28", "2028-02-28"),
        ("2028-02-29", "2028-08-29"),
        ("2099-08-31", "2100-02-28"),
        ("2026-12-31", "2027-06-30"),
        ("2026-10-31", "2027-04-30"),
        ("2027-01-01", "2027-07-01"),
        ("2026-07-01", "2027-01-01"),
    ],
)
def test_money_is_good_until_the_same_day_six_months_later_or_the_months_last(issued, last):
    assert AFTER.last_day(date.fromisoformat(issued)) == date.fromisoformat(last)


@given(DAYS)
def test_money_is_never_good_for_longer_than_the_civil_code_counts(issued):
    assert AFTER.last_day(issued) <= _civil(issued + DAY)


@given(DAYS)
def test_money_is_good_as_long_as_the_civil_code_counts_but_for_the_ends_of_short_months(issued):
    lost = _civil(issued + DAY) - AFTER.last_day(issued)
    last_of_month = (issued + DAY).day == 1
    assert lost == timedelta() or (last_of_month and lost <= 3 * DAY)


@given(DAYS)
def test_a_currency_can_count_the_day_of_issue_too(issued):
    assert WITH.last_day(issued) == _civil(issued)


@given(DAYS)
def test_what_is_issued_later_does_not_end_earlier(issued):
    for rules in (AFTER, WITH):
        assert rules.last_day(issued) <= rules.last_day(issued + DAY)


@pytest.mark.parametrize(("counted", "last"), [("issue", 27), ("dayOfIssue", 26)])
def test_currency_says_from_when_it_counts(counted, last):
    rule = {"kind": "months", "value": 6, "from": counted}
    entity = {
        "id": "urn:ngsi-ld:LocalCurrency:x",
        "expiryRule": {"type": "Property", "value": rule},
    }
    assert rules_from(entity).last_day(date(2026, 11, 27)) == date(2027, 5, last)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2027, 2, 28, 14, 59, 59, tzinfo=UTC), date(2027, 2, 28)),
        (datetime(2027, 2, 28, 15, 0, 0, tzinfo=UTC), date(2027, 3, 1)),
    ],
)
def test_days_are_those_of_tokyo(moment, day):
    assert today(moment) == day


def test_a_lot_ends_when_its_last_day_is_over_in_tokyo():
    lot = Lot(date(2028, 2, 29), LotKind.MONEY)
    assert lot.ends == datetime(2028, 2, 29, 15, tzinfo=UTC)
