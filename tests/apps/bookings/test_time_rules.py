"""Time rules in Asia/Tokyo: midnight, month ends, leap day, year end, Golden Week, closures."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.bookings.core.hours import BadHours, Closure, Hours, last_office_day, read_hours
from apps.bookings.core.recurring import Series, occurrences
from apps.bookings.core.rules import (
    BadRules,
    NotBookable,
    Rules,
    check,
    closes_at,
    opens_at,
    read_rules,
    refund,
    refund_percent,
)
from apps.bookings.core.when import TOKYO, Span, at, clock_minutes, whole_day

SLOT = timedelta(hours=1)
USUAL = Rules()
DAILY = read_hours([{"days": [*["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]], "opens": "9:00",
                     "closes": "21:00"}], {}, [])  # fmt: skip


def tokyo(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


def hour(text: str, hours: int = 1) -> Span:
    return Span(tokyo(text), tokyo(text) + timedelta(hours=hours))


def why_not(span: Span, now: str, rules: Rules = USUAL, hours: Hours = DAILY) -> str:
    try:
        check(rules, hours, SLOT, span, tokyo(now))
    except NotBookable as refusal:
        return str(refusal)
    return ""


def test_day_opens_for_booking_at_midnight_in_tokyo():
    rules = Rules(days_ahead=30)
    span = hour("2026-05-01 09:00")
    assert opens_at(rules, span.start) == datetime(2026, 3, 31, 15, tzinfo=UTC)
    assert why_not(span, "2026-03-31 23:59:59", rules) == "too_early"
    assert why_not(span, "2026-04-01 00:00:00", rules) == ""


def test_month_ends_and_leap_days_count_as_days():
    assert opens_at(Rules(days_ahead=1), tokyo("2028-03-01 09:00")) == tokyo("2028-02-29 00:00")
    assert opens_at(Rules(days_ahead=1), tokyo("2027-03-01 09:00")) == tokyo("2027-02-28 00:00")
    assert opens_at(Rules(days_ahead=366), tokyo("2029-02-28 09:00")) == tokyo("2028-02-28 00:00")
    assert refund_percent(Rules(), tokyo("2028-03-01 00:00"), tokyo("2028-02-27 23:59")) == 100
    assert refund_percent(Rules(), tokyo("2028-03-01 00:00"), tokyo("2028-02-28 00:00")) == 50


def test_last_office_day_before_golden_week_and_year_end():
    assert last_office_day(date(2026, 5, 7), DAILY) == date(2026, 5, 1)
    assert last_office_day(date(2026, 5, 4), DAILY) == date(2026, 5, 1)
    assert last_office_day(date(2027, 1, 5), DAILY) == date(2027, 1, 4)
    assert last_office_day(date(2027, 1, 4), DAILY) == date(2026, 12, 28)
    assert last_office_day(date(2026, 11, 30), DAILY) == date(2026, 11, 27)


def test_booking_closes_to_the_second_at_five_on_the_last_office_day():
    rules = Rules(office_at=clock_minutes("17:00"))
    monday = hour("2026-11-30 10:00")
    assert closes_at(rules, DAILY, monday.start) == tokyo("2026-11-27 17:00")
    assert why_not(monday, "2026-11-27 16:59:59", rules) == ""
    assert why_not(monday, "2026-11-27 17:00:00", rules) == "too_late"


def test_closing_day_added_later_moves_the_last_office_day():
    closed = Hours(DAILY.openings, closures=(Closure(whole_day(date(2026, 11, 27))),))
    assert last_office_day(date(2026, 11, 30), closed) == date(2026, 11, 26)


def test_space_is_closed_from_29_december_to_3_january():
    assert [DAILY.closed(date(2026, 12, 28) + timedelta(days=n)) for n in range(8)] == [
        None, *["yearEnd"] * 6, None]  # fmt: skip


def test_closing_monday_moves_to_the_next_day_that_is_no_holiday():
    closed = {"weekly": ["Mo"], "afterHoliday": True}
    hours = read_hours([{"days": ["Mo", "Tu", "We", "Th"], "opens": "9:00", "closes": "17:00"}],
                       closed, [])  # fmt: skip
    golden_week = [hours.closed(date(2026, 5, day)) for day in (4, 5, 6, 7, 8)]
    assert golden_week == [None, None, None, "weekly", None]


def test_holiday_hours_take_the_place_of_the_weekdays():
    hours = read_hours(
        [{"days": ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"], "opens": "9:00", "closes": "21:00"},
         {"days": ["PH"], "opens": "9:00", "closes": "17:00"}], {}, [])  # fmt: skip
    assert hours.open_for(hour("2026-05-07 18:00"))
    assert not hours.open_for(hour("2026-05-06 18:00"))


def test_opening_past_midnight_belongs_to_the_day_it_began():
    hours = read_hours([{"days": ["Sa"], "opens": "18:00", "closes": "25:30"}], {}, [])
    assert hours.open_for(Span(tokyo("2026-02-28 23:00"), tokyo("2026-03-01 01:30")))
    assert not hours.open_for(Span(tokyo("2026-03-01 01:00"), tokyo("2026-03-01 02:00")))
    assert not hours.open_for(Span(tokyo("2026-03-01 23:00"), tokyo("2026-03-02 00:00")))


def test_midnight_at_the_end_of_a_day_is_twenty_four_hours():
    hours = read_hours([{"days": ["Su"], "opens": "20:00", "closes": "24:00"}], {}, [])
    assert hours.open_for(Span(tokyo("2026-03-01 23:00"), tokyo("2026-03-02 00:00")))


def test_openings_that_meet_are_one():
    hours = read_hours([{"days": ["Su"], "opens": "20:00", "closes": "24:00"},
                        {"days": ["Mo"], "opens": "0:00", "closes": "2:00"}], {}, [])  # fmt: skip
    assert hours.open_for(Span(tokyo("2026-03-01 23:00"), tokyo("2026-03-02 01:00")))


def test_closure_ends_where_it_ends():
    shut = Hours(DAILY.openings, closures=(Closure(hour("2026-05-07 10:00", 2)),))
    assert why_not(hour("2026-05-07 09:00"), "2026-05-01 00:00", hours=shut) == ""
    assert why_not(hour("2026-05-07 11:00"), "2026-05-01 00:00", hours=shut) == "closure"
    assert why_not(hour("2026-05-07 12:00"), "2026-05-01 00:00", hours=shut) == ""


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        (hour("2026-05-01 08:00"), "closed"),
        (Span(tokyo("2026-05-02 09:10"), tokyo("2026-05-02 10:10")), "off_grid"),
        (Span(tokyo("2026-05-02 09:00"), tokyo("2026-05-02 10:30")), "off_grid"),
        (hour("2026-05-02 09:00", 5), "too_long"),
        (hour("2026-05-02 09:00", 1), "too_short"),
        (hour("2026-04-30 19:00", 2), "past"),
    ],
)
def test_wish_against_a_rule_is_refused_by_its_name(span, reason):
    rules = Rules(shortest=timedelta(hours=2), longest=timedelta(hours=4))
    assert why_not(span, "2026-05-01 00:00", rules) == reason


def test_cancellation_counts_calendar_days_not_hours():
    table = Rules(refunds=((3, 100), (1, 50), (0, 0)))
    start = tokyo("2026-06-04 09:00")
    told = {
        "2026-06-01 23:59": 100,
        "2026-06-02 00:00": 50,
        "2026-06-03 23:59": 50,
        "2026-06-04 00:00": 0,
        "2026-06-04 09:00": 0,
    }
    assert {now: refund_percent(table, start, tokyo(now)) for now in told} == told
    assert refund(table, start, 1001, tokyo("2026-06-03 00:00")) == 500


def test_weekly_series_leaves_out_holidays_and_closing_days():
    found = occurrences(Series(date(2026, 12, 16), date(2027, 1, 13), 18 * 60, 20 * 60), DAILY)
    assert [(f"{one.day:%m-%d}", one.skipped) for one in found] == [
        ("12-16", None), ("12-23", None), ("12-30", "closed"), ("01-06", None), ("01-13", None),
    ]  # fmt: skip
    golden = occurrences(Series(date(2026, 4, 29), date(2026, 5, 13), 600, 720), DAILY)
    assert [one.skipped for one in golden] == ["holiday", "holiday", None]


@pytest.mark.parametrize(
    "opening",
    [
        {"days": ["Mo"], "opens": "9:00", "closes": "9:00"},
        {"days": ["Mo"], "opens": "9:10", "closes": "17:00"},
        {"days": ["Monday"], "opens": "9:00", "closes": "17:00"},
        {"days": ["Mo"], "opens": "9", "closes": "17:00"},
        {"opens": "9:00", "closes": "17:00"},
        "always",
    ],
)
def test_hours_that_cannot_be_are_refused(opening):
    with pytest.raises(BadHours):
        read_hours([opening], {}, [])


@pytest.mark.parametrize(
    "told",
    [{"holdMinutes": -1}, {"openDaysAhead": 9999}, {"closeBefore": {"kind": "businessDay"}},
     {"cancellation": [{"daysBefore": 1, "percent": 101}]}, {"maxMinutes": True}, []],
)  # fmt: skip
def test_rules_that_cannot_be_are_refused(told):
    if told == []:
        told = {"closeBefore": 3}
    with pytest.raises(BadRules):
        read_rules(told)


BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
moments = st.integers(0, 9 * 366 * 24 * 60).map(lambda minutes: BEGIN + timedelta(minutes=minutes))


@given(moments, moments)
def test_refund_never_grows_as_the_start_draws_near(start, now):
    later = now + timedelta(hours=7)
    assert refund_percent(Rules(), start, later) <= refund_percent(Rules(), start, now)


@given(moments, st.integers(1, 48))
def test_days_of_a_span_are_those_its_moments_fall_on(start, pieces):
    span = Span(start, start + timedelta(minutes=30 * pieces))
    inside = {(start + timedelta(minutes=n)).astimezone(TOKYO).date() for n in range(30 * pieces)}
    assert set(span.days()) == inside


@given(st.dates(date(2024, 1, 1), date(2032, 12, 31)), st.integers(0, 48))
def test_minutes_after_midnight_are_the_clock_in_tokyo(day, halves):
    moment = at(day, 30 * halves)
    assert moment.utcoffset() == timedelta(hours=9)
    assert moment == datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(
        hours=-9, minutes=30 * halves
    )
