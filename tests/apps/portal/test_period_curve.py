"""The drawing of a level over a period."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.portal.figures import Span, spans_of
from apps.portal.period_curve import MOST_TICKS, period_curve
from apps.portal.periods import Period, period_of
from tests.apps.portal.test_curve import RATED

NOW = datetime(2026, 7, 4, 3, 0, tzinfo=UTC)
DAY = period_of({"period": "day"}, NOW)


def span(number: int, low: float, mean: float, high: float) -> Span:
    """Return the figures of a ten minutes' span of the day."""
    start = DAY.start + number * DAY.step
    return Span(start, start + DAY.step, low, mean, high, 3)


def drawn(*spans: Span, period: Period = DAY, language: str = "en") -> dict[str, Any]:
    return period_curve(RATED, spans, period, language)


def test_line_is_of_means_and_the_area_reaches_from_lowest_to_highest():
    shown = drawn(span(0, 1.0, 1.5, 2.5), span(1, 1.0, 2.0, 2.5))
    assert shown["lines"] == ["M0.35 70.0L1.04 60.0"]
    assert shown["areas"] == [
        "M0.0 50.0L0.69 50.0L0.69 50.0L1.39 50.0L1.39 80.0L0.69 80.0L0.69 80.0L0.0 80.0Z"
    ]


def test_highest_and_lowest_are_told_with_their_times():
    shown = drawn(span(0, 0.5, 1.5, 2.5), span(6, 1.0, 2.0, 4.2))
    assert shown["highest"] == {"level": "4.20 m", "at": "2026-07-03 13:00"}
    assert shown["lowest"] == {"level": "0.50 m", "at": "2026-07-03 12:00"}


def test_thresholds_and_a_flood_lie_within_the_plot():
    shown = drawn(span(0, 1.0, 9.0, 13.5))
    assert [mark["text"] for mark in shown["thresholds"]] == ["3.00", "3.40", "4.07"]
    assert all(0 <= mark["y"] <= 100 for mark in [*shown["thresholds"], *shown["grid"]])
    assert shown["grid"][-1]["text"] == "12"


def test_nothing_crosses_a_silence_and_what_stands_alone_is_a_dot():
    shown = drawn(span(0, 1, 1, 1), span(1, 1, 1, 1), span(5, 1, 1, 1), span(20, 1, 1, 1))
    assert (len(shown["lines"]), len(shown["areas"]), len(shown["dots"])) == (1, 3, 2)


def test_table_tells_each_span_the_newest_first():
    shown = drawn(span(0, 1.0, 1.5, 2.0), span(1, 2.0, 2.5, 3.0))
    assert shown["rows"][0] == {
        "at": "2026-07-03 12:10", "low": "2.00", "mean": "2.50", "high": "3.00", "count": 3
    }  # fmt: skip
    assert len(shown["rows"]) == 2


def test_period_without_a_level_has_axes_and_nothing_else():
    shown = drawn()
    assert (shown["lines"], shown["highest"], shown["rows"]) == ([], None, [])
    assert shown["ticks"]


LENGTHS = [timedelta(minutes=10), timedelta(hours=5), timedelta(days=3), timedelta(days=29)]
LENGTHS += [timedelta(days=days) for days in (45, 365, 800, 3650, 60000)]


@pytest.mark.parametrize("length", LENGTHS)
def test_any_period_has_a_few_marks_of_time(length: timedelta):
    asked = {"from": (NOW - length).isoformat(), "to": NOW.isoformat()}
    ticks = drawn(period=period_of(asked, NOW))["ticks"]
    assert 1 <= len(ticks) <= MOST_TICKS + 2
    assert all(0 <= tick["x"] <= 100 for tick in ticks)


def test_months_are_written_in_the_pages_language_and_years_where_they_begin():
    year = period_of({"period": "year"}, NOW)
    texts = [
        [tick["text"] for tick in drawn(period=year, language=one)["ticks"]] for one in ("ja", "en")
    ]
    assert "2026年" in texts[0]
    assert "3月" in texts[0]
    assert {"2026", "Mar"} <= set(texts[1])


def test_figures_are_those_of_the_default_instance():
    at = ["2020-07-04T00:00:00Z", "2020-07-04T00:10:00Z"]
    figures = {name: [[2, *at]] for name in ("min", "avg", "max", "totalCount")}
    other = {name: [[9, *at]] for name in figures}
    history = {"waterLevel": [{"datasetId": "urn:d:1", **other}, {"type": "Property", **figures}]}
    (found,) = spans_of(history)
    assert (found.low, found.count, found.start.isoformat()) == (
        2.0,
        2,
        "2020-07-04T00:00:00+00:00",
    )


def test_levels_that_are_no_numbers_have_no_figures():
    at = ["2020-07-04T00:00:00Z", "2020-07-04T00:10:00Z"]
    texts = {"min": [["high", *at]], "max": [["low", *at]], "totalCount": [[2, *at]]}
    assert spans_of({"waterLevel": texts}) == []
    assert spans_of({}) == []
