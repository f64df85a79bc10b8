"""The base dates of the law on prepaid payment."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.kijiko.reports.base_dates import TOKYO, base_date


@pytest.mark.parametrize(
    ("day", "base", "due"),
    [
        ("2026-03-31", "2026-03-31", "2026-05-31"),
        ("2026-09-29", "2026-03-31", "2026-05-31"),
        ("2026-09-30", "2026-09-30", "2026-11-30"),
        ("2027-03-30", "2026-09-30", "2026-11-30"),
    ],
)
def test_base_dates_are_the_ends_of_march_and_september(day, base, due):
    found = base_date(date.fromisoformat(day))
    assert (found.day, found.report_due) == (date.fromisoformat(base), date.fromisoformat(due))


def test_half_year_runs_from_the_end_of_one_base_date_to_the_end_of_the_next():
    found = base_date(date(2026, 9, 30))
    assert found.at == datetime(2026, 10, 1, tzinfo=TOKYO)
    assert found.before.at == datetime(2026, 4, 1, tzinfo=TOKYO)


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_every_day_belongs_to_one_half_year(day):
    found = base_date(day)
    assert found.before < found
    assert found.day <= day < date(found.day.year + 1, found.day.month, 1)
    assert base_date(found.day) == found
