"""Looks: what an entity asks for, what the fixtures get, and what a report is worth."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bridge_light.look import (
    DARK,
    FAIL_SAFE,
    SHORTEST_BLINK_MS,
    Look,
    NoLook,
    fail_safe_of,
    judge,
    look_of,
)

WHITE, RED = Look("#FFFFFF"), Look("#FF0000")
BLINKING = Look("#FF0000", "blink", blink_period_ms=2000)


def light(**values: Any) -> dict[str, Any]:
    """Return an IlluminationControl with these values."""
    return {name: {"type": "Property", "value": part} for name, part in values.items()}


def test_look_is_what_the_entity_asks_for():
    asked = light(colour="#ff0000", effect="blink", brightness=80, blinkPeriodMs=1500, mode="alert")
    assert look_of(asked) == Look("#FF0000", "blink", 80, 1500, 200)


@pytest.mark.parametrize(
    ("mode", "priority"),
    [("alert", 200), ("manual", 200), ("failSafe", 200), ("drill", 100), ("ordinary", 100)],
)
def test_alerts_and_hands_go_before_everything_else(mode: str, priority: int):
    assert look_of(light(colour="#FF0000", mode=mode)).priority == priority


@pytest.mark.parametrize(
    "values",
    [
        {"colour": "red"},
        {},
        {"colour": "#FF0000", "effect": "strobe"},
        {"colour": "#FF0000", "effect": ["blink"]},
        {"colour": "#FF0000", "brightness": 101},
        {"colour": "#FF0000", "brightness": "full"},
    ],
)
def test_entity_that_asks_for_no_look_is_refused(values: dict[str, Any]):
    with pytest.raises(NoLook):
        look_of(light(**values))


@pytest.mark.parametrize(
    "table",
    [
        "x",
        [{"looks": []}],
        [{"looks": {"failSafe": []}}],
        [{"looks": {"failSafe": {"colour": "#00FF00", "effect": {}}}}],
    ],
)
def test_table_that_cannot_be_read_leaves_the_fail_safe_look_of_all_lights(table: object):
    assert fail_safe_of(light(lookTable=table)) == FAIL_SAFE


@given(period=st.integers(-10, 10_000))
def test_nothing_blinks_faster_than_once_a_second(period: int):
    asked = look_of(light(colour="#FF0000", effect="blink", blinkPeriodMs=period))
    assert asked.blink_period_ms >= SHORTEST_BLINK_MS


def test_fail_safe_look_is_the_lights_own_or_blue():
    assert fail_safe_of(light()) == FAIL_SAFE
    own = [{"looks": {"failSafe": {"colour": "#8800FF", "brightness": 50}}}]
    assert fail_safe_of(light(lookTable=own)) == Look("#8800FF", "steady", 50, 2000, 200)


def test_blink_is_lit_for_the_first_half_of_its_period():
    times = (0, 0.9, 1.1, 1.9, 2.1)
    assert [BLINKING.at(t) == DARK for t in times] == [False, False, True, True, False]


def test_brightness_scales_the_levels():
    assert Look("#FFB46B", brightness=60).lit == (153, 108, 64)


@pytest.mark.parametrize(
    ("look", "samples"),
    [
        (WHITE, [[(255, 255, 255)]]),
        (Look("#FFB46B", brightness=60), [[(151, 107, 65), (153, 108, 64)]]),
        (BLINKING, [[(255, 0, 0)], [DARK], [(254, 0, 1)]]),
        (Look("#FFFFFF", "off"), [[DARK]]),
    ],
)
def test_light_that_shows_the_look_is_confirmed(look: Look, samples: list):
    verdict = judge(look, samples)
    assert (verdict.status, verdict.colour) == ("confirmed", look.colour)


@pytest.mark.parametrize(
    ("look", "samples", "colour", "effect"),
    [
        (RED, [[(255, 255, 255)]], "#FFFFFF", "steady"),
        (RED, [[(255, 0, 0), (0, 128, 0)]], "#00FF00", "steady"),
        (RED, [[DARK]], "#000000", "off"),
        (BLINKING, [[(255, 0, 0)], [(255, 0, 0)]], "#FF0000", "steady"),
        (RED, [[(255, 0, 0)], [DARK]], "#FF0000", "blink"),
    ],
)
def test_light_that_shows_something_else_is_a_mismatch_and_says_what(
    look: Look, samples: list, colour: str, effect: str
):
    verdict = judge(look, samples)
    assert (verdict.status, verdict.colour, verdict.effect) == ("mismatch", colour, effect)


def test_light_that_says_nothing_has_no_colour():
    verdict = judge(RED, [[]])
    assert (verdict.status, verdict.colour) == ("unreachable", None)


rgb = st.tuples(*[st.integers(0, 255)] * 3)


@given(colour=rgb, seen=st.lists(st.lists(rgb, max_size=3), max_size=4))
def test_confirmed_means_that_nothing_else_was_seen(colour, seen):
    look = Look("#" + bytes(colour).hex().upper())
    if judge(look, seen).status == "confirmed":
        channels = [zip(one, colour, strict=True) for sample in seen for one in sample]
        assert all(abs(a - b) <= 3 for pairs in channels for a, b in pairs)
