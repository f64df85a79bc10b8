"""National holidays as the cabinet office has announced them."""

from datetime import date

import pytest

from apps.bookings.core.holidays import LAST_YEAR, holiday

ANNOUNCED = {
    2020: "01-01 01-13 02-11 02-23 02-24 03-20 04-29 05-03 05-04 05-05 05-06 07-23 07-24 08-10 "
    "09-21 09-22 11-03 11-23",
    2021: "01-01 01-11 02-11 02-23 03-20 04-29 05-03 05-04 05-05 07-22 07-23 08-08 08-09 09-20 "
    "09-23 11-03 11-23",
    2024: "01-01 01-08 02-11 02-12 02-23 03-20 04-29 05-03 05-04 05-05 05-06 07-15 08-11 08-12 "
    "09-16 09-22 09-23 10-14 11-03 11-04 11-23",
    2025: "01-01 01-13 02-11 02-23 02-24 03-20 04-29 05-03 05-04 05-05 05-06 07-21 08-11 09-15 "
    "09-23 10-13 11-03 11-23 11-24",
    2026: "01-01 01-12 02-11 02-23 03-20 04-29 05-03 05-04 05-05 05-06 07-20 08-11 09-21 09-22 "
    "09-23 10-12 11-03 11-23",
    2027: "01-01 01-11 02-11 02-23 03-21 03-22 04-29 05-03 05-04 05-05 07-19 08-11 09-20 09-23 "
    "10-11 11-03 11-23",
}


@pytest.mark.parametrize("year", ANNOUNCED)
def test_year_has_the_announced_holidays_and_no_others(year):
    days = (date.fromordinal(n) for n in range(date(year, 1, 1).toordinal(),
                                               date(year + 1, 1, 1).toordinal()))  # fmt: skip
    assert [f"{day:%m-%d}" for day in days if holiday(day)] == ANNOUNCED[year].split()


def test_a_day_between_two_holidays_is_one_by_its_own_name():
    assert holiday(date(2026, 9, 22)) == ("国民の休日", "Citizens' holiday")
    assert holiday(date(2026, 5, 6)) == ("振替休日", "Substitute holiday")


def test_year_without_a_table_is_refused():
    with pytest.raises(ValueError, match="no table"):
        holiday(date(LAST_YEAR + 1, 1, 1))
