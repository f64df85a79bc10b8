"""How a bridge's lights look: from the stage, the schedule, a person's override. Pure.

The order in which something decides: a person's override until it expires; silence of the gauge
(the fail-safe look, never an ordinary one); a step above normal, at any hour; the schedule.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from apps.alerts.schedule import lit
from apps.alerts.stage import NORMAL
from broker.client import Entity, timestamp, value

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
    "brightness"?, "blinkPeriodMs"?}}}`; of several valid entries the last one counts.
    """
    entries = table if isinstance(table, list) else []
    for entry in reversed(entries):
        if isinstance(entry, dict) and _valid(entry, at):
            looks = entry.get("looks", {})
            found = looks.get(step, looks.get("failSafe"))
            return _look(found) if isinstance(found, dict) else FAIL_SAFE
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
    if moment.step == NORMAL:
        position = (value(light, "location") or {}).get("coordinates")
        if not lit(value(light, "schedule"), position, moment.now):
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


def _valid(entry: dict[str, Any], at: datetime) -> bool:
    start, end = entry.get("validFrom"), entry.get("validTo")
    return (start is None or datetime.fromisoformat(start) <= at) and (
        end is None or at < datetime.fromisoformat(end)
    )


def _look(found: dict[str, Any]) -> Look:
    effect = str(found.get("effect", "steady"))
    period = None
    if effect == "blink":
        period = max(SHORTEST_BLINK_MS, int(found.get("blinkPeriodMs", 2 * SHORTEST_BLINK_MS)))
    return Look(str(found["colour"]), effect, int(found.get("brightness", 100)), period)
