"""WLED's JSON: the state that shows a look, and what an answer is worth."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bridge_light.look import Look
from adapters.bridge_light.wled_json import live_colours, state_for, verdict_of

RED = Look("#FF0000", brightness=60)
BLINKING = Look("#FF0000", "blink", 100, 2000)


def answer(look: Look, **info: Any) -> Any:
    """Return the answer of a light that was told to show a look."""
    state = {"on": True, "bri": 255, **state_for(look, 0)}
    state.setdefault("seg", [{"id": 0, "col": [[0, 0, 0]], "fx": 0, "sx": 1}])
    return {"state": state, "info": {"live": False, **info}}


def test_blink_runs_in_the_fixture_at_the_period_asked_for():
    [part] = state_for(BLINKING, 0)["seg"]
    assert (part["fx"], part["col"][0], part["col"][1]) == (1, [255, 0, 0], [0, 0, 0])
    assert (255 - part["sx"]) * 20 + 48 == pytest.approx(2000, abs=10)


@given(
    colour=st.binary(min_size=3, max_size=3),
    effect=st.sampled_from(["steady", "blink", "off"]),
    brightness=st.integers(30, 100),
)
def test_light_that_does_as_told_is_confirmed(colour: bytes, effect: str, brightness: int):
    if effect == "blink" and max(colour) < 20:
        return
    look = Look(f"#{colour.hex().upper()}", effect, brightness)
    assert verdict_of(look, answer(look), 0).status == "confirmed"


def test_light_in_another_colour_is_a_mismatch_with_that_colour():
    verdict = verdict_of(RED, answer(Look("#00FF00")), 0)
    assert (verdict.status, verdict.colour) == ("mismatch", "#00FF00")


def test_light_that_is_dark_is_a_mismatch():
    assert verdict_of(RED, answer(Look("#FF0000", "off")), 0).effect == "off"


def test_light_that_takes_a_stream_from_elsewhere_shows_nobody_knows_what():
    verdict = verdict_of(RED, answer(RED, live=True), 0)
    assert (verdict.status, verdict.colour) == ("mismatch", None)


@pytest.mark.parametrize("found", [None, [], {}, {"state": {}}, {"state": {"on": 1}, "info": {}}])
def test_answer_that_is_not_wleds_says_so(found: Any):
    assert verdict_of(RED, found, 0).status == "unreachable"


def test_live_view_gives_each_leds_colour():
    assert live_colours({"leds": ["FF0000", "00102030"]}) == [(255, 0, 0), (16, 32, 48)]
    assert live_colours({"leds": ["red"]}) == []
    assert live_colours(None) == []
