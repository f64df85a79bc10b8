"""Sunset against published figures.

Tokyo: 国立天文台 (NAOJ), for the place its 暦要項 names: sunset at 19:01 from 23 June to 4 July and
at 16:28 from 28 November to 12 December 2016. Osaka: NAOJ, 22 January 2014 and 22 December
2018. Boston: United States Naval Observatory, Sun and Moon Data for One Day, 12 February 2014.
"""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.sun import sunset

JST = timezone(timedelta(hours=9))
EST = timezone(timedelta(hours=-5))
TOKYO = (139.7414, 35.6581)
OSAKA = (135.50, 34.69)
BOSTON = (-71.1, 42.3)


@pytest.mark.parametrize(
    ("place", "zone", "day", "published"),
    [
        (TOKYO, JST, date(2016, 6, 23), "19:01"),
        (TOKYO, JST, date(2016, 7, 4), "19:01"),
        (TOKYO, JST, date(2016, 11, 28), "16:28"),
        (TOKYO, JST, date(2016, 12, 12), "16:28"),
        (OSAKA, JST, date(2014, 1, 22), "17:17"),
        (OSAKA, JST, date(2018, 12, 22), "16:52"),
        (BOSTON, EST, date(2014, 2, 12), "17:12"),
    ],
)
def test_sunset_is_within_a_minute_of_the_published_one(place, zone, day: date, published: str):
    hour, minute = map(int, published.split(":"))
    stated = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    found = sunset(day, *place)
    assert found is not None
    assert abs(found - stated) <= timedelta(minutes=1)


def test_sun_neither_sets_in_a_polar_summer_nor_in_a_polar_night():
    assert sunset(date(2026, 6, 21), 18.95, 69.65) is None
    assert sunset(date(2026, 12, 21), 18.95, 69.65) is None


@given(
    day=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    longitude=st.floats(-180, 180),
    latitude=st.floats(-60, 60),
)
def test_sun_sets_in_the_afternoon_of_the_local_day(day: date, longitude: float, latitude: float):
    found = sunset(day, longitude, latitude)
    assert found is not None
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - timedelta(minutes=4 * longitude)
    assert timedelta(hours=2) < found - noon < timedelta(hours=10)
