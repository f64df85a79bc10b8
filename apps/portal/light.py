"""The bridge light as the page shows it: what it reports, beside what it was told. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from apps.portal.each import place_of
from apps.portal.texts import LIGHT_STATES, TEXTS, light_words, name_of, word
from apps.portal.times import age_text
from broker.client import Entity, observed_at, value

STALE_AFTER: Final = 300
"""Seconds after which a report is old: a light that answers is read at least once a minute."""

DARK: Final = "#26333F"

ALERT_COLOURS: Final = (
    (5, "#0C000C"),
    (4, "#AA00AA"),
    (3, "#FF2800"),
    (2, "#F2E700"),
    (1, "#FFFFFF"),
)
"""Warning levels and their colours (内閣府 警戒レベルの配色); not the bridge's scheme."""


def light_view(light: Entity, language: str, now: datetime) -> dict[str, Any]:
    """Return the light in its reported look, and the commanded one where that differs.

    `reported` is false where the light has told nothing yet: then `colour` and `effect` are those
    commanded. `now` is the real time, also in a drill: lights are real.
    """
    text = TEXTS[language]
    status = str(value(light, "commandStatus", "pending"))
    told = value(light, "colour", "#888888"), value(light, "effect", "off")
    reported = value(light, "reportedColour")
    shown = told if reported is None else (reported, value(light, "reportedEffect", "steady"))
    colour, effect = map(str, shown)
    brightness = value(light, "reportedBrightness")
    lit = reported is not None and effect != "off" and isinstance(brightness, int | float)
    at = observed_at(light, "reportedColour")
    age = (now - datetime.fromisoformat(at)).total_seconds() if at else None
    return {
        "name": name_of(light, "name", language),
        "reported": reported is not None,
        "colour": colour,
        "effect": effect,
        "blinkMs": max(1000, int(value(light, "blinkPeriodMs", 0) or 2000)),
        "swatch": DARK if effect == "off" else colour,
        "words": light_words(colour, effect, language),
        "brightnessText": text["brightness"].format(percent=round(brightness)) if lit else "",
        "source": text["light_reported" if reported is not None else "light_commanded"],
        "differs": status != "confirmed" and reported is not None and _other(shown, told),
        "commandedColour": str(told[0]),
        "commandedWords": light_words(str(told[0]), str(told[1]), language),
        "statusKind": status,
        "status": word(LIGHT_STATES, status, language),
        "observedAt": at,
        "staleAfter": STALE_AFTER,
        "ageText": text["light_silent"] if age is None else age_text(age, language),
        "stale": age is not None and age > STALE_AFTER,
        "position": place_of(light),
    }


def _other(one: tuple[Any, Any], two: tuple[Any, Any]) -> bool:
    """Tell whether two looks differ to the eye: two dark lights are alike in any colour."""
    if one[1] == two[1] == "off":
        return False
    return (str(one[0]).upper(), one[1]) != (str(two[0]).upper(), two[1])


def alert_legend(language: str) -> list[dict[str, Any]]:
    """Return the warning levels, highest first, with their colours and names."""
    return [
        {"level": level, "colour": colour, "name": TEXTS[language][f"alert_level_{level}"]}
        for level, colour in ALERT_COLOURS
    ]
