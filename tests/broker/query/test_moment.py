"""Dates and times as keys that order like the instants they name."""

import pytest

from broker.query.moment import clock, instant


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("2020-07-04T06:30:00Z", "2020-07-04T06:30:00.000000"),
        ("2020-07-04T06:30:00.5Z", "2020-07-04T06:30:00.500000"),
        ("2020-07-04T06:30:00,123456Z", "2020-07-04T06:30:00.123456"),
        ("2020-07-04", "2020-07-04T00:00:00.000000"),
        ("2024-02-29", "2024-02-29T00:00:00.000000"),
    ],
)
def test_instant_has_a_fixed_width_key(text: str, key: str) -> None:
    assert instant(text) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2020-07-04T06:30:00",
        "2020-07-04T06:30:00+09:00",
        "2020-07-04T06:30Z",
        "2020-07-04T06:30:00.1234567Z",
        "2020-7-4",
        "2023-02-29",
        "2020-00-01",
        "2020-13-01",
        "0000-01-01",
        "2020-07-04T24:00:00Z",
        "2020-07-04T23:60:00Z",
        "2020-07-04T23:59:60Z",
        "2020-07-04\n",
        "２０２０-07-04",
        "06:30:00Z",
    ],
)
def test_anything_else_is_no_instant(text: str) -> None:
    assert instant(text) is None


def test_clock_has_a_fixed_width_key() -> None:
    assert clock("06:30:00.5Z") == "06:30:00.500000"


@pytest.mark.parametrize("text", ["", "24:00:00Z", "06:30:00", "6:30:00Z", "2020-07-04T06:30:00Z"])
def test_anything_else_is_no_clock(text: str) -> None:
    assert clock(text) is None
