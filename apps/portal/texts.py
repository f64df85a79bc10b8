"""The page's words in Japanese and English."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from apps.shell.language import words
from broker.client import Entity, value

TEXTS: Final = words(Path(__file__).parent / "words")
"""The page's sentences by language and key, from the folder `words`."""

HAZARDS: Final[dict[str, dict[str, str]]] = {
    "flood": {"ja": "洪水", "en": "flood"},
    "landslide": {"ja": "土砂災害", "en": "landslide"},
    "stormSurge": {"ja": "高潮", "en": "storm surge"},
    "earthquake": {"ja": "地震", "en": "earthquake"},
    "tsunami": {"ja": "津波", "en": "tsunami"},
    "fire": {"ja": "大火", "en": "large fire"},
    "inlandFlood": {"ja": "内水氾濫", "en": "inland flood"},
    "volcano": {"ja": "火山", "en": "volcano"},
}

SHELTER_KINDS: Final[dict[str, dict[str, str]]] = {
    "emergencySite": {"ja": "指定緊急避難場所", "en": "emergency site"},
    "designatedShelter": {"ja": "指定避難所", "en": "shelter"},
    "welfareShelter": {"ja": "福祉避難所", "en": "welfare shelter"},
    "temporary": {"ja": "臨時避難所", "en": "temporary shelter"},
}

OPEN_STATES: Final[dict[str, dict[str, str]]] = {
    "closed": {"ja": "閉鎖中", "en": "closed"},
    "preparing": {"ja": "準備中", "en": "preparing"},
    "open": {"ja": "開設中", "en": "open"},
    "nearlyFull": {"ja": "混雑", "en": "nearly full"},
    "full": {"ja": "満員", "en": "full"},
    "suspended": {"ja": "停止中", "en": "suspended"},
    "unknown": {"ja": "記録なし", "en": "no record"},
}

COLOURS: Final[dict[str, dict[str, str]]] = {
    "#FFB46B": {"ja": "電球色", "en": "warm white"},
    "#FFFFFF": {"ja": "白", "en": "white"},
    "#FF0000": {"ja": "赤", "en": "red"},
    "#0000FF": {"ja": "青（情報なし）", "en": "blue (no information)"},
}

LIGHT_STATES: Final[dict[str, dict[str, str]]] = {
    "confirmed": {
        "ja": "照明が指令どおりであることを確認しました",
        "en": "The light confirms what it was told",
    },
    "pending": {
        "ja": "指令を送っているところです。照明からの確認はまだありません",
        "en": "A command is on its way; the light has not confirmed it yet",
    },
    "sent": {
        "ja": "指令を送りました。この照明は応答を返さないため確認できません",
        "en": "The command was sent; this light cannot be asked what it shows",
    },
    "mismatch": {
        "ja": "照明が指令と違う色を示しています",
        "en": "The light shows something else than it was told",
    },
    "unreachable": {
        "ja": "照明とつながりません。今の色は分かりません",
        "en": "The light cannot be reached; what it shows now is unknown",
    },
}

PROVENANCES: Final[dict[str, dict[str, str]]] = {
    "published": {"ja": "公表値", "en": "published value"},
    "interpolated": {"ja": "公表値の間を補間", "en": "interpolated between published values"},
    "assumed": {"ja": "仮定した値", "en": "assumed value"},
    "measured": {"ja": "実測", "en": "measured"},
    "doubted": {"ja": "要確認の値", "en": "doubtful value"},
}

QUALITIES: Final[dict[str, dict[str, str]]] = {
    "simulated": {"ja": "模擬センサー", "en": "simulated sensor"},
    "missing": {"ja": "欠測", "en": "missing"},
    "outOfRange": {"ja": "測定範囲外", "en": "out of range"},
    "suspect": {"ja": "要確認", "en": "suspect"},
}


def word(table: dict[str, dict[str, str]], key: str, language: str) -> str:
    """Return a term's word in a language; the term itself where the table has none."""
    return table.get(key, {}).get(language, key)


def light_words(colour: str, effect: str, language: str) -> str:
    """Return a light's look in words: `blinking red`, `赤・点滅`."""
    name = word(COLOURS, colour.upper(), language)
    if effect == "off":
        return "消灯" if language == "ja" else "off"
    if effect == "blink":
        return f"{name}・点滅" if language == "ja" else f"blinking {name}"
    return f"{name}・点灯" if language == "ja" else name


def name_of(entity: Entity, name: str, language: str) -> str:
    """Return an attribute's text in a language, else in Japanese, else the entity's id."""
    found = value(entity, name)
    if isinstance(found, dict):
        return str(found.get(language) or found.get("ja") or entity["id"])
    return str(found or entity["id"])
