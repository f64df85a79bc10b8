"""English and Japanese: what the command line says, by the language of the terminal.

Texts stand in the code in English; `machi.japanese` has the Japanese of each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from machi.japanese import JAPANESE


def japanese(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether the locale asks for Japanese (LC_ALL, else LC_MESSAGES, else LANG)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return environment[name].lower().startswith("ja")
    return False


def t(text: str, /, **values: Any) -> str:
    """Return a text in the language of the terminal, with the values put in its braces."""
    if japanese():
        text = JAPANESE.get(first_line(text), text)
    return text.format(**values) if values else text


def failure(words: str) -> str:
    """Return why a delivery failed, as the broker says it, in the language of the terminal."""
    from broker.subscriptions.reasons import reason

    return reason(words, "ja" if japanese() else "en")


def first_line(text: str) -> str:
    """Return by what `machi.japanese` knows a text."""
    return text.strip("\b \n").partition("\n")[0]
