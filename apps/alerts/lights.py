"""How a bridge's lights look: from the stage, the schedule, a person's override. Pure.

The order in which something decides: a person's override until it expires; silence of the gauge
(the fail-safe look, never an ordinary one); a step above normal, at any hour; the schedule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from apps.alerts.moments import moment_of
from apps.alerts.schedule import lit
from apps.alerts.stage import NORMAL
from broker.client import Entity, timestamp, value

COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
EFFECTS: Final = ("steady", "blink", "off")
SHORTEST_BLINK_MS: Final = 1000
"""Blinking slower than once a second keeps far from the three flashes a second of WCAG 2.3.1."""


@dataclass(frozen=True, slots=True)
class Look:
    """Colour (#RRGGBB), effect (steady, blink, off), brightness in percent, period in ms."""

    colour: str
    effect: str = "steady"
    brightness: int = 100
    blink_period_ms: int | None = None


FAIL_SAFE: Final = Look("#0000FF", brightness=60)
"""Shown where the table has no look: unlike every look that means something."""


@dataclass(frozen=True, slots=True)
class Command:
    """A look a light shall have, and the mode that says why."""

    look: Look
    mode: str
    step: str


@dataclass(frozen=True, slots=True)
class Moment:
    """What decides a look: the station's step, whether its gauge is silent, two times.

    `now` is the river's time (a drill's own), `real` the time on the wall.
    """

    step: str
    silent: bool
    now: datetime
    real: datetime
    drill: bool


def look_for(step: str, table: object, at: datetime) -> Look:
    """Return the look for a step at a moment; that for `failSafe` where the table has none.

    The table is a list of entries `{"validFrom"?, "validTo"?, "looks": {step: {"colour", "effect"?,
    "brightness"?, "blinkPeriodMs"?}}}`; of several valid entries the last one counts. What cannot
    be read is never guessed at: an entry without readable times is passed over, and a look that
    is none is `FAIL_SAFE`.
    """
    entries = table if isinstance(table, list) else []
    for entry in reversed(entries):
        if isinstance(entry, dict) and _valid(entry, at):
            looks = entry.get("looks")
            return _look(looks, step) if isinstance(looks, dict) else FAIL_SAFE
    return FAIL_SAFE


def wanted(light: Entity, moment: Moment) -> Command | None:
    """Return what a light shall show now; None while a person's override is in force."""
    if overridden(light, moment.real):
        return None
    table = value(light, "lookTable")
    if moment.silent:
        return Command(look_for("failSafe", table, moment.now), "failSafe", moment.step)
    look = look_for(moment.step, table, moment.now)
    if look == look_for("failSafe", table, moment.now):
        return Command(look, "failSafe", moment.step)
    burns = moment.step != NORMAL or lit(value(light, "schedule"), _position(light), moment.now)
    if not burns:
        look = replace(look, effect="off", blink_period_ms=None)
    if moment.drill:
        return Command(look, "drill", moment.step)
    return Command(look, "ordinary" if moment.step == NORMAL else "alert", moment.step)


def overridden(light: Entity, real: datetime) -> bool:
    """Say whether a person runs the light; `overrideUntil` ends it, without one it is open."""
    if value(light, "mode") != "manual":
        return False
    until = value(light, "overrideUntil")
    try:
        return until is None or real < datetime.fromisoformat(str(until))
    except (TypeError, ValueError):
        return False


def shows(light: Entity, command: Command) -> bool:
    """Say whether the light was already given this command."""
    return all(value(light, name) == part for name, part in _values(command).items())


def light_attributes(command: Command, at: datetime) -> dict[str, Any]:
    """Return the normalized attributes that command a light as of a moment of the river."""
    parts = {**_values(command), "commandStatus": "pending"}
    return {
        name: {"type": "Property", "value": part, "observedAt": timestamp(at)}
        for name, part in parts.items()
    }


def _values(command: Command) -> dict[str, Any]:
    return {
        "mode": command.mode,
        "colour": command.look.colour,
        "effect": command.look.effect,
        "brightness": command.look.brightness,
        "blinkPeriodMs": command.look.blink_period_ms or 0,
        "step": command.step,
    }


def _position(light: Entity) -> Any:
    location = value(light, "location")
    return location.get("coordinates") if isinstance(location, dict) else None


def _valid(entry: dict[str, Any], at: datetime) -> bool:
    start, end = entry.get("validFrom"), entry.get("validTo")
    try:
        return (start is None or moment_of(start) <= at) and (end is None or at < moment_of(end))
    except ValueError:
        return False


def _look(looks: dict[str, Any], step: str) -> Look:
    found: Any = looks.get(step, looks.get("failSafe"))
    try:
        effect, colour = found.get("effect", "steady"), found["colour"]
        brightness = int(found.get("brightness", 100))
        period = int(found.get("blinkPeriodMs", 2 * SHORTEST_BLINK_MS))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        return FAIL_SAFE
    known = effect in EFFECTS and isinstance(colour, str) and COLOUR.fullmatch(colour)
    if not known or not 0 <= brightness <= 100:
        return FAIL_SAFE
    blinks = effect == "blink"
    return Look(colour, effect, brightness, max(SHORTEST_BLINK_MS, period) if blinks else None)
