"""What alerts say, in Japanese and English."""

from __future__ import annotations

from typing import Final

DRILL_MARK: Final = "【訓練】"

Texts = dict[str, str]

STEP_NAMES: Final[dict[str, Texts]] = {
    "normal": {"ja": "平常", "en": "normal"},
    "caution": {"ja": "氾濫注意水位", "en": "flood caution level"},
    "danger": {"ja": "氾濫危険水位", "en": "flood danger level"},
    "designHighWater": {"ja": "計画高水位", "en": "design high water level"},
}
"""Steps of the threshold tables in the terms of Japanese river administration."""

FAULTS: Final[dict[str, Texts]] = {
    "silent": {"ja": "水位計からのデータが途絶", "en": "the gauge is silent"},
    "stuck": {"ja": "水位計の値が変化しない", "en": "the gauge always gives the same value"},
    "spiking": {"ja": "水位計の値が不自然に変動", "en": "the gauge gives implausible values"},
    "clockAhead": {"ja": "水位計の時計が進んでいる", "en": "the gauge's clock is ahead"},
    "noThresholds": {
        "ja": "しきい値の表が読めない、または期限切れ",
        "en": "its table of thresholds cannot be read or has run out",
    },
    "unreachable": {"ja": "照明と通信できない", "en": "the light cannot be reached"},
    "mismatch": {"ja": "照明が指示と違う色を表示", "en": "the light shows another look than told"},
    "unanswered": {"ja": "照明の制御から応答がない", "en": "nothing answers for the light"},
}

GAUGE_FAULTS: Final = frozenset({"silent", "stuck", "spiking", "clockAhead", "noThresholds"})
HELD: Final[Texts] = {"ja": "（段階は維持）", "en": "; its stage is held"}
ENDED: Final[Texts] = {"ja": "【解除】", "en": "Ended: "}
RECOVERED: Final[Texts] = {"ja": "【復旧】", "en": "Recovered: "}


def step_name(step: str) -> Texts:
    """Return a step's name by language; the step itself where it has no name of its own."""
    return STEP_NAMES.get(step, {"ja": step, "en": step})


def headline(
    *,
    step: str,
    stage: int,
    station: Texts,
    level: float,
    rising: bool,
    drill: bool,
    early: bool = False,
) -> Texts:
    """Return an alert's headline by language; in a drill each begins with 【訓練】.

    `early` says that the step was begun by a fast rise alone, below its level.
    """
    if early:
        return marked(_early(step, stage, station, level), drill=drill)
    name = step_name(step)
    verb = {"ja": "に到達" if rising else "まで低下", "en": "reached" if rising else "fell to"}
    if rising and step == "designHighWater":
        verb = {"ja": "を超過", "en": "exceeded"}
    japanese = f"{station['ja']}：{name['ja']}{verb['ja']}（警戒レベル{stage}相当）水位{level:.2f}m"
    english = (
        f"{station['en']}: {verb['en']} the {name['en']} "
        f"(information for alert level {stage}), water level {level:.2f} m"
    )
    return marked({"ja": japanese, "en": english}, drill=drill)


def _early(step: str, stage: int, station: Texts, level: float) -> Texts:
    name = step_name(step)
    return {
        "ja": f"{station['ja']}：水位が急上昇中、{name['ja']}に達する前の早めの注意"
        f"（警戒レベル{stage}相当）水位{level:.2f}m",
        "en": f"{station['en']}: the water is rising fast, early warning before the {name['en']} "
        f"(information for alert level {stage}), water level {level:.2f} m",
    }


def fault_headline(kind: str, name: Texts, *, drill: bool) -> Texts:
    """Return a technical alert's headline by language."""
    what = FAULTS[kind]
    held = HELD if kind in GAUGE_FAULTS else {"ja": "", "en": ""}
    japanese = f"技術情報　{name['ja']}：{what['ja']}{held['ja']}"
    english = f"Technical: {name['en']}: {what['en']}{held['en']}"
    return marked({"ja": japanese, "en": english}, drill=drill)


def over(text: Texts, *, technical: bool) -> Texts:
    """Return a headline that says its alert is over; a drill's mark stays in front."""
    words = RECOVERED if technical else ENDED
    ended = {}
    for language, line in text.items():
        said = words.get(language, "")
        if line.startswith(DRILL_MARK):
            ended[language] = DRILL_MARK + said + line.removeprefix(DRILL_MARK)
        else:
            ended[language] = said + line
    return ended


def marked(text: Texts, *, drill: bool) -> Texts:
    """Return a text by language as a drill must say it: each begins with 【訓練】."""
    if not drill:
        return text
    return {"ja": DRILL_MARK + text["ja"], "en": f"{DRILL_MARK}DRILL: {text['en']}"}
