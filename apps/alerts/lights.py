"""How a bridge's lights look at each step: from the IlluminationControl's `lookTable`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apps.alerts.stage import NORMAL

SHORTEST_BLINK_MS: Final = 1000
"""Blinking slower than once a second keeps far from the three flashes a second of WCAG 2.3.1."""


@dataclass(frozen=True, slots=True)
class Look:
    """Colour (#RRGGBB), effect (steady or blink), brightness in percent, blink period in ms."""

    colour: str
    effect: str = "steady"
    brightness: int = 100
    blink_period_ms: int | None = None


FAIL_SAFE: Final = Look("#0000FF", brightness=60)
"""Shown where the table knows no look for a step: unlike every look that means something."""


def look_for(step: str, table: object, at: datetime) -> Look:
    """Return the look for a step at a moment, or `FAIL_SAFE` where the table has none.

    The table is a list of entries `{"validFrom"?, "validTo"?, "looks": {step: {"colour", "effect"?,
    "brightness"?, "blinkPeriodMs"?}}}`; of several valid entries the last one counts.
    """
    entries = table if isinstance(table, list) else []
    for entry in reversed(entries):
        if isinstance(entry, dict) and _valid(entry, at):
            found = entry.get("looks", {}).get(step)
            return _look(found) if isinstance(found, dict) else FAIL_SAFE
    return FAIL_SAFE


def light_attributes(look: Look, step: str, *, drill: bool, at: str) -> dict[str, Any]:
    """Return the normalized attributes that command a light to a look."""
    if look is FAIL_SAFE:
        mode = "failSafe"
    elif drill:
        mode = "drill"
    else:
        mode = "ordinary" if step == NORMAL else "alert"
    values = {
        "mode": mode,
        "colour": look.colour,
        "effect": look.effect,
        "brightness": look.brightness,
        "blinkPeriodMs": look.blink_period_ms or 0,
        "commandStatus": "pending",
        "step": step,
    }
    return {
        name: {"type": "Property", "value": value, "observedAt": at}
        for name, value in values.items()
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
