"""A level curve's drawing."""

from datetime import UTC, datetime, timedelta

from apps.portal.curve import curve
from apps.portal.levels import Point

NOW = datetime(2020, 7, 4, 3, 0, tzinfo=UTC)
RATED = {
    "id": "urn:x:hitoyoshi",
    "type": "RiverLevelStation",
    "name": {"type": "LanguageProperty", "languageMap": {"ja": "人吉", "en": "Hitoyoshi"}},
    "cautionLevel": {"type": "Property", "value": 3.0},
    "dangerLevel": {"type": "Property", "value": 3.4},
    "designHighWaterLevel": {"type": "Property", "value": 4.07},
}


class Known:
    """Levels at minutes before now: `(minutes, metres, origin)`."""

    def __init__(self, *points: tuple[float, float, str]) -> None:
        self._points = [
            Point(NOW - timedelta(minutes=ago), level, origin) for ago, level, origin in points
        ]

    def points(self, station: str) -> list[Point]:
        return self._points


def test_thresholds_stand_at_their_levels():
    drawn = curve(RATED, Known((10, 1.0, "measured")), "en", NOW)
    assert [(mark["step"], mark["text"]) for mark in drawn["thresholds"]] == [
        ("caution", "3.00"),
        ("danger", "3.40"),
        ("designHighWater", "4.07"),
    ]
    heights = [mark["y"] for mark in drawn["thresholds"]]
    assert 100 > heights[0] > heights[1] > heights[2] > 0


def test_line_says_where_it_is_assumed_and_where_interpolated():
    known = Known(
        (40, 1.0, "assumed"), (30, 2.0, "assumed"), (20, 3.0, "published"),
        (10, 3.5, "interpolated"), (5, 3.6, "published"), (0, 3.7, "published"),
    )  # fmt: skip
    drawn = curve(RATED, known, "en", NOW)
    assert [line["origin"] for line in drawn["lines"]] == ["assumed", "interpolated", "measured"]
    assert [dot["origin"] for dot in drawn["dots"]] == ["published"] * 3


def test_no_line_crosses_a_silence():
    known = Known((200, 1.0, "measured"), (190, 1.1, "measured"), (10, 1.2, "measured"),
                  (5, 1.3, "measured"))  # fmt: skip
    assert len(curve(RATED, known, "en", NOW)["lines"]) == 2


def test_table_tells_the_newest_first_with_its_origin():
    known = Known(*((ago, 1.0, "interpolated") for ago in range(300, 0, -1)), (0, 2.0, "measured"))
    rows = curve(RATED, known, "en", NOW)["rows"]
    assert len(rows) <= 12
    assert (rows[0]["level"], rows[0]["origin"]) == ("2.00 m", "measured")
    assert rows[1]["origin"] == "interpolated between published values"


def test_station_that_has_told_nothing_has_an_empty_curve():
    drawn = curve(RATED, Known(), "ja", NOW)
    assert (drawn["name"], drawn["lines"], drawn["last"]) == ("人吉", [], None)


def test_everything_lies_in_the_plot():
    known = Known((600, -1.0, "measured"), (590, 30.0, "measured"))
    drawn = curve(RATED, known, "en", NOW)
    assert all(0 <= tick["x"] <= 100 for tick in drawn["ticks"])
    assert 3 <= len(drawn["ticks"]) <= 6
    assert all(0 <= line["y"] <= 100 for line in drawn["grid"])
    assert 0 <= drawn["last"]["y"] <= 100
