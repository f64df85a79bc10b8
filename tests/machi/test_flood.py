"""The flood as samples: published points exact, the rest marked, silence kept."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from machi.flood import FloodSample, flood_samples
from machi.seed.parts import facts

FLOOD = facts("kuma-2020")


def clock(text: str) -> datetime:
    """Return a time of the flood night."""
    return datetime.fromisoformat(f"2020-07-04T{text}:00+09:00")


def night(station: str | None = None) -> list[FloodSample]:
    """Return all samples of the night, or those of a station."""
    samples = flood_samples(FLOOD, clock("01:00"), clock("12:00"))
    return [sample for sample in samples if station in (None, sample.station)]


def test_published_points_are_sent_as_published():
    published = {
        (s.station, s.at.strftime("%H:%M"), s.level) for s in night() if s.provenance == "published"
    }
    assert published == {
        ("hitoyoshi", "05:50", 4.07),
        ("watari", "01:00", 4.01),
        ("watari", "03:00", 8.33),
        ("watari", "06:00", 11.8),
        ("ono", "01:00", 6.85),
        ("ono", "03:00", 11.62),
        ("yokoishi", "03:00", 4.6),
        ("yokoishi", "05:00", 9.19),
        ("yokoishi", "12:00", 12.43),
    }


def test_rise_before_the_first_published_point_is_assumed():
    early = [s for s in night("hitoyoshi") if s.at < clock("05:50")]
    assert {s.provenance for s in early} == {"assumed"}
    assert early[0].level == 1.2


def test_between_published_points_the_level_is_interpolated():
    (sample,) = [s for s in night("hitoyoshi") if s.at == clock("07:50")]
    assert (sample.level, sample.provenance) == (5.66, "interpolated")


def test_nothing_is_sent_once_the_gauge_fell_silent():
    assert max(s.at for s in night("hitoyoshi")) == clock("08:29")
    assert 7.25 not in [s.level for s in night("hitoyoshi")]


def test_nothing_is_sent_after_the_last_known_point():
    assert max(s.at for s in night("ono")) == clock("03:00")


def test_samples_come_in_order_of_time():
    times = [s.at for s in night()]
    assert times == sorted(times)


@given(start=st.integers(0, 480), length=st.integers(0, 480))
def test_a_part_of_the_night_is_a_part_of_the_samples(start: int, length: int):
    begin = datetime.fromtimestamp(clock("01:00").timestamp() + 60 * start).astimezone()
    end = datetime.fromtimestamp(begin.timestamp() + 60 * length).astimezone()
    part = flood_samples(FLOOD, begin, end)
    assert part == [s for s in night() if begin <= s.at <= end]


def test_published_point_beside_the_raster_is_sent_at_its_own_time():
    flood: dict[str, Any] = {
        "stations": {
            "a": {
                "everyMinutes": 10,
                "published": [
                    {"at": "2020-07-04T01:00:00+09:00", "level": 1.0},
                    {"at": "2020-07-04T01:07:00+09:00", "level": 2.0},
                    {"at": "2020-07-04T01:20:00+09:00", "level": 3.0},
                ],
            }
        }
    }
    samples = flood_samples(flood, clock("01:00"), clock("02:00"))
    assert [s.at.minute for s in samples] == [0, 7, 10, 20]


@pytest.mark.reference
def test_levels_are_those_of_the_reference_file(reference_data):
    import orjson

    source = orjson.loads((reference_data / "kuma-river-2020/observations.json").read_bytes())
    for local, station in source["stations"].items():
        assert FLOOD["stations"][local]["published"] == [
            {"at": point["at"], "level": point["level_m"]} for point in station["points"]
        ]
        assert FLOOD["stations"][local].get("silentFrom") == station.get("missing_from")
