"""The looks of the bridge lights."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.lights import (
    FAIL_SAFE,
    SHORTEST_BLINK_MS,
    Look,
    Moment,
    light_attributes,
    look_for,
    shows,
    wanted,
)
from apps.alerts.schedule import JST
from broker.client import timestamp

NOW = datetime(2026, 7, 4, tzinfo=UTC)
TABLE: list[dict[str, Any]] = [
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


NIGHT = datetime(2026, 7, 4, 20, 0, tzinfo=JST)
NOON = datetime(2026, 7, 4, 12, 0, tzinfo=JST)
LIGHT: dict[str, Any] = {
    "id": "urn:light",
    "lookTable": {"json": TABLE},
    "schedule": {"json": {"from": "sunset", "to": "22:00"}},
    "location": {"value": {"type": "Point", "coordinates": [130.766, 32.212]}},
}


def seen(step: str, now: datetime = NIGHT, *, silent: bool = False, drill: bool = False) -> Moment:
    """Return a moment whose river time is the wall's."""
    return Moment(step, silent, now, now, drill)


def manual(until: object) -> dict[str, Any]:
    """Return the light as a person runs it."""
    return {**LIGHT, "mode": {"value": "manual"}, "overrideUntil": {"value": until}}


@pytest.mark.parametrize(
    ("moment", "mode", "colour", "effect"),
    [
        (seen("normal"), "ordinary", "#FFB46B", "steady"),
        (seen("normal", NOON), "ordinary", "#FFB46B", "off"),
        (seen("danger", NOON), "alert", "#FF0000", "steady"),
        (seen("danger", drill=True), "drill", "#FF0000", "steady"),
        (seen("unknown"), "failSafe", "#0000FF", "steady"),
        (seen("normal", silent=True), "failSafe", "#0000FF", "steady"),
        (seen("danger", silent=True, drill=True), "failSafe", "#0000FF", "steady"),
    ],
)
def test_mode_says_why_the_light_looks_so(moment: Moment, mode: str, colour: str, effect: str):
    command = wanted(LIGHT, moment)
    assert command is not None
    assert (command.mode, command.look.colour, command.look.effect) == (mode, colour, effect)


@given(step=st.sampled_from(["normal", "danger", "other"]), hours=st.integers(0, 9000))
def test_silent_gauge_never_shows_a_look_that_means_something(step: str, hours: int):
    command = wanted(LIGHT, seen(step, NOON + timedelta(hours=hours), silent=True))
    assert command is not None
    assert command.look not in [look_for(name, TABLE, NOON) for name in TABLE[0]["looks"]]


def test_override_holds_until_it_expires():
    until = timestamp(NIGHT + timedelta(minutes=5))
    assert wanted(manual(until), seen("danger")) is None
    command = wanted(manual(until), seen("danger", NIGHT + timedelta(minutes=5)))
    assert command is not None
    assert command.look.colour == "#FF0000"


@pytest.mark.parametrize("until", [7, "soon", [], "2026-07-04T11:00:00"])
def test_override_whose_end_cannot_be_read_is_over(until: object):
    assert wanted(manual(until), seen("danger")) is not None


def test_command_is_recognised_once_given():
    command = wanted(LIGHT, seen("designHighWater"))
    assert command is not None
    assert not shows(LIGHT, command)
    assert shows({**LIGHT, **light_attributes(command, NIGHT)}, command)
