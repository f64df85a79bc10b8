"""What alerts say, in Japanese and English."""

from __future__ import annotations

from typing import Final

DRILL_MARK: Final = "【訓練】"

STEP_NAMES: Final[dict[str, dict[str, str]]] = {
    "normal": {"ja": "平常", "en": "normal"},
    "caution": {"ja": "氾濫注意水位", "en": "flood caution level"},
    "danger": {"ja": "氾濫危険水位", "en": "flood danger level"},
    "designHighWater": {"ja": "計画高水位", "en": "design high water level"},
}
"""Steps of the threshold tables in the terms of Japanese river administration."""


def step_name(step: str) -> dict[str, str]:
    """Return a step's name by language; the step itself where it has no name of its own."""
    return STEP_NAMES.get(step, {"ja": step, "en": step})


def headline(
    *, step: str, stage: int, station: dict[str, str], level: float, rising: bool, drill: bool
) -> dict[str, str]:
    """Return an alert's headline by language; in a drill each begins with 【訓練】."""
    name = step_name(step)
    japanese = (
        f"{station['ja']}：{name['ja']}{'に到達' if rising else 'まで低下'}"
        f"（警戒レベル{stage}相当）水位{level:.2f}m"
    )
    english = (
        f"{station['en']}: {'reached' if rising else 'fell to'} the {name['en']} "
        f"(information for alert level {stage}), water level {level:.2f} m"
    )
    if not drill:
        return {"ja": japanese, "en": english}
    return {"ja": DRILL_MARK + japanese, "en": f"{DRILL_MARK}DRILL: {english}"}
