"""The language filter `lang`: which text of a LanguageProperty is shown (§4.15)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from broker.model.entity import DEFAULT
from broker.model.limits import NAME_LENGTH
from broker.model.place import At, bad, show

_RANGE = re.compile(
    r"\s*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|@none)\s*(?:;\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?"
)


@lru_cache(maxsize=256)
def parse_languages(text: str, at: At) -> tuple[str, ...]:
    """Return the languages asked for in lower case, the most wanted first.

    `text` is as in Accept-Language: `ja,en;q=0.8,*;q=0.5`. Raises BadRequestData.
    """
    weighted: list[tuple[float, str]] = []
    for part in text.split(",") if len(text) <= NAME_LENGTH else [text]:
        match = _RANGE.fullmatch(part)
        if match is None:
            raise bad(
                at,
                f"{show(part)} is no language.",
                "Give language tags by preference, for example lang=ja or lang=fr-CH,fr;q=0.9,en.",
            )
        weighted.append((float(match[2] or 1), match[1].lower()))
    ordered = sorted(weighted, key=lambda each: -each[0])
    return tuple(language for weight, language in ordered if weight)


def choose(languages: dict[str, Any], wanted: tuple[str, ...]) -> str:
    """Return the key of the text to show: the best match, else `@none`, else the first.

    A wanted tag is matched whole, then without its last parts, then by a more special key.
    """
    keys = {key.lower(): key for key in languages}
    for tag in wanted:
        if tag == "*":
            break
        shorter = tag
        while shorter:
            if shorter in keys:
                return keys[shorter]
            shorter = shorter.rpartition("-")[0]
        for lowered, key in keys.items():
            if lowered.startswith(tag + "-"):
                return key
    return DEFAULT if DEFAULT in languages else next(iter(languages))
