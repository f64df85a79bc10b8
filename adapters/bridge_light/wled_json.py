"""WLED's JSON API: the state that shows a look, and the look that a state shows. Pure.

WLED's effect 1 (Blink) runs in the fixture, so a light goes on blinking when the network is
gone. Its period is (255 − sx) · 20 ms and two frames of about 24 ms.
"""

from __future__ import annotations

from typing import Any, Final

from adapters.bridge_light.look import Look, Rgb, Verdict, judge

SOLID: Final = 0
BLINK: Final = 1
STEP_MS: Final = 20
FRAMES_MS: Final = 48


def state_for(look: Look, segment: int) -> dict[str, Any]:
    """Return the body of POST /json/state that gives a segment a look."""
    if look.effect == "off" or look.brightness == 0:
        return {"on": False, "transition": 0}
    colour = list(bytes.fromhex(look.colour[1:]))
    part = {
        "id": segment,
        "on": True,
        "bri": 255,
        "col": [colour, [0, 0, 0], [0, 0, 0]],
        "fx": BLINK if look.effect == "blink" else SOLID,
        "ix": 128,
    }
    if look.effect == "blink":
        part["sx"] = _speed(look.blink_period_ms)
    return {"on": True, "bri": _bri(look.brightness), "transition": 0, "seg": [part]}


def verdict_of(look: Look, answer: Any, segment: int) -> Verdict:
    """Hold the answer of GET /json/si against a look."""
    try:
        state, info = answer["state"], answer["info"]
        if info.get("live"):
            return Verdict("mismatch", info="another controller streams to the light")
        lit = bool(state["on"])
        part = next(one for one in state["seg"] if one["id"] == segment)
        if lit and part["fx"] not in (SOLID, BLINK):
            return Verdict("mismatch", info="the light runs another effect")
        bright = state["bri"] / 255 if lit and part.get("on", True) else 0.0
        red, green, blue = (round(int(c) * bright) for c in part["col"][0][:3])
        blinks = bool(bright) and part["fx"] == BLINK
        if blinks and look.effect == "blink" and part["sx"] != _speed(look.blink_period_ms):
            return Verdict("mismatch", info="the light blinks at another speed")
    except (KeyError, IndexError, TypeError, ValueError, StopIteration):
        return Verdict("unreachable", info="the light's answer is not WLED's")
    samples: list[list[Rgb]] = [[(red, green, blue)]]
    if blinks:
        samples.append([(0, 0, 0)])
    return judge(look, samples)


def live_colours(answer: Any) -> list[Rgb]:
    """Return the colours of the fixtures in an answer of GET /json/live; none if it is not one."""
    leds = answer.get("leds") if isinstance(answer, dict) else None
    found: list[Rgb] = []
    for led in leds if isinstance(leds, list) else []:
        try:
            red, green, blue = bytes.fromhex(str(led)[-6:])
        except ValueError:
            return []
        found.append((red, green, blue))
    return found


def _bri(percent: int) -> int:
    return max(1, round(percent * 255 / 100))


def _speed(period_ms: int) -> int:
    return max(0, min(255, 255 - round((period_ms - FRAMES_MS) / STEP_MS)))
