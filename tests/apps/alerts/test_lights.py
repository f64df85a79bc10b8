"""The looks of the bridge lights."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.lights import FAIL_SAFE, SHORTEST_BLINK_MS, Look, light_attributes, look_for

NOW = datetime(2026, 7, 4, tzinfo=UTC)
TABLE = [
    {
        "validFrom": "2022-04-16T00:00:00+09:00",
        "looks": {
            "normal": {"colour": "#FFB46B", "brightness": 60},
            "danger": {"colour": "#FF0000"},
            "designHighWater": {"colour": "#FF0000", "effect": "blink", "blinkPeriodMs": 2000},
        },
    }
]


def test_look_is_that_of_the_step():
    assert look_for("normal", TABLE, NOW) == Look("#FFB46B", brightness=60)
    assert look_for("designHighWater", TABLE, NOW) == Look("#FF0000", "blink", 100, 2000)


@given(period=st.integers(1, 5000))
def test_nothing_blinks_faster_than_once_a_second(period: int):
    looks = {"a": {"colour": "#FF0000", "effect": "blink", "blinkPeriodMs": period}}
    shown = look_for("a", [{"looks": looks}], NOW).blink_period_ms
    assert shown is not None
    assert shown >= SHORTEST_BLINK_MS


@pytest.mark.parametrize("table", [None, [], [{"validTo": "2020-01-01T00:00:00Z", "looks": {}}]])
def test_without_a_look_the_light_fails_safe(table: object):
    assert look_for("danger", table, NOW) is FAIL_SAFE


@pytest.mark.parametrize(
    ("look", "step", "drill", "mode"),
    [
        (Look("#FFB46B"), "normal", False, "ordinary"),
        (Look("#FF0000"), "danger", False, "alert"),
        (Look("#FF0000"), "danger", True, "drill"),
        (FAIL_SAFE, "danger", False, "failSafe"),
    ],
)
def test_mode_says_why_the_light_looks_so(look: Look, step: str, drill: bool, mode: str):
    attributes = light_attributes(look, step, drill=drill, at="2026-07-04T00:00:00Z")
    assert attributes["mode"]["value"] == mode
