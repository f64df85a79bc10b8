"""How a light shall look, how it does look, and whether that is the same. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from broker.client import Entity, value

Rgb = tuple[int, int, int]

COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
DARK: Final[Rgb] = (0, 0, 0)
NEAR: Final = 3
"""Levels of 255 by which a channel may differ and still be the same colour."""
SHORTEST_BLINK_MS: Final = 1000
"""No light blinks faster, whoever asks: far from the three flashes a second of WCAG 2.3.1."""
BLINK_MS: Final = 2000
PRIORITIES: Final = {"alert": 200, "failSafe": 200, "manual": 200}
ORDINARY_PRIORITY: Final = 100


@dataclass(frozen=True, slots=True)
class Look:
    """Colour (#RRGGBB), effect (steady, blink, off), brightness in percent, period in ms."""

    colour: str
    effect: str = "steady"
    brightness: int = 100
    blink_period_ms: int = BLINK_MS
    priority: int = ORDINARY_PRIORITY

    @property
    def lit(self) -> Rgb:
        """Return the levels of red, green and blue while the light is lit."""
        if self.effect == "off":
            return DARK
        red, green, blue = (
            round(channel * self.brightness / 100) for channel in bytes.fromhex(self.colour[1:])
        )
        return red, green, blue

    def at(self, seconds: float) -> Rgb:
        """Return the levels at a time since the look began: a blink begins lit."""
        if self.effect != "blink":
            return self.lit
        period = self.blink_period_ms / 1000
        return self.lit if seconds % period < period / 2 else DARK


FAIL_SAFE: Final = Look("#0000FF", brightness=60, priority=200)
"""Unlike every look that means something: nobody knows what the light should show."""


class NoLook(ValueError):
    """An IlluminationControl does not say how its light shall look; the text says why."""


def look_of(light: Entity) -> Look:
    """Return the look an IlluminationControl asks for. Raises NoLook."""
    colour, effect = value(light, "colour"), value(light, "effect", "steady")
    if not (isinstance(colour, str) and COLOUR.fullmatch(colour)):
        raise NoLook("colour is not #RRGGBB")
    if effect not in ("steady", "blink", "off"):
        raise NoLook(f"effect {str(effect)[:20]!r} is none of steady, blink, off")
    brightness, period = value(light, "brightness", 100), value(light, "blinkPeriodMs")
    if not _number(brightness) or not 0 <= brightness <= 100:
        raise NoLook("brightness is not 0 to 100")
    return Look(
        colour=colour.upper(),
        effect=effect,
        brightness=round(brightness),
        blink_period_ms=max(SHORTEST_BLINK_MS, round(period)) if _number(period) else BLINK_MS,
        priority=PRIORITIES.get(str(value(light, "mode")), ORDINARY_PRIORITY),
    )


def fail_safe_of(light: Entity) -> Look:
    """Return the light's own fail-safe look from its `lookTable`, or `FAIL_SAFE`."""
    tables = value(light, "lookTable")
    for table in reversed(tables if isinstance(tables, list) else []):
        looks = table.get("looks") if isinstance(table, dict) else None
        own = looks.get("failSafe") if isinstance(looks, dict) else None
        if isinstance(own, dict):
            try:
                look = look_of({name: {"value": part} for name, part in own.items()})
                return replace(look, priority=FAIL_SAFE.priority)
            except NoLook:
                return FAIL_SAFE
    return FAIL_SAFE


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a light reports: the status of the command, and the look it really has."""

    status: str
    colour: str | None = None
    effect: str | None = None
    brightness: int | None = None
    info: str = ""


def judge(look: Look, samples: Sequence[Sequence[Rgb]]) -> Verdict:
    """Hold what a light showed, sample by sample (each of its fixtures), against a look.

    A blink is confirmed when it was seen lit and dark and nothing else.
    """
    seen = [colour for sample in samples for colour in sample]
    if not seen:
        return Verdict("unreachable", info="the light reports no colour")
    lit = [colour for colour in seen if not _near(colour, DARK)]
    allowed = [look.lit] + ([DARK] if look.effect == "blink" else [])
    right = all(any(_near(colour, one) for one in allowed) for colour in seen)
    if look.effect == "blink":
        right = right and 0 < len(lit) < len(seen)
    if right:
        return Verdict("confirmed", look.colour, look.effect, look.brightness)
    if not lit:
        return Verdict("mismatch", "#000000", "off", 0, "the light is dark")
    wrong = next((c for c in lit if not any(_near(c, one) for one in allowed)), lit[0])
    effect = "steady" if len(lit) == len(seen) else "blink"
    strongest = max(wrong)
    full = bytes(round(channel * 255 / strongest) for channel in wrong)
    shown = f"#{full.hex().upper()}"
    return Verdict("mismatch", shown, effect, round(strongest * 100 / 255), "another look")


def _near(one: Rgb, other: Rgb) -> bool:
    return all(abs(a - b) <= NEAR for a, b in zip(one, other, strict=True))


def _number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)
